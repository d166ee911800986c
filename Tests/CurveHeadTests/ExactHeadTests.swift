import CurveHead
import Foundation
import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

/// What NumPy gave (tools/record_exact_heads.py).
struct RecordedHead: Decodable, Sendable, CustomTestStringConvertible {
    private struct File: Decodable { var cases: [RecordedHead] }

    var kind: String
    var order: Int
    var activation: String
    var inputScale: Float
    var inputZeroPoint: Int32
    var weightScale: Float
    var outputScale: Float
    var outputZeroPoint: Int32
    var bias: Int32
    var weights: [Int8]
    var codes: [Int8]
    var hinges: [Int32]
    var components: [Int8]?
    /// The accumulator in real units, clipped to the head's range.
    var real: [Double]
    /// One level of the curve.
    var step: Double

    var testDescription: String { "\(kind) \(order)" }

    static let all: [RecordedHead] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/exact_heads.json")
        guard let data = try? Data(contentsOf: path), let read = try? JSONDecoder().decode(File.self, from: data)
        else { fatalError("\(path.path) cannot be read") }
        return read.cases
    }()

    func curve() throws -> ExactCurve { try ExactCurve(#require(ExactCurve.Kind(rawValue: kind)), order: order) }
}

/// Graphs that end in a linear operator on int8 codes.
struct HeadGraph {
    var graph = Graph(name: "head")
    var last: ValueID

    init(input: TensorType) { last = graph.addInput("features", input) }

    mutating func constant(_ tensor: Tensor) -> ValueID { graph.addConstant(tensor, name: "constant") }

    mutating func add(_ op: Operator, _ inputs: [ValueID], _ parameters: QuantizationParameters? = nil) throws {
        last = try graph.addNode(
            op, inputs, names: ["value \(graph.nodes.count)"], location: "node \(graph.nodes.count)",
            quantization: [parameters])[0]
    }

    /// A graph whose output is the result; the head is not attached yet.
    func finished() -> Graph {
        var result = graph
        result.addOutput(last, sourceName: "depth")
        return result
    }

    static func weights(_ codes: [Int8], _ shape: Shape, scale: Float) -> Tensor {
        Tensor(codes, shape: shape, quantization: QuantizationParameters(scales: [scale], zeroPoints: [0], axis: 0))
    }
}

@Suite struct ExactHeadTests {
    /// Table entries are binary32 means of real numbers up to 100.
    private static let float32Rounding = 100 * Double(Float.ulpOfOne)

    private func graph(_ recorded: RecordedHead) throws -> Graph {
        let count = recorded.codes.count / recorded.weights.count
        var head = HeadGraph(
            input: TensorType(
                .int8, [1, 4, count / 4, recorded.weights.count],
                quantization: QuantizationParameters(
                    scale: recorded.inputScale, zeroPoint: recorded.inputZeroPoint)))
        let weights = head.constant(
            HeadGraph.weights(recorded.weights, [1, 1, 1, recorded.weights.count], scale: recorded.weightScale))
        let bias = head.constant(Tensor([recorded.bias], shape: [1]))
        let activation: Activation = ["relu": .relu, "relu6": .relu6][recorded.activation] ?? .none
        try head.add(
            .conv2D(Conv2D(padding: .valid, activation: activation)), [head.last, weights, bias],
            QuantizationParameters(scale: recorded.outputScale, zeroPoint: recorded.outputZeroPoint))
        try head.add(.dequantize, [head.last])
        return head.finished()
    }

    @Test(arguments: RecordedHead.all, Engine.allCases)
    func integersAreNumPys(_ recorded: RecordedHead, engine: Engine) throws {
        var graph = try graph(recorded)
        let input = Tensor(recorded.codes, shape: graph.type(of: graph.inputs[0].value).shape)
        let result = try ExactHead.attach(recorded.curve(), to: &graph, output: 0)
        #expect(result.note.contains("CONV_2D node 0"))
        try graph.verify()
        let plan = try Plan(graph, options: RunOptions(engine: engine, threads: 2))
        var observed: [String: Tensor] = [:]
        let depth = try plan.run([input]) { id, tensor in observed[graph[id].name] = tensor }[0]
        let hinges = try #require(observed.first { $0.key.hasSuffix("/hinges") }).value
        #expect(hinges.elements(of: Int8.self).map { Int32($0) + 128 } == recorded.hinges)
        if let components = recorded.components {
            let found = try #require(observed.first { $0.key.hasSuffix("/components") }).value
            #expect(found.elements(of: Int8.self) == components)
        }
        // One level, and the accumulator's own unit, which the shortest hinges here are not much longer than.
        let unit = Double(recorded.inputScale) * Double(recorded.weightScale)
        let worst = zip(depth.doubles(), recorded.real).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= recorded.step + unit + Self.float32Rounding, "\(worst / recorded.step) levels")
        let unobserved = try plan.run([input])[0]
        #expect(unobserved.isIdentical(to: depth), "the fused decode has the bits of the three operators")
    }

    /// Half a level on average over a fine accumulator: 1 / sqrt(12) levels of RMSE, for any curve.
    @Test(arguments: [
        (ExactCurve.Kind.hilbert, 2), (.hilbert, 3), (.hilbert, 4), (.serpentine, 2), (.serpentine, 3),
        (.serpentine, 4),
        (.thermometer, 1), (.thermometer, 4),
    ])
    func roundingErrorIsThatOfTheLevels(kind: ExactCurve.Kind, order: Int) throws {
        // Accumulators 0, 1, ... 2^16 - 1: the second channel counts, the first one counts its overflows.
        var head = HeadGraph(
            input: TensorType(
                .int8, [1, 256, 256, 3], quantization: QuantizationParameters(scale: 1, zeroPoint: -128)))
        let weights = head.constant(HeadGraph.weights([127, 127, 2], [1, 1, 1, 3], scale: 1))
        let codes = (0..<65536).flatMap { index -> [Int8] in
            let (high, low) = (index / 256, index % 256)
            return [high, high, low].map { Int8($0 - 128) }
        }
        // Codes of depth have steps of (254 * 255 + 510) / 255 = 256 units.
        try head.add(
            .conv2D(Conv2D(padding: .valid)), [head.last, weights],
            QuantizationParameters(scale: 256, zeroPoint: -128))
        var graph = head.finished()
        let curve = try ExactCurve(kind, order: order)
        _ = try ExactHead.attach(curve, to: &graph, output: 0)
        let input = Tensor(codes, shape: [1, 256, 256, 3])
        let depth = try Plan(graph).run([input])[0].doubles()
        let real: [Double] = (0..<65536).map { (index: Int) -> Double in
            let sum: Int = 254 * (index / 256) + 2 * (index % 256)
            return Double(sum)
        }
        let level = 65280 / Double(curve.length)
        let squares: [Double] = zip(depth, real).map { (found: Double, wanted: Double) -> Double in
            let error = found - wanted
            return error * error
        }
        let rmse: Double = (squares.reduce(0, +) / 65536).squareRoot()
        #expect(abs(rmse / level - 1 / 12.0.squareRoot()) < 0.02, "\(rmse / level) levels")
        // Depth never falls where the accumulator rises.
        let order = real.indices.sorted { real[$0] < real[$1] }
        for (one, next) in zip(order, order.dropFirst()) {
            #expect(real[one] == real[next] ? depth[one] == depth[next] : depth[one] <= depth[next])
        }
    }

    @Test func aLongerCurveHasItsLevels() throws {
        #expect(try (1...4).map { try ExactCurve(.hilbert, order: $0).length } == [765, 1275, 2268, 4335])
        #expect(try (1...4).map { try ExactCurve(.serpentine, order: $0).length } == [765, 1275, 2292, 4335])
        #expect(try (1...4).map { try ExactCurve(.thermometer, order: $0).length } == [510, 1020, 2040, 4080])
        #expect(throws: Diagnostic.self) { try ExactCurve(.hilbert, order: 5) }
    }
}
