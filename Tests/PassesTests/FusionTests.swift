import GraphIR
import Operators
import Passes
import TensorCore
import Testing

/// Every fusion on the smallest graph that shows it: the graph before and after, and equal results.
@Suite struct FusionTests {
    static let pipeline = Pipeline.canonical(keepLayout: true)

    /// Runs the canonical pipeline and expects `operators` to be left, with the same results.
    private func expect(
        _ graph: Graph, becomes operators: [String], _ tolerance: Tolerance = .rounding,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var after = graph
        try FusionTests.pipeline.run(on: &after, verifyEveryPatch: true)
        #expect(after.operatorNames == operators, "\(graph)\n\(after)", sourceLocation: sourceLocation)
        try expectSameResults(graph, after, tolerance, sourceLocation: sourceLocation)
        var again = after
        try FusionTests.pipeline.run(on: &again)
        #expect(again.firstDifference(from: after) == nil, sourceLocation: sourceLocation)
    }

    private func start(_ shape: Shape) -> (Graph, ValueID) {
        var graph = Graph(name: "fusion")
        let input = graph.addInput("input", TensorType(.float32, shape))
        return (graph, input)
    }

    enum Linear: String, CaseIterable { case conv, grouped, depthwise, transposed, fullyConnected }

    /// Appends a linear operator with 6 result channels to an NHWC value of 4 channels.
    private func append(
        _ kind: Linear, to graph: inout Graph, _ x: ValueID, bias: Bool, padding: Padding = .same,
        _ numbers: inout Numbers
    ) throws -> ValueID {
        let offset = bias ? graph.constant(numbers.tensor([kind == .depthwise ? 8 : 6])) : nil
        switch kind {
        case .conv:
            return try graph.node(
                .conv2D(Conv2D(padding: padding)), x, graph.constant(numbers.tensor([6, 3, 3, 4])), offset)
        case .grouped:
            return try graph.node(
                .conv2D(Conv2D(padding: padding)), x, graph.constant(numbers.tensor([6, 3, 3, 2])), offset)
        case .depthwise:
            return try graph.node(
                .depthwiseConv2D(DepthwiseConv2D(padding: padding, depthMultiplier: 2)), x,
                graph.constant(numbers.tensor([1, 3, 3, 8])), offset)
        case .transposed:
            return try graph.node(
                .transposeConv(TransposeConv(stride: Extent2D(2), padding: .same)), graph.vector([1, 10, 12, 6]),
                graph.constant(numbers.tensor([6, 2, 2, 4])), x, offset)
        case .fullyConnected:
            return try graph.node(
                .fullyConnected(FullyConnected(keepDimensions: true)), x, graph.constant(numbers.tensor([6, 4])), offset
            )
        }
    }

    private static func name(_ kind: Linear) -> String {
        switch kind {
        case .conv, .grouped: "CONV_2D"
        case .depthwise: "DEPTHWISE_CONV_2D"
        case .transposed: "TRANSPOSE_CONV"
        case .fullyConnected: "FULLY_CONNECTED"
        }
    }

    @Test(arguments: Linear.allCases, [false, true])
    func normalisationBehindJoinsWeights(kind: Linear, bias: Bool) throws {
        var numbers = Numbers(seed: 5)
        var (graph, x) = start([1, 5, 6, 4])
        x = try append(kind, to: &graph, x, bias: bias, &numbers)
        let channels = graph.type(of: x).shape[3]
        x = try graph.node(.binary(Binary(.mul)), x, graph.constant(numbers.tensor([1, 1, 1, channels])))
        x = try graph.node(.binary(Binary(.sub)), graph.constant(numbers.tensor([channels])), x)
        x = try graph.node(.unary(.relu6), x)
        graph.addOutput(x)
        try expect(graph, becomes: [FusionTests.name(kind)])
    }

    @Test(arguments: Linear.allCases, [Padding.same, .valid])
    func normalisationInFrontJoinsWeights(kind: Linear, padding: Padding) throws {
        var numbers = Numbers(seed: 6)
        var (graph, x) = start([1, 5, 6, 4])
        x = try graph.node(.binary(Binary(.div)), x, graph.constant(numbers.tensor([4], 0.5...2)))
        x = try graph.node(.binary(Binary(.add)), x, graph.constant(numbers.tensor([1, 4])))
        x = try append(kind, to: &graph, x, bias: true, padding: padding, &numbers)
        graph.addOutput(x)
        // An offset does not reach into padding, so it stays where there is any.
        let stays = kind != .fullyConnected && (padding == .same || kind == .transposed)
        try expect(graph, becomes: stays ? ["DIV", "ADD", FusionTests.name(kind)] : [FusionTests.name(kind)])
    }

    @Test func scaleInFrontJoinsWeightsDespitePadding() throws {
        var numbers = Numbers(seed: 7)
        var (graph, x) = start([1, 5, 6, 4])
        x = try graph.node(.binary(Binary(.mul)), graph.constant(numbers.tensor([1, 1, 4])), x)
        graph.addOutput(try append(.grouped, to: &graph, x, bias: false, &numbers))
        try expect(graph, becomes: ["CONV_2D"])
    }

