import GraphIR
import Operators
import Passes
import TensorCore
import Testing

/// Forms that a delegate admits, in the place of forms that it does not: equal results.
@Suite struct DelegateFormTests {
    private func run(_ pass: Pass, on graph: Graph) throws -> Graph {
        var result = graph
        try Pipeline([pass]).run(on: &result, verifyEveryPatch: true)
        return result
    }

    @Test(arguments: [(2, 2), (3, 3), (4, 4), (2, 3), (4, 2)])
    func halfPixelResizeIsARepeatedAndAveragedImage(height: Int, width: Int) throws {
        var graph = Graph(name: "resize")
        let input = graph.addInput("input", TensorType(.float32, [1, 3, 5, 2]))
        graph.addOutput(
            try graph.node(
                .resizeBilinear(ResizeOptions(alignCorners: false, halfPixelCenters: true)), input,
                graph.vector([3 * height, 5 * width])))
        let after = try run(.admittedResizes, on: graph)
        #expect(after.operatorNames == ["RESIZE_NEAREST_NEIGHBOR", "MIRROR_PAD", "DEPTHWISE_CONV_2D"])
        try expectSameResults(graph, after, .rounding)
    }

    /// Factors that are not whole, or 1 along an axis, and other origins stay.
    @Test(arguments: [([7, 10], true), ([3, 10], true), ([15, 25], true), ([6, 10], false)])
    func otherResizesStay(size: [Int], halfPixel: Bool) throws {
        var graph = Graph(name: "resize")
        let input = graph.addInput("input", TensorType(.float32, [1, 3, 5, 2]))
        graph.addOutput(
            try graph.node(
                .resizeBilinear(ResizeOptions(alignCorners: false, halfPixelCenters: halfPixel)), input,
                graph.vector(size)))
        #expect(try run(.admittedResizes, on: graph).operatorNames == ["RESIZE_BILINEAR"])
    }

    @Test(arguments: [Operator.leakyRelu(alpha: 0.2), .prelu, .unary(.abs)])
    func activationsBecomeTheLargerOfTwo(op: Operator) throws {
        var graph = Graph(name: "activation")
        let input = graph.addInput("input", TensorType(.float32, [1, 4, 4, 3]))
        let slopes = op == .prelu ? graph.floats([0, 0.5, 1], [3]) : nil
        graph.addOutput(try slopes.map { try graph.node(op, input, $0) } ?? graph.node(op, input))
        let after = try run(.admittedActivations, on: graph)
        #expect(after.operatorNames.last == "MAXIMUM")
        try expectSameResults(graph, after, .exact)
    }

    @Test func steeperSlopesStay() throws {
        var graph = Graph(name: "activation")
        let input = graph.addInput("input", TensorType(.float32, [1, 4, 4, 3]))
        let steep = try graph.node(.leakyRelu(alpha: 1.5), input)
        graph.addOutput(try graph.node(.prelu, steep, graph.floats([0, -0.5, 1], [3])))
        #expect(try run(.admittedActivations, on: graph).operatorNames == ["LEAKY_RELU", "PRELU"])
    }

    /// The largest difference between GELU and its logistic form is 0.0204, near x = 2.3.
    @Test func logisticGELUStaysNear() throws {
        var graph = Graph(name: "gelu")
        let input = graph.addInput("input", TensorType(.float32, [1, 2001]))
        graph.addOutput(try graph.node(.gelu(approximate: false), input))
        let after = try run(.logisticGELU, on: graph)
        #expect(after.operatorNames == ["MUL", "LOGISTIC", "MUL"])
        let points = Tensor((-1000...1000).map { Float($0) / 100 }, shape: [1, 2001])
        let (wanted, found) = (try evaluate(graph, [points])[0].doubles(), try evaluate(after, [points])[0].doubles())
        let worst = zip(wanted, found).map { abs($0 - $1) }.max() ?? 1
        #expect(worst < 0.021 && worst > 0.019)
    }

