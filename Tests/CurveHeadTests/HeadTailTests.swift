import CurveHead
import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

/// What lies behind the head, and heads that are no convolutions.
@Suite struct HeadTailTests {
    private static let features = QuantizationParameters(scale: 0.02, zeroPoint: 3)
    private static let result = QuantizationParameters(scale: 0.04, zeroPoint: -20)
    private static let codes = (0..<192).map { Int8(truncatingIfNeeded: $0 &* 89 &+ 17) }
    private static let kinds: [ExactCurve.Kind] = [.hilbert, .serpentine, .thermometer]

    /// A 1x1 convolution of 3 channels on 8 x 8 pixels, dequantised.
    private func head() throws -> HeadGraph {
        var head = HeadGraph(input: TensorType(.int8, [1, 8, 8, 3], quantization: Self.features))
        let weights = head.constant(HeadGraph.weights([127, -60, 31], [1, 1, 1, 3], scale: 0.01))
        try head.add(.conv2D(Conv2D(padding: .valid)), [head.last, weights], Self.result)
        try head.add(.dequantize, [head.last])
        return head
    }

    /// The real number before the tail, in binary64, clipped to the head's range.
    private var real: [Double] {
        (0..<64).map { pixel in
            let sum = zip([127, -60, 31], Self.codes[(3 * pixel)...]).reduce(0) { $0 + $1.0 * (Int($1.1) - 3) }
            return min(max(Double(sum) * Double(Float(0.02)) * Double(Float(0.01)), -108 * 0.04), 147 * 0.04)
        }
    }

    private func run(_ head: HeadGraph, _ kind: ExactCurve.Kind) throws -> (graph: Graph, note: String, depth: [Double])
    {
        var graph = head.finished()
        let note = try ExactHead.attach(ExactCurve(kind, order: 3), to: &graph, output: 0).note
        try graph.verify()
        #expect(graph.type(of: graph.outputs[0].value).elementType == .float32)
        let input = Tensor(Self.codes, shape: graph.type(of: graph.inputs[0].value).shape)
        let results = try Engine.allCases.map { try Plan(graph, options: RunOptions(engine: $0)).run([input])[0] }
        // Interpolated numbers of magnitude up to 6 may differ in their last place, all others have the same bits.
        let isResampled = graph.nodes.contains { node in
            if case .resizeBilinear = node.op { return graph.type(of: node.outputs[0]).elementType == .float32 }
            return false
        }
        let differences = zip(results[0].doubles(), results[1].doubles()).map { abs($0 - $1) }
        #expect(isResampled ? differences.allSatisfy { $0 < 1e-6 } : results[0].isIdentical(to: results[1]))
        return (graph, note, results[0].doubles())
    }

    /// One level of a curve of order 3, with the unit of the accumulator.
    private let level = 255 * 0.04 / 2040 + 0.0002