    @Test func sharedResultIsNotFused() throws {
        var numbers = Numbers(seed: 8)
        var (graph, x) = start([1, 5, 6, 4])
        x = try append(.conv, to: &graph, x, bias: true, &numbers)
        graph.addOutput(x)
        graph.addOutput(try graph.node(.unary(.relu), x))
        try expect(graph, becomes: ["CONV_2D", "RELU"], .exact)
    }

    @Test(arguments: [(0, 6, "RELU6"), (-1, 1, "RELU_N1_TO_1"), (0, 1, "")] as [(Float, Float, String)])
    func clipsBecomeActivations(lower: Float, upper: Float, name: String) throws {
        for lowerFirst in [false, true] {
            var (graph, x) = start([2, 7])
            let (low, high) = (graph.floats([lower], []), graph.floats([upper], [1]))
            x = try graph.node(.binary(Binary(lowerFirst ? .maximum : .minimum)), x, lowerFirst ? low : high)
            x = try graph.node(.binary(Binary(lowerFirst ? .minimum : .maximum)), lowerFirst ? high : low, x)
            graph.addOutput(x)
            let kept = lowerFirst ? ["RELU", "MINIMUM"] : ["MINIMUM", "RELU"]
            try expect(graph, becomes: name.isEmpty ? kept : [name], .exact)
        }
    }

    @Test(arguments: [(5, 6, 3, 1), (8, 8, 3, 2), (7, 9, 5, 2)])
    func paddingJoinsConvolution(height: Int, width: Int, window: Int, stride: Int) throws {
        var numbers = Numbers(seed: 9)
        for depthwise in [false, true] {
            var (graph, x) = start([1, height, width, 2])
            let rows = WindowGeometry(input: height, window: window, stride: stride, padding: .same)
            let columns = WindowGeometry(input: width, window: window, stride: stride, padding: .same)
            let paddings = [
                0, 0, rows.before, window - rows.before, columns.before, window - columns.before, 0, 0,
            ].map { Int32($0) }
            x = try graph.node(.pad, x, graph.constant(Tensor(paddings, shape: [4, 2])))
            let extent = Extent2D(stride)
            if depthwise {
                x = try graph.node(
                    .depthwiseConv2D(DepthwiseConv2D(stride: extent, padding: .valid)), x,
                    graph.constant(numbers.tensor([1, window, window, 2])), nil)
            } else {
                x = try graph.node(
                    .conv2D(Conv2D(stride: extent, padding: .valid)), x,
                    graph.constant(numbers.tensor([3, window, window, 2])), nil)
            }
            graph.addOutput(x)
            let fits = graph.type(of: x).shape[1] == rows.output && graph.type(of: x).shape[2] == columns.output
            try expect(
                graph, becomes: (fits ? [] : ["PAD"]) + [depthwise ? "DEPTHWISE_CONV_2D" : "CONV_2D"], .exact)
        }
    }

    @Test func asymmetricPaddingStays() throws {
        var numbers = Numbers(seed: 9)
        var (graph, x) = start([1, 8, 8, 2])
        // SAME with stride 2 puts the odd row behind; here it is in front.
        x = try graph.node(.pad, x, graph.constant(Tensor([0, 0, 1, 0, 1, 0, 0, 0] as [Int32], shape: [4, 2])))
        x = try graph.node(
            .conv2D(Conv2D(stride: Extent2D(2), padding: .valid)), x, graph.constant(numbers.tensor([3, 3, 3, 2])), nil)
        graph.addOutput(x)
        try expect(graph, becomes: ["PAD", "CONV_2D"], .exact)
    }

    @Test func paddingJoinsMaximumPooling() throws {
        var (graph, x) = start([1, 8, 8, 2])
        let lowest = graph.constant(Tensor(scalar: -Float.infinity))
        x = try graph.node(
            .padV2, x, graph.constant(Tensor([0, 0, 0, 1, 0, 1, 0, 0] as [Int32], shape: [4, 2])), lowest)
        x = try graph.node(.maxPool2D(Pool2D(window: Extent2D(3), stride: Extent2D(2), padding: .valid)), x)
        graph.addOutput(x)
        try expect(graph, becomes: ["MAX_POOL_2D"], .exact)
    }

    @Test func productWithConstantBecomesFullyConnected() throws {
        var numbers = Numbers(seed: 10)
        var (graph, x) = start([2, 3, 4])
        x = try graph.node(.batchMatMul(BatchMatMul()), x, graph.constant(numbers.tensor([4, 5])))
        x = try graph.node(.binary(Binary(.add)), x, graph.constant(numbers.tensor([5])))
        graph.addOutput(x)
        try expect(graph, becomes: ["FULLY_CONNECTED"])
    }