    /// ReLU6 on codes of 0..scale * 255: redundant when the range ends at or before 6.
    @Test(
        arguments: [(4 / 255, -128, true), (6 / 255, -128, true), (7 / 255, -128, false), (4 / 255, -100, false)]
            as [(Float, Int, Bool)])
    func activationsThatTheRangeEnforcesGo(scale: Float, zeroPoint: Int, goes: Bool) throws {
        var numbers = Numbers(seed: 3)
        let parameters = QuantizationParameters(scale: scale, zeroPoint: Int32(zeroPoint))
        let inputs = QuantizationParameters(scale: 0.05, zeroPoint: 3)
        var graph = Graph(name: "sum")
        let a = graph.addInput("a", TensorType(.int8, [1, 64], quantization: inputs))
        let b = graph.addConstant(
            Tensor((0..<64).map { _ in Int8(numbers.int(-128..<128)) }, shape: [1, 64], quantization: inputs), name: "b"
        )
        let sum = try graph.addNode(
            .binary(Binary(.add, activation: .relu6)), [a, b], names: ["sum"], location: "sum",
            quantization: [parameters])[0]
        graph.addOutput(sum)
        let after = try run(.redundantActivations, on: graph)
        #expect((after.nodes[0].op == .binary(Binary(.add))) == goes)
        let codes = Tensor((0..<64).map { Int8(clamping: $0 * 4 - 128) }, shape: [1, 64], quantization: inputs)
        #expect(try evaluate(graph, [codes])[0].isIdentical(to: evaluate(after, [codes])[0]))
    }

    @Test(arguments: [[1, 6, 8], [2, 3, 8], [5, 8]])
    func fullyConnectedFlattens(shape: [Int]) throws {
        var numbers = Numbers(seed: 4)
        var graph = Graph(name: "matrix")
        let input = graph.addInput("input", TensorType(.float32, Shape(shape)))
        graph.addOutput(
            try graph.node(
                .fullyConnected(FullyConnected(keepDimensions: true)), input, graph.constant(numbers.tensor([7, 8])),
                graph.constant(numbers.tensor([7]))))
        let after = try run(.flatMatrices, on: graph)
        #expect(!after.nodes.contains { $0.op == .fullyConnected(FullyConnected(keepDimensions: true)) })
        try expectSameResults(graph, after, .exact)
    }

    @Test(arguments: [false, true], [false, true])
    func batchedProductsRunOneByOne(left: Bool, right: Bool) throws {
        var graph = Graph(name: "product")
        let a = graph.addInput("a", TensorType(.float32, left ? [1, 3, 5, 4] : [1, 3, 4, 5]))
        let b = graph.addInput("b", TensorType(.float32, right ? [1, 3, 6, 5] : [1, 3, 5, 6]))
        graph.addOutput(try graph.node(.batchMatMul(BatchMatMul(adjointLeft: left, adjointRight: right)), a, b))
        let after = try run(.matricesOneByOne, on: graph)
        #expect(after.count("FULLY_CONNECTED") == 3 && after.count("BATCH_MATMUL") == 0)
        try expectSameResults(graph, after, .rounding)
    }

    @Test func fiveAxesBecomeFour() throws {
        var graph = Graph(name: "axes")
        let input = graph.addInput("input", TensorType(.float32, [1, 6, 36]))
        let heads = try graph.transposed(graph.reshaped(input, [1, 6, 3, 4, 3]), [2, 0, 3, 1, 4])
        let parts = try graph.addNode(
            .split(count: 3), [graph.scalar(0), heads], names: ["q", "k", "v"], location: "split")
        for part in parts { graph.addOutput(try graph.reshaped(part, [1, 4, 6, 3])) }
        var after = graph
        try Pipeline.delegateForms([.matrices]).run(on: &after, verifyEveryPatch: true)
        #expect(after.valueIDs.allSatisfy { after.type(of: $0).shape.rank <= 4 }, "\(after)")
        try expectSameResults(graph, after, .exact)
    }
}
