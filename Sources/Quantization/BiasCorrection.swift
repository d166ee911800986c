import GraphIR
import Operators
import Runtime
import TensorCore

/// Means of every channel (last axis) of the float results of convolutions and products, by value name.
public struct ChannelMeans: Sendable {
    fileprivate var sums: [String: [Double]] = [:]
    fileprivate var counts: [String: Double] = [:]

    public init() {}

    /// Runs the float `plan` on one sample and adds the results of its convolutions and matrix products.
    public mutating func collect(_ plan: Plan, sample: [Tensor]) throws {
        let graph = plan.graph
        let collector = Collector(self)
        _ = try plan.run(sample) { value, tensor in
            guard graph.producer(of: value)?.op.multipliesAndAccumulates == true, tensor.elementType == .float32 else {
                return
            }
            collector.means.add(tensor.doubles(), graph[value].name, channels: tensor.shape.dimensions.last ?? 1)
        }
        self = collector.means
    }

    fileprivate mutating func add(_ values: [Double], _ name: String, channels: Int) {
        guard channels > 0 else { return }
        var sum = sums[name] ?? [Double](repeating: 0, count: channels)
        guard sum.count == channels else { return }
        var channel = 0
        for value in values {
            sum[channel] += value
            channel += 1
            if channel == channels { channel = 0 }
        }
        sums[name] = sum
        counts[name, default: 0] += Double(values.count / channels)
    }

    fileprivate func mean(_ name: String) -> [Double]? {
        guard let sum = sums[name], let count = counts[name], count > 0 else { return nil }
        return sum.map { $0 / count }
    }

    private final class Collector {
        var means: ChannelMeans
        init(_ means: ChannelMeans) { self.means = means }
    }
}

/// Measured bias correction: quantisation shifts the mean of a layer's channels; the bias takes the shift back.
///
/// Layers are corrected in execution order and each sees what the corrected layers before it give, so that no shift is
/// taken back twice (after the empirical correction of arXiv 1906.04721, section 4.2.1).
public enum BiasCorrection {
    /// Largest correction of a channel, in steps of the layer's output.
    static let largestCorrection = 4.0
    /// Rounds for layers with a fused activation, where a bias moves the mean by less than itself.
    static let rounds = 2

    /// Corrects the biases of `graph`.
    ///
    /// - Parameters:
    ///   - means: channel means of the float graph on the same samples.
    ///   - samples: inputs of the quantised graph; all their live values are held in memory.
    /// - Returns: the number of layers whose bias changed.
    public static func correct(
        _ graph: inout Graph, towards means: ChannelMeans, samples: [[Tensor]], options: RunOptions
    ) throws -> Int {
        var flow = SampleFlow(graph, samples: samples, options: options)
        var patch = GraphPatch("correct biases", on: graph)
        var corrected = 0
        for node in graph.nodes {
            var constants: [ValueID: Tensor] = [:]
            var results = try flow.evaluate(node, graph, replacing: constants)
            if let (position, bias) = correctableBias(node, graph), let wanted = means.mean(graph[node.outputs[0]].name)
            {
                var current = bias
                for _ in 0..<rounds {
                    guard let next = shifted(current, results[0], towards: wanted) else { break }
                    current = next
                    if let id = node.inputs[position] { constants[id] = current }
                    results = try flow.evaluate(node, graph, replacing: constants)
                }
                if !current.isIdentical(to: bias), let id = node.inputs[position] {
                    patch.setOperand(position, of: node.id, to: patch.addConstant(current, name: graph[id].name))
                    corrected += 1
                }
            }
            flow.advance(over: node, results: results)
        }
        if !patch.isEmpty { try graph.apply(patch) }
        return corrected
    }

    /// The int32 bias operand of a layer whose result is codes.
    private static func correctableBias(_ node: Node, _ graph: Graph) -> (position: Int, bias: Tensor)? {
        let output = graph.type(of: node.outputs[0])
        guard node.op.multipliesAndAccumulates, output.quantization?.isPerChannel == false else { return nil }
        let contract = node.op.quantizationContract
        for (index, input) in node.inputs.enumerated() {
            guard case .bias = contract.role(of: index), let bias = graph.constant(input), bias.elementType == .int32,
                bias.type.quantization != nil, bias.count == output.shape.dimensions.last
            else { continue }
            return (index, bias)
        }
        return nil
    }

    /// The bias that moves the results' channel means to `wanted`; nil when no code changes.
    private static func shifted(_ bias: Tensor, _ results: [Tensor], towards wanted: [Double]) -> Tensor? {
        guard let scales = bias.type.quantization?.scales, let output = results.first?.type.quantization else {
            return nil
        }
        var measured = ChannelMeans()
        for tensor in results { measured.add(tensor.doubles(), "", channels: bias.count) }
        guard let mean = measured.mean(""), mean.count == wanted.count else { return nil }
        let step = Double(output.scale)
        var codes = bias.elements(of: Int32.self)
        var changed = false
        for channel in codes.indices {
            let real = (mean[channel] - Double(output.zeroPoint)) * step
            let limit = largestCorrection * step
            let difference = min(max(wanted[channel] - real, -limit), limit)
            let scale = Double(scales[scales.count == 1 ? 0 : channel])
            let delta = saturatingInteger((difference / scale).rounded(), as: Int32.self)
            if delta != 0 { changed = true }
            codes[channel] = Int32(clamping: Int64(codes[channel]) + Int64(delta))
        }
        return changed ? Tensor(codes, shape: bias.shape, quantization: bias.type.quantization) : nil
    }
}