    @Test func softmaxWrittenOut() throws {
        var (graph, x) = start([2, 3, 4])
        let maximum = try graph.node(.reduce(Reduction(.max, keepDimensions: true)), x, graph.vector([2]))
        x = try graph.node(.unary(.exp), graph.node(.binary(Binary(.sub)), x, maximum))
        let sum = try graph.node(.reduce(Reduction(.sum, keepDimensions: true)), x, graph.vector([-1]))
        graph.addOutput(try graph.node(.binary(Binary(.div)), x, sum))
        try expect(graph, becomes: ["SOFTMAX"])
    }

    // MARK: Functions written out

    /// Helpers that write arithmetic as importers do.
    private struct Arithmetic {
        var graph: Graph
        mutating func op(_ kind: Binary.Kind, _ a: ValueID, _ b: Float) throws -> ValueID {
            try graph.node(.binary(Binary(kind)), a, graph.floats([b], []))
        }
        mutating func op(_ kind: Binary.Kind, _ a: ValueID, _ b: ValueID) throws -> ValueID {
            try graph.node(.binary(Binary(kind)), a, b)
        }
        mutating func polynomial(_ x: ValueID, _ coefficients: [Float]) throws -> ValueID {
            var result = try op(.mul, x, coefficients[0])
            for coefficient in coefficients.dropFirst().dropLast() {
                result = try op(.mul, op(.add, result, coefficient), x)
            }
            return try op(.add, result, coefficients[coefficients.count - 1])
        }
        /// erf as a quotient of polynomials.
        mutating func erf(_ value: ValueID) throws -> ValueID {
            let x = try op(.minimum, op(.maximum, value, -4), 4)
            let squared = try op(.mul, x, x)
            let quotient = try op(
                .div,
                polynomial(
                    squared,
                    [
                        1.9110762750074173e-08, -1.9423021058173617e-06, 0.000147285929415375, 0.003990571480244398,
                        0.05152490362524986, 0.20712542533874512, 1.1283791065216064,
                    ]),
                polynomial(
                    squared, [0.001021110569126904, 0.014958078041672707, 0.11797081679105759, 0.516891360282898, 1]))
            return try op(.minimum, op(.maximum, op(.mul, x, quotient), -1), 1)
        }
    }

    @Test(arguments: 0..<4) func erfGelu(form: Int) throws {
        let (graph, x) = start([3, 5])
        var a = Arithmetic(graph: graph)
        let scaled =
            form % 2 == 0 ? try a.op(.div, x, Float(2).squareRoot()) : try a.op(.mul, x, Float(0.5).squareRoot())
        let sum = try a.op(.add, a.erf(scaled), 1)
        let result =
            switch form {
            case 0: try a.op(.mul, a.op(.mul, x, sum), 0.5)
            case 1: try a.op(.mul, a.op(.mul, x, 0.5), sum)
            case 2: try a.op(.mul, a.op(.mul, sum, 0.5), x)
            default: try a.op(.div, a.op(.mul, sum, x), 2)
            }
        a.graph.addOutput(result)
        try expect(a.graph, becomes: ["GELU"])
    }

    @Test func tanhGelu() throws {
        let (graph, x) = start([3, 5])
        var a = Arithmetic(graph: graph)
        let cube = try a.op(.mul, a.op(.mul, x, x), x)
        let inner = try a.op(.mul, a.op(.add, a.op(.mul, cube, 0.044715), x), Float(0.7978845608))
        let sum = try a.op(.add, a.graph.node(.unary(.tanh), inner), 1)
        a.graph.addOutput(try a.op(.mul, a.op(.mul, x, 0.5), sum))
        try expect(a.graph, becomes: ["GELU"])
        var after = a.graph
        try FusionTests.pipeline.run(on: &after)
        #expect(after.nodes.first?.op == Operator.gelu(approximate: true))
    }

    @Test func hardSwish() throws {
        let (graph, x) = start([3, 5])
        var a = Arithmetic(graph: graph)
        let gate = try a.op(.minimum, a.op(.maximum, a.op(.add, x, 3), 0), 6)
        a.graph.addOutput(try a.op(.mul, x, a.op(.mul, gate, 1.0 / 6)))
        try expect(a.graph, becomes: ["HARD_SWISH"])
    }

    @Test func leakyRelu() throws {
        let (graph, x) = start([3, 5])
        var a = Arithmetic(graph: graph)
        a.graph.addOutput(try a.op(.maximum, a.op(.mul, x, 0.2), x))
        try expect(a.graph, becomes: ["LEAKY_RELU"])
    }

    @Test func similarFunctionIsLeftAlone() throws {
        let (graph, x) = start([3, 5])
        var a = Arithmetic(graph: graph)
        // Swish is no GELU.
        a.graph.addOutput(try a.op(.mul, x, a.graph.node(.unary(.logistic), x)))
        try expect(a.graph, becomes: ["LOGISTIC", "MUL"])
    }
}