    /// Element-wise functions are in the table: depth is the function's value within its largest slope times a level.
    @Test(arguments: kinds)
    func functionsFoldIntoTheTable(kind: ExactCurve.Kind) throws {
        for (add, function, slope) in Self.tails {
            var graph = try head()
            try add(&graph)
            let (attached, note, depth) = try run(graph, kind)
            let folded = attached.nodes.allSatisfy { node in
                if case .unary = node.op { return false }
                if case .binary = node.op { return false }
                return true
            }
            #expect(folded && note.contains("in the table"), "\(note)")
            for (found, x) in zip(depth, real) { #expect(abs(found - function(x)) <= slope * level + 1e-5) }
        }
    }

    private typealias Tail = (
        add: @Sendable (inout HeadGraph) throws -> Void, function: @Sendable (Double) -> Double, slope: Double
    )

    private static let tails: [Tail] = [
        ({ try $0.add(.unary(.logistic), [$0.last]) }, { 1 / (1 + exponential(-$0)) }, 0.25),
        (
            { head in
                try head.add(.leakyRelu(alpha: 0.25), [head.last])
                let half = head.constant(Tensor(scalar: Float(0.5)))
                try head.add(.binary(Binary(.mul)), [half, head.last])
            }, { ($0 < 0 ? 0.25 * $0 : $0) * 0.5 }, 0.5
        ),
        (
            { head in
                let (five, two) = (head.constant(Tensor(scalar: Float(5))), head.constant(Tensor(scalar: Float(2))))
                try head.add(.binary(Binary(.add)), [head.last, five])
                try head.add(.binary(Binary(.div)), [two, head.last])
            }, { 2 / ($0 + 5) }, 2 / (0.68 * 0.68)
        ),
    ]

    /// e^x by its series, to owe nothing to the code that is tested.
    private static func exponential(_ x: Double) -> Double {
        var (sum, term) = (1.0, 1.0)
        for n in 1..<60 {
            term *= x / Double(n)
            sum += term
        }
        return sum
    }

    /// A movement behind the head is the same movement of depth.
    @Test(arguments: kinds)
    func selectionsMoveDepth(kind: ExactCurve.Kind) throws {
        var graph = try head()
        let size = graph.constant(Tensor([Int32(16), 16], shape: [2]))
        try graph.add(
            .resizeNearestNeighbor(ResizeOptions(alignCorners: false, halfPixelCenters: false)), [graph.last, size])
        let order = graph.constant(Tensor([Int32(0), 3, 1, 2], shape: [4]))
        try graph.add(.transpose, [graph.last, order])
        let (attached, _, depth) = try run(graph, kind)
        let alone = try run(head(), kind).depth
        #expect(attached.type(of: attached.outputs[0].value).shape == [1, 1, 16, 16])
        for (index, value) in depth.enumerated() { #expect(value == alone[index / 32 * 8 + index % 16 / 2]) }
    }

    /// Two-component heads decode before a resampling, whose operator then sees depth; functions behind it stay.
    @Test func decodesBeforeResampling() throws {
        var graph = try head()
        let size = graph.constant(Tensor([Int32(16), 16], shape: [2]))
        try graph.add(.resizeBilinear(ResizeOptions(alignCorners: false, halfPixelCenters: true)), [graph.last, size])
        try graph.add(.unary(.relu), [graph.last])
        let (attached, note, depth) = try run(graph, .hilbert)
        #expect(note.contains("in float behind the decode: RESIZE_BILINEAR, RELU"))
        let names = attached.nodes.map(\.op.name)
        #expect(try #require(names.firstIndex(of: "GATHER")) < #require(names.firstIndex(of: "RESIZE_BILINEAR")))
        #expect(depth.allSatisfy { $0 >= 0 })
        // Between two pixels of one row, a quarter of the way from the first to the second.
        let alone = try run(head(), .hilbert).depth
        let corner = Float(0.75) * Float(alone[0]) + Float(0.25) * Float(alone[1])
        #expect(abs(depth[1] - max(Double(corner), 0)) < 1e-5)
    }

    /// A thermometer's codes pass the resampling and everything behind it is in the table.
    @Test func thermometersSurviveResampling() throws {
        var graph = try head()
        let size = graph.constant(Tensor([Int32(16), 16], shape: [2]))
        try graph.add(.resizeBilinear(ResizeOptions(alignCorners: false, halfPixelCenters: true)), [graph.last, size])
        try graph.add(.unary(.logistic), [graph.last])
        let (attached, note, depth) = try run(graph, .thermometer)
        #expect(note.contains("in the table: LOGISTIC"))
        let names = attached.nodes.map(\.op.name)
        #expect(try #require(names.firstIndex(of: "RESIZE_BILINEAR")) < #require(names.firstIndex(of: "GATHER")))
        // Eight codes rounded to a level each, half a level for the head itself, slope 1/4.
        let (a, b) = (real[0], real[1])
        let wanted = 1 / (1 + Self.exponential(-(0.75 * a + 0.25 * b)))
        #expect(abs(depth[1] - wanted) <= 0.25 * 4.5 * level + 1e-5)
    }

    /// The other linear operators: depth is their real result, clipped, within a level.
    @Test(arguments: kinds)
    func otherLinearOperatorsHaveHeads(kind: ExactCurve.Kind) throws {
        var dense = HeadGraph(input: TensorType(.int8, [64, 3], quantization: Self.features))
        let denseWeights = dense.constant(HeadGraph.weights([127, -60, 31], [1, 3], scale: 0.01))
        try dense.add(
            .fullyConnected(FullyConnected(keepDimensions: true)), [dense.last, denseWeights], Self.result)
        let found = try run(dense, kind)
        #expect(found.graph.type(of: found.graph.outputs[0].value).shape == [64, 1])
        for (depth, wanted) in zip(found.depth, real) { #expect(abs(depth - wanted) <= level) }

        var spread = HeadGraph(input: TensorType(.int8, [1, 8, 8, 3], quantization: Self.features))
        let spreadWeights = spread.constant(HeadGraph.weights([127, -60, 31], [1, 1, 1, 3], scale: 0.01))
        let shape = spread.constant(Tensor([Int32(1), 16, 16, 1], shape: [4]))
        try spread.add(
            .transposeConv(TransposeConv(stride: Extent2D(2), padding: .same)), [shape, spreadWeights, spread.last],
            Self.result)
        let transposed = try run(spread, kind).depth
        for pixel in 0..<64 {
            #expect(abs(transposed[pixel / 8 * 32 + pixel % 8 * 2] - real[pixel]) <= level)
        }

        var single = HeadGraph(input: TensorType(.int8, [1, 8, 24, 1], quantization: Self.features))
        let singleWeights = single.constant(
            Tensor(
                [Int8(127)], shape: [1, 1, 1, 1],
                quantization: QuantizationParameters(scales: [0.01], zeroPoints: [0], axis: 3)))
        try single.add(.depthwiseConv2D(DepthwiseConv2D(padding: .same)), [single.last, singleWeights], Self.result)
        for (depth, code) in zip(try run(single, kind).depth, Self.codes) {
            let wanted = Double((Int(code) - 3) * 127) * Double(Float(0.02)) * Double(Float(0.01))
            #expect(abs(depth - min(max(wanted, -4.32), 5.88)) <= level)
        }
    }

    @Test func refusesWhatNoAccumulatorHolds() throws {
        func refusal(_ change: (inout HeadGraph) throws -> Void) throws -> String {
            var head = try head()
            try change(&head)
            var graph = head.finished()
            do {
                _ = try ExactHead.attach(ExactCurve(.hilbert, order: 2), to: &graph, output: 0)
                return "nothing"
            } catch { return "\(error)" }
        }
        let square = try refusal { try $0.add(.unary(.square), [$0.last]) }
        #expect(square.contains("SQUARE") && square.contains("monotone"))
        let sum = try refusal { head in
            let first = head.last
            try head.add(.unary(.tanh), [first])
            try head.add(.binary(Binary(.add)), [first, head.last])
        }
        #expect(sum.contains("ADD") && sum.contains("iterative refinement"))
        let float = try refusal { head in
            let weights = head.constant(Tensor([Float(1)], shape: [1, 1, 1, 1]))
            try head.add(.conv2D(Conv2D(padding: .valid)), [head.last, weights])
        }
        #expect(float.contains("CONV_2D") && float.contains("float32"))
        let wide = try refusal { head in
            let weights = head.constant(Tensor([Float(1), 2], shape: [2, 1, 1, 1]))
            try head.add(.conv2D(Conv2D(padding: .valid)), [head.last, weights])
        }
        #expect(wide.contains("2 results per pixel"))
        let bare = try refusal { $0.last = $0.graph.inputs[0].value }
        #expect(bare.contains("features"))
    }
}
