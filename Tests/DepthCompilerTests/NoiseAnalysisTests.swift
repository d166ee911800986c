import DepthCompiler
import Foundation
import Operators
import Testing

/// A small quantised network with what NumPy says of its noise; tools/record_noise_analysis.py makes the file.
private struct Recorded: Decodable {
    struct Layer: Decodable {
        var weights: [Float]
        var bias: [Float]
        var scales: [Float]
        var codes: [Float]
        var biasCodes: [Float]
    }
    struct Figures: Decodable {
        var own: Double
        var accumulated: Double
        var clipped: Double
        var outputError: Double
    }
    struct Expected: Decodable {
        var operators: [Figures]
        var total: Double
    }
    var shape: [Int]
    var channels: [Int]
    var scales: [Float]
    var zeroPoints: [Int32]
    var input: [[Float]]
    var layers: [Layer]
    var expected: Expected

    static func load() throws -> Recorded {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/noise_analysis.json")
        return try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: file))
    }

    static let names = ["input/quantize", "first", "second"]

    func parameters(_ index: Int) -> QuantizationParameters {
        QuantizationParameters(scale: scales[index], zeroPoint: zeroPoints[index])
    }

    private var inputShape: Shape { Shape([1] + shape + [channels[0]]) }

    func floatGraph() throws -> Graph {
        var graph = Graph(name: "float")
        var value = graph.addInput("input", TensorType(.float32, inputShape))
        for (index, layer) in layers.enumerated() {
            let weights = Tensor(layer.weights, shape: [channels[index + 1], 1, 1, channels[index]])
            let bias = Tensor(layer.bias, shape: [channels[index + 1]])
            value = try convolution(&graph, value, index, weights, bias, nil)
        }
        graph.addOutput(value)
        return graph
    }

    func quantizedGraph() throws -> Graph {
        var graph = Graph(name: "quantised")
        let input = graph.addInput("input", TensorType(.float32, inputShape))
        var value = try graph.addNode(
            .quantize(to: .int8), [input], names: [Self.names[0]], location: Self.names[0],
            quantization: [parameters(0)])[0]
        for (index, layer) in layers.enumerated() {
            let outputs = channels[index + 1]
            let zeros = [Int32](repeating: 0, count: outputs)
            let weights = Tensor(
                layer.codes.map { Int8($0) }, shape: [outputs, 1, 1, channels[index]],
                quantization: QuantizationParameters(scales: layer.scales, zeroPoints: zeros, axis: 0))
            let bias = Tensor(
                layer.biasCodes.map { Int32($0) }, shape: [outputs],
                quantization: QuantizationParameters(
                    scales: layer.scales.map { $0 * scales[index] }, zeroPoints: zeros, axis: 0))
            value = try convolution(&graph, value, index, weights, bias, parameters(index + 1))
        }
        graph.addOutput(try graph.addNode(.dequantize, [value], names: ["output"], location: "output")[0])
        return graph
    }

    private func convolution(
        _ graph: inout Graph, _ input: ValueID, _ index: Int, _ weights: Tensor, _ bias: Tensor,
        _ quantization: QuantizationParameters?
    ) throws -> ValueID {
        let name = Self.names[index + 1]
        let op = Operator.conv2D(Conv2D(padding: .valid, activation: index == 0 ? .relu : .none))
        let operands = [
            input, graph.addConstant(weights, name: "\(name)/weights"), graph.addConstant(bias, name: "\(name)/bias"),
        ]
        return try graph.addNode(op, operands, names: [name], location: name, quantization: [quantization])[0]
    }

    func samples() -> [NoiseAnalysis.Sample] {
        input.map { values in
            let tensor = Tensor(values, shape: inputShape)
            return NoiseAnalysis.Sample(reference: [tensor], quantized: [tensor])
        }
    }
}

/// Float32 sums against binary64 ones: errors of the noise are below 1e-4 of it, which is 0.001 dB.
private let closeDecibels = 0.002
private let closeShare = 2e-4

@Suite struct NoiseAnalysisTests {
    @Test(arguments: [Engine.fast, .reference])
    func figuresAreThoseOfNumPy(engine: Engine) throws {
        let recorded = try Recorded.load()
        let analysis = try NoiseAnalysis(
            quantized: recorded.quantizedGraph(), reference: recorded.floatGraph(), samples: recorded.samples(),
            options: RunOptions(engine: engine))
        #expect(analysis.usesFloatWeights && analysis.operators.count == 4 && analysis.measuredCount == 3)
        for (name, wanted) in zip(Recorded.names, recorded.expected.operators) {
            let found = try #require(analysis.operators.first { $0.name == name })
            #expect(abs(try #require(found.ownSQNR) - wanted.own) < closeDecibels, "\(name)")
            #expect(abs(try #require(found.accumulatedSQNR) - wanted.accumulated) < closeDecibels, "\(name)")
            #expect(found.clipped == wanted.clipped, "\(name)")
            #expect(abs(try #require(found.outputError) / wanted.outputError - 1) < closeShare, "\(name)")
        }
        #expect(abs(analysis.outputError / recorded.expected.total - 1) < closeShare)
        let order = analysis.operators.prefix(3).compactMap(\.outputError)
        #expect(order == order.sorted(by: >))
    }

    /// Without the float graph's names the weights are dequantised: their rounding is no noise then, and it is said.
    @Test func anotherGraphsWeightsAreNotUsed() throws {
        let recorded = try Recorded.load()
        var other = try recorded.floatGraph()
        for node in other.nodes { other.rename(node.outputs[0], "other \(node.location)") }
        let sound = try NoiseAnalysis(
            quantized: recorded.quantizedGraph(), reference: recorded.floatGraph(), samples: recorded.samples())
        let analysis = try NoiseAnalysis(
            quantized: recorded.quantizedGraph(), reference: other, samples: recorded.samples())
        #expect(!analysis.usesFloatWeights)
        func own(_ analysis: NoiseAnalysis) -> Double? { analysis.operators.first { $0.name == "second" }?.ownSQNR }
        #expect(try #require(own(analysis)) > #require(own(sound)))
    }

    @Test func outputsMustMatch() throws {
        let recorded = try Recorded.load()
        var graph = try recorded.floatGraph()
        graph.outputs[0].value = graph.inputs[0].value
        #expect(throws: Diagnostic.self) {
            try NoiseAnalysis(
                quantized: recorded.quantizedGraph(), reference: graph, samples: recorded.samples())
        }
    }
}
