import ONNXImporter
import TensorCore
import Testing

/// Shapes, fixed inputs, operator sets, and what is refused by name.
@Suite struct InputTests {
    private func relu(_ dimensions: [String], opset: Int = 17) -> [UInt8] {
        ONNX.model(
            ONNX.graph(
                [ONNX.node("Relu", ["x"], ["y"])], inputs: [ONNX.value("x", 1, dimensions)],
                outputs: [Message().adding(1, "y")]), opset: opset)
    }

    @Test func aSymbolicLeadingDimensionIsOneAndSaid() throws {
        let result = try imported(relu(["batch", "3"]))
        #expect(result.graph.type(of: result.graph.inputs[0].value).shape == [1, 3])
        #expect(result.assumptions.contains { $0.contains("batch") })
    }

    @Test func otherSymbolicDimensionsNeedAShape() throws {
        let diagnostic = try refusal(relu(["1", "height"]))
        #expect(diagnostic.code == .unsupported)
        #expect(diagnostic.suggestion?.contains("--shape x=") == true)
        let result = try imported(relu(["1", "height"]), .init(shapes: ["x": [1, 5]]))
        #expect(result.graph.type(of: result.graph.outputs[0].value).shape == [1, 5])
    }

    @Test func unknownNamesInOptionsAreRefused() throws {
        #expect(try refusal(relu(["1"]), .init(shapes: ["z": [1]])).code == .usage)
        #expect(try refusal(relu(["1", "2"]), .init(shapes: ["x": [1]])).code == .usage)
    }

    @Test(arguments: [3, 26]) func otherOperatorSetsAreRefused(opset: Int) throws {
        #expect(try refusal(relu(["1"], opset: opset)).message.contains("operator set"))
    }

    private static let reshape = ONNX.model(
        ONNX.graph(
            [ONNX.node("Reshape", ["x", "s"], ["y"])],
            inputs: [ONNX.value("x", 1, [2, 3]), ONNX.value("s", 7, [2])], outputs: [Message().adding(1, "y")]))

    @Test func anInputThatDecidesAShapeCanBeFixed() throws {
        let shape = Tensor([Int64(3), 2], shape: [2])
        let fixed = try imported(Self.reshape, .init(fixedInputs: ["s": shape]))
        #expect(fixed.graph.type(of: fixed.graph.outputs[0].value).shape == [3, 2])
        #expect(fixed.graph.inputs.map(\.sourceName) == ["x"])
    }

    @Test func anAvailableInputIsFixedOnlyWhenNeeded() throws {
        let available = [
            "s": Tensor([Int64(3), 2], shape: [2]), "x": Tensor([Float](repeating: 0, count: 6), shape: [2, 3]),
        ]
        let result = try imported(Self.reshape, .init(availableInputs: available))
        #expect(result.fixedInputs == ["s"])
        #expect(result.graph.inputs.map(\.sourceName) == ["x"])
    }

    @Test func anInputThatDecidesAShapeIsNamed() throws {
        let diagnostic = try refusal(Self.reshape)
        #expect(diagnostic.code == .unsupported)
        #expect(diagnostic.suggestion?.contains("--fix s=FILE") == true)
    }

    @Test(arguments: ["Loop", "Scan", "SequenceInsert", "StringConcat"]) func operatorsAreRefusedByName(
        type: String
    ) throws {
        let model = ONNX.model(
            ONNX.graph(
                [ONNX.node(type, ["x"], ["y"])], inputs: [ONNX.value("x", 1, [1])],
                outputs: [Message().adding(1, "y")]))
        let diagnostic = try refusal(model)
        #expect(diagnostic.code == .unsupported)
        #expect(diagnostic.description.contains(type))
    }

    @Test func otherDomainsAreRefusedByName() throws {
        let model = ONNX.model(
            ONNX.graph(
                [ONNX.node("Relu", ["x"], ["y"], domain: "my.domain")], inputs: [ONNX.value("x", 1, [1])],
                outputs: [Message().adding(1, "y")]))
        #expect(try refusal(model).description.contains("my.domain.Relu"))
    }

    @Test func functionsOfTheModelAreRefusedByName() throws {
        let function = Message().adding(1, "Twice").adding(10, "my.domain")
        #expect(try refusal(relu(["1"]) + Message().adding(25, function).bytes).description.contains("Twice"))
    }

    @Test func aBranchWithAKnownConditionIsInlined() throws {
        func branch(_ type: String) -> Message {
            ONNX.graph([ONNX.node(type, ["x"], ["b"])], outputs: [Message().adding(1, "b")])
        }
        for (condition, name) in [(1, "ABS"), (0, "NEG")] {
            let node = ONNX.node(
                "If", ["c"], ["y"],
                attributes: [
                    ONNX.attribute("then_branch", graph: branch("Abs")),
                    ONNX.attribute("else_branch", graph: branch("Neg")),
                ])
            let flag = ONNX.tensor("c", 9, []).adding(9, [UInt8(condition)])
            let model = ONNX.model(
                ONNX.graph(
                    [node], inputs: [ONNX.value("x", 1, [1])], outputs: [Message().adding(1, "y")],
                    initializers: [flag]))
            #expect(try imported(model).graph.nodes.map(\.op.name) == [name])
        }
    }

    @Test func initialisersThatAreInputsTooAreConstants() throws {
        let model = ONNX.model(
            ONNX.graph(
                [ONNX.node("Add", ["x", "w"], ["y"])], inputs: [ONNX.value("x", 1, [2]), ONNX.value("w", 1, [2])],
                outputs: [Message().adding(1, "y")], initializers: [ONNX.floats("w", [1, 2])]))
        #expect(try imported(model).graph.inputs.map(\.sourceName) == ["x"])
    }
}
