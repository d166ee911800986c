import Foundation
import ONNXImporter
import TensorCore
import Testing

/// Operators that have no builtin: what they become, and that it is right.
@Suite struct LoweringTests {
    /// The operators a one-node model becomes.
    private func operators(
        _ node: Message, inputs: [Message], initializers: [Message] = [], opset: Int = 17
    ) throws -> [String] {
        let graph = ONNX.graph(
            [node], inputs: inputs, outputs: [Message().adding(1, "y")], initializers: initializers)
        return try imported(ONNX.model(graph, opset: opset)).graph.nodes.map(\.op.name)
    }

    private let image = ONNX.value("x", 1, [1, 2, 6, 8])

    private func weights(_ shape: [Int]) -> Message {
        ONNX.floats("w", [Float](repeating: 0.5, count: shape.reduce(1, *)), shape)
    }

    /// Relative error at most 5e-7: the fit's 3.7e-7 in binary32 and one rounding of the expected value.
    @Test func erfIsAccurate() throws {
        let points = (-500...500).map { Float($0) / 100 }
        let graph = ONNX.graph(
            [ONNX.node("Erf", ["x"], ["y"])], outputs: [Message().adding(1, "y")],
            initializers: [ONNX.floats("x", points)])
        let result = try imported(ONNX.model(graph)).graph
        let values = try #require(result.constant(result.outputs[0].value)).doubles()
        for (x, y) in zip(points, values) {
            let exact = erf(Double(x))
            #expect(abs(y - exact) <= 5e-7 * abs(exact), "erf(\(x)) = \(y), not \(exact)")
        }
    }

    @Test func convolutionsAreWrappedInTransposes() throws {
        let node = ONNX.node("Conv", ["x", "w"], ["y"])
        #expect(
            try operators(node, inputs: [image], initializers: [weights([4, 2, 3, 3])])
                == ["TRANSPOSE", "CONV_2D", "TRANSPOSE"])
    }

    @Test func paddingThatIsNotTFLitesBecomesAPad() throws {
        let pads = [ONNX.attribute("pads", [1, 1, 1, 1]), ONNX.attribute("strides", [2, 2])]
        let node = ONNX.node("Conv", ["x", "w"], ["y"], attributes: pads)
        #expect(
            try operators(node, inputs: [image], initializers: [weights([4, 2, 3, 3])])
                == ["TRANSPOSE", "PAD", "CONV_2D", "TRANSPOSE"])
        let whole = ONNX.node("Conv", ["x", "w"], ["y"], attributes: [ONNX.attribute("pads", [1, 1, 1, 1])])
        #expect(
            try operators(whole, inputs: [image], initializers: [weights([4, 2, 3, 3])])
                == ["TRANSPOSE", "CONV_2D", "TRANSPOSE"])
    }

    @Test func oneGroupPerChannelIsDepthwise() throws {
        let node = ONNX.node("Conv", ["x", "w"], ["y"], attributes: [ONNX.attribute("group", 2)])
        #expect(
            try operators(node, inputs: [image], initializers: [weights([4, 1, 3, 3])])
                == ["TRANSPOSE", "DEPTHWISE_CONV_2D", "TRANSPOSE"])
    }

    @Test func threeSpatialAxesAreRefused() throws {
        let graph = ONNX.graph(
            [ONNX.node("Conv", ["x", "w"], ["y"])], inputs: [ONNX.value("x", 1, [1, 2, 4, 4, 4])],
            outputs: [Message().adding(1, "y")], initializers: [weights([4, 2, 3, 3, 3])])
        #expect(try refusal(ONNX.model(graph)).code == .unsupported)
    }

    @Test(arguments: [
        ("linear", "half_pixel", [1, 1, 2, 2], ["TRANSPOSE", "RESIZE_BILINEAR", "TRANSPOSE"]),
        ("linear", "align_corners", [1, 1, 2, 2], ["TRANSPOSE", "RESIZE_BILINEAR", "TRANSPOSE"]),
        ("nearest", "asymmetric", [1, 1, 2, 2], ["TRANSPOSE", "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE"]),
        ("nearest", "half_pixel", [1, 1, 3, 3], ["TRANSPOSE", "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE"]),
        ("linear", "half_pixel", [1, 2, 1, 1], ["RESIZE_BILINEAR"]),
        ("linear", "half_pixel", [2, 1, 1, 1], ["GATHER", "GATHER", "MUL", "MUL", "ADD"]),
        ("cubic", "half_pixel", [1, 1, 1, 2], ["FULLY_CONNECTED"]),
    ])
    func resizesUseABuiltinWhereOneIsExact(
        mode: String, coordinates: String, scales: [Int], expected: [String]
    ) throws {
        let node = ONNX.node(
            "Resize", ["x", "", "s"], ["y"],
            attributes: [
                ONNX.attribute("mode", mode), ONNX.attribute("coordinate_transformation_mode", coordinates),
            ])
        let found = try operators(
            node, inputs: [image], initializers: [ONNX.floats("s", scales.map { Float($0) })])
        #expect(found.sorted() == expected.sorted())
    }

    @Test func shapeArithmeticFoldsAway() throws {
        let nodes = [
            ONNX.node("Shape", ["x"], ["shape"]),
            ONNX.node("Gather", ["shape", "i"], ["rows"], attributes: [ONNX.attribute("axis", 0)]),
            ONNX.node("Concat", ["rows", "rest"], ["target"], attributes: [ONNX.attribute("axis", 0)]),
            ONNX.node("Reshape", ["x", "target"], ["y"]),
        ]
        let graph = ONNX.graph(
            nodes, inputs: [image], outputs: [Message().adding(1, "y")],
            initializers: [ONNX.int64s("i", [2]), ONNX.int64s("rest", [-1])])
        let result = try imported(ONNX.model(graph)).graph
        #expect(result.nodes.map(\.op.name) == ["RESHAPE"])
        #expect(result.type(of: result.outputs[0].value).shape == [6, 16])
    }

    @Test func writtenOutGeluIsOneOperator() throws {
        let nodes = [
            ONNX.node("Div", ["x", "root"], ["a"]), ONNX.node("Erf", ["a"], ["b"]),
            ONNX.node("Add", ["b", "one"], ["c"]), ONNX.node("Mul", ["x", "c"], ["d"]),
            ONNX.node("Mul", ["d", "half"], ["y"]),
        ]
        let graph = ONNX.graph(
            nodes, inputs: [image], outputs: [Message().adding(1, "y")],
            initializers: [
                ONNX.floats("root", [Float(2).squareRoot()], []), ONNX.floats("one", [1], []),
                ONNX.floats("half", [0.5], []),
            ])
        #expect(try imported(ONNX.model(graph)).graph.nodes.map(\.op.name) == ["GELU"])
    }
}
