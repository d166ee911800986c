import GraphIR
import Operators
import Quantization
import TensorCore
import Testing

/// One convolution to eight channels, the first of them `factor` times the others.
private func network(factor: Float) throws -> Graph {
    var numbers = Numbers(state: 3)
    var graph = Graph(name: "network")
    let input = graph.addInput("input", TensorType(.float32, [1, 6, 6, 2]))
    var elements = numbers.tensor([8, 3, 3, 2]).elements(of: Float.self)
    for i in 0..<18 { elements[i] *= factor }
    let weights = graph.addConstant(Tensor(elements, shape: [8, 3, 3, 2]), name: "weights")
    let bias = graph.addConstant(Tensor([Float](repeating: 0, count: 8), shape: [8]), name: "bias")
    let op = Operator.conv2D(Conv2D(padding: .same, activation: .relu))
    graph.addOutput(try graph.addNode(op, [input, weights, bias], names: ["features"], location: "features")[0])
    return graph
}

private func constant(_ graph: Graph, _ count: Int) -> [[Tensor]] {
    (0..<count).map { i in
        graph.inputs.map {
            let shape = graph.type(of: $0.value).shape
            return Tensor([Float](repeating: Float(i) / 8, count: shape.elementCount), shape: shape)
        }
    }
}

@Suite struct CalibrationWarningTests {
    @Test func goodSamplesGiveNone() throws {
        let graph = try network(factor: 1)
        #expect(try statistics(graph, samples(graph, 8)).warnings(of: graph) == [])
    }

    @Test(arguments: [1, 3]) func fewSamples(count: Int) throws {
        let graph = try network(factor: 1)
        let warnings = try statistics(graph, samples(graph, count)).warnings(of: graph)
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("only \(count) calibration sample") ?? false)
    }

    @Test func constantPictures() throws {
        let graph = try network(factor: 1)
        let warnings = try statistics(graph, constant(graph, 8)).warnings(of: graph)
        #expect(warnings.contains { $0.contains("input input does not vary") })
    }

    @Test func notFinite() throws {
        let graph = try network(factor: 1)
        var data = samples(graph, 8)
        var elements = data[3][0].elements(of: Float.self)
        elements[5] = .nan
        data[3][0] = Tensor(elements, shape: data[3][0].shape)
        let warnings = try statistics(graph, data).warnings(of: graph)
        #expect(warnings.contains { $0.contains("NaN or infinite") && $0.contains("features") })
    }

    @Test(arguments: [(Float(100), false), (1e4, true), (1e30, true)])
    func wideChannels(factor: Float, warns: Bool) throws {
        let graph = try network(factor: factor)
        let warnings = try statistics(graph, samples(graph, 8)).wideChannelWarnings(of: graph)
        #expect(warnings.contains { $0.contains("channel 0 of features") } == warns)
    }
}
