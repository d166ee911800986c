import GraphIR
import Operators
import Quantization
import TensorCore
import Testing

/// The latency model against times recorded by tools/measure/latency_model.py on the machine that its prices name.
struct LatencyModelTests {
    private static let codes = QuantizationParameters(scale: 0.1, zeroPoint: 0)

    private func type(_ shape: Shape, _ isFloat: Bool) -> TensorType {
        isFloat ? TensorType(.float32, shape) : TensorType(.int8, shape, quantization: Self.codes)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var op: Operator
        var inputs: [Shape]
        var output: Shape
        /// Microseconds: depthc in float and INT8, LiteRT in float and INT8.
        var recorded: [Double]
    }

    static func convolution(_ window: Int, _ channels: Int, _ height: Int, _ width: Int, _ recorded: [Double]) -> Case {
        let shape: Shape = [1, height, width, channels]
        return Case(
            testDescription: "\(window)x\(window) \(channels) \(height)x\(width)",
            op: .conv2D(Conv2D(padding: .same)), inputs: [shape, [channels, window, window, channels], [channels]],
            output: shape, recorded: recorded)
    }

    static let cases = [
        convolution(3, 8, 192, 128, [500.9, 418.9, 405.2, 565.2]),
        convolution(3, 32, 96, 64, [1245.5, 854.5, 1148.2, 1347.2]),
        convolution(3, 128, 48, 32, [4852.5, 3394.8, 4579.5, 4525.8]),
        convolution(1, 16, 96, 64, [73.0, 100.6, 43.1, 83.6]),
        convolution(1, 64, 48, 32, [167.5, 162.2, 134.6, 162.6]),
        Case(
            testDescription: "addition", op: .binary(Binary(.add)), inputs: [[1, 96, 64, 32], [1, 96, 64, 32]],
            output: [1, 96, 64, 32], recorded: [31.7, 40.8, 32.6, 36.4]),
        Case(
            testDescription: "bilinear",
            op: .resizeBilinear(ResizeOptions(alignCorners: false, halfPixelCenters: true)),
            inputs: [[1, 96, 64, 32], [2]], output: [1, 192, 128, 32], recorded: [164.0, 542.5, 262.6, 255.9]),
    ]

    /// Prices are fitted to all sizes of a class at once; single sizes are met within a third.
    @Test(arguments: cases)
    func meetsRecordedTimes(_ example: Case) {
        let engines: [LatencyModel] = [.depthc, .depthc, .liteRT, .liteRT]
        for index in 0..<4 {
            let isFloat = index % 2 == 0
            let cost = engines[index].cost(
                of: example.op, inputs: example.inputs.map { type($0, isFloat) },
                outputs: [type(example.output, isFloat)])
            #expect(abs(cost / 1e3 / example.recorded[index] - 1) < 0.34, "\(index): \(cost / 1e3) us")
        }
    }

    private func chain(float: Bool) throws -> Graph {
        var graph = Graph(name: "chain")
        var value = graph.addInput("x", type([1, 96, 64, 32], true))
        if !float {
            value = try graph.addNode(
                .quantize(to: .int8), [value], names: [], location: "quantize", quantization: [Self.codes])[0]
        }
        let weights =
            float
            ? Tensor([Float](repeating: 1, count: 9216), shape: [32, 3, 3, 32])
            : Tensor(
                [UInt8](repeating: 1, count: 9216), shape: [32, 3, 3, 32], as: .int8, quantization: Self.codes)
        let result = try graph.addNode(
            .conv2D(Conv2D(padding: .same)), [value, graph.addConstant(weights, name: "w")], names: [], location: "c",
            quantization: float ? nil : [Self.codes])[0]
        graph.addOutput(result)
        return graph
    }

    /// A float convolution costs more than an integer one with its bridge in depthc, and less in LiteRT without AVX-512.
    @Test func theWorseEngineCounts() throws {
        let (float, integer) = (try chain(float: true), try chain(float: false))
        let ratio = { (engine: LatencyModel, graph: Graph, base: Graph) in
            engine.cost(of: graph) / engine.cost(of: base)
        }
        #expect(ratio(.depthc, float, integer) > 1.2)
        #expect(ratio(.liteRT, float, integer) < 1)
        #expect(LatencyModel.ratio(of: float, to: integer) == ratio(.depthc, float, integer))
        #expect(LatencyModel.ratio(of: integer, to: float) == ratio(.liteRT, integer, float))
        #expect(LatencyModel.ratio(of: float, to: float) == 1)
    }
}
