import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

private let run = RunOptions(engine: .reference)

@Suite struct NarrowNoiseTests {
    private func narrow(_ graph: Graph, _ data: [[Tensor]]) throws -> Graph {
        var options = QuantizationOptions(range: .minMax, balanceChannels: false)
        options.widths = BitWidths(weights: 4, activations: 4)
        options.polishing = nil
        options.widths.keep8Bits(graph.endLayers().map { graph[$0].location })
        return try Quantizer.quantize(graph, statistics: statistics(graph, data), options: options).graph
    }

    /// 4-bit operands of one layer against a float graph with 16 levels in front of that layer alone. layer1 reads what a
    /// RELU clamps, layer2 values of both signs, behind a MAXIMUM.
    @Test(arguments: ["layer1", "layer2"])
    func measuresTheOperandsOfOneLayer(location: String) throws {
        let graph = try pointwiseChain([5, 6, 6, 3, 2])
        let data = samples(graph, 3)
        let quantised = try narrow(graph, data)
        let plan = try Plan(graph, options: run)
        let noise = try Quantizer.noise(
            of: quantised, reference: graph, plan: plan, samples: data, kinds: [.operands]
        ) { _, _ in }
        let node = try #require(graph.nodes.first { $0.location == location })
        let twin = try #require(quantised.nodes.first { $0.location == location })
        let operand = try #require(twin.inputs[0])
        let parameters = try #require(quantised.type(of: operand).quantization)
        #expect(parameters.zeroPoint >= 112)
        let found = try #require(noise.first { $0.kind == .operands && $0.value == node.outputs[0] })
        var error = OutputError()
        for sample in data {
            let wanted = try plan.run(sample)
            var results: Tensor?
            // The layer on rounded operands, with the channel means that bias correction gives back.
            let changed = try plan.run(
                sample,
                replacing: [
                    node.outputs[0]: { operands, result in
                        var rounded = try #require(operands[0])
                        rounded.withMutableElements(of: Float.self) { elements in
                            for i in elements.indices {
                                let code = (elements[i] / parameters.scale).rounded() + Float(parameters.zeroPoint)
                                elements[i] =
                                    (min(max(code, 112), 127) - Float(parameters.zeroPoint)) * parameters.scale
                            }
                        }
                        results = try Self.layer(node, graph, rounded)
                        return Self.withMeans(of: result, try #require(results))
                    }
                ])
            error.add(changed, wanted: wanted)
        }
        // The same codes; division and multiplication by the scale may round a few on the edge elsewhere.
        #expect(abs(found.relativeError - error.relative) < 0.02 * error.relative)
        #expect(found.relativeError > 0)
    }

    /// A 1x1 convolution written down.
    private static func layer(_ node: Node, _ graph: Graph, _ input: Tensor) throws -> Tensor {
        let weights = try #require(graph.constant(node.inputs[1]))
        let bias = try #require(graph.constant(node.inputs[2])).elements(of: Float.self)
        guard case .conv2D(let op) = node.op else { return input }
        let (w, x) = (weights.elements(of: Float.self), input.elements(of: Float.self))
        let (inputs, outputs) = (weights.shape[3], weights.shape[0])
        var result: [Float] = []
        for position in 0..<x.count / inputs {
            for output in 0..<outputs {
                var sum = bias[output]
                for i in 0..<inputs { sum += w[output * inputs + i] * x[position * inputs + i] }
                result.append(op.activation == .relu ? max(sum, 0) : sum)
            }
        }
        return Tensor(result, shape: graph.type(of: node.outputs[0]).shape)
    }

    private static func withMeans(of wanted: Tensor, _ changed: Tensor) -> Tensor {
        let channels = wanted.shape[-1]
        let (target, values) = (wanted.elements(of: Float.self), changed.elements(of: Float.self))
        var shift = [Double](repeating: 0, count: channels)
        for i in values.indices { shift[i % channels] += Double(target[i] - values[i]) }
        let rows = Double(values.count / channels)
        return Tensor(values.indices.map { values[$0] + Float(shift[$0 % channels] / rows) }, shape: wanted.shape)
    }

    @Test func everyNarrowLayerHasWeightsAndOperandsAndNoOther() throws {
        let graph = try pointwiseChain([5, 6, 6, 3, 2])
        let data = samples(graph, 2)
        let noise = try Quantizer.noise(
            of: narrow(graph, data), reference: graph, plan: Plan(graph, options: run), samples: data,
            kinds: [.activation, .weights, .operands]
        ) { _, _ in }
        func locations(_ kind: NoiseSource.Kind) -> [String] {
            noise.filter { $0.kind == kind }.compactMap { graph.producer(of: $0.value)?.location }
        }
        #expect(locations(.operands) == ["layer1", "layer2", "layer3"])
        #expect(locations(.weights) == ["layer0", "layer1", "layer2", "layer3", "layer4"])
        // Values that only 4-bit operands hold have no rounding of their own.
        #expect(locations(.activation) == ["layer3", "layer4"])
    }
}
