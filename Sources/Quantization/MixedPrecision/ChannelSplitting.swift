import GraphIR
import Operators
import TensorCore

/// More precision for an activation with 8-bit operators only: its wide channels are split into several that saturate.
///
/// A channel x in [0, R] is the sum of clip(x - i T, 0, T) for i = 0 ..< R / T. Written as that sum, with T smaller than R,
/// all channels of the value share a step that is R / T times finer; the layers that read it take the sum, because their
/// weights are repeated. The layer that makes it computes the parts from repeated weights and shifted biases, and RELU6
/// clips them. Only channels wider than T cost anything.
struct ChannelSplitting {
    /// How finely a value may be split, R / T.
    static let parts = [2, 3, 4]

    let graph: Graph
    let layer: ScaledWeights
    /// The result of the layer.
    let value: ValueID
    /// R: the bound of ReLU6, or the widest channel.
    let range: Float
    private let magnitudes: [Float]
    private let readers: Readers

    /// Nil when the value is not that of a convolution with ReLU or ReLU6, or is read by anything but pooling, resizing,
    /// concatenation and convolutions.
    init?(_ node: Node, in graph: Graph, statistics: CalibrationStatistics) {
        guard case .conv2D(let op) = node.op, op.activation == .relu || op.activation == .relu6,
            let layer = ScaledWeights(node, in: graph), node.inputs.count > 2, node.inputs[2] != nil,
            let output = node.outputs.first, layer.weights.shape[0] == graph.type(of: output).shape[-1],
            let operand = node.inputs[0], layer.weights.shape[-1] == graph.type(of: operand).shape[-1],
            let magnitudes = statistics.channels[output]?.magnitudes,
            magnitudes.count == layer.weights.shape[0], let widest = magnitudes.max(), widest > 0,
            let readers = Readers(of: output, in: graph)
        else { return nil }
        self.graph = graph
        self.layer = layer
        value = output
        range = layer.bound.map { widest > 0.98 * $0 ? $0 : widest } ?? widest
        self.magnitudes = magnitudes
        self.readers = readers
    }

    /// How often every channel occurs when R / T is `parts`.
    func counts(parts: Int) -> [Int] {
        let width = range / Float(parts)
        return magnitudes.map { max(1, min(parts, Int(($0 / width * 0.999).rounded(.up)))) }
    }

    /// The types of operands and results of every layer that gets more channels, before and after.
    func changes(parts: Int) -> [(op: Operator, inputs: [TensorType?], outputs: [TensorType], factor: Double)] {
        let extra = Double(counts(parts: parts).reduce(0, +) - magnitudes.count)
        let node = graph[layer.node]
        var result = [
            (
                node.op, graph.inputTypes(of: node), graph.outputTypes(of: node),
                extra / Double(max(magnitudes.count, 1))
            )
        ]
        for reader in readers.layers {
            let node = graph[reader.node]
            let channels = graph.type(of: reader.value).shape[-1]
            result.append(
                (node.op, graph.inputTypes(of: node), graph.outputTypes(of: node), extra / Double(max(channels, 1))))
        }
        return result
    }

    /// The value and those that pooling and resizing make of it, whose steps become finer.
    var values: Set<ValueID> { readers.refined }

    /// The graph with the value split.
    func split(parts: Int) throws -> Graph {
        let counts = counts(parts: parts)
        let width = range / Float(parts)
        // RELU6 clips at 6: parts are scaled so that T becomes 6.
        let scale = 6 / width
        let node = graph[layer.node]
        var patch = GraphPatch("split channels", on: graph)
        guard case .conv2D(var op) = node.op, let weightsID = node.inputs[1], let biasID = node.inputs[2],
            let bias = graph.constant(biasID)
        else { return graph }
        let row = layer.weights.count / magnitudes.count
        let weights = layer.weights.elements(of: Float.self)
        let biases = bias.elements(of: Float.self)
        var newWeights: [Float] = []
        var newBiases: [Float] = []
        var sources: [Int] = []
        for (channel, count) in counts.enumerated() {
            for part in 0..<count {
                newWeights += weights[channel * row..<(channel + 1) * row].map { $0 * scale }
                newBiases.append((biases[channel] - Float(part) * width) * scale)
                sources.append(channel)
            }
        }
        var shape = layer.weights.shape.dimensions
        shape[0] = sources.count
        op.activation = .relu6
        patch.setOperator(of: node.id, to: .conv2D(op))
        patch.setOperand(
            1, of: node.id,
            to: patch.addConstant(Tensor(newWeights, shape: Shape(shape)), name: graph[weightsID].name))
        patch.setOperand(
            2, of: node.id, to: patch.addConstant(Tensor(newBiases, shape: [newBiases.count]), name: graph[biasID].name)
        )
        let channels = sources.map { Channel(source: $0, factor: 1 / scale) }
        for (value, map) in readers.maps(of: channels) {
            let type = graph.type(of: value)
            var dimensions = type.shape.dimensions
            dimensions[dimensions.count - 1] = map.count
            patch.setType(of: value, to: type.with(shape: Shape(dimensions)))
        }
        for reader in readers.layers {
            guard let map = readers.maps(of: channels)[reader.value], let id = graph[reader.node].inputs[1],
                let constant = graph.constant(id)
            else { continue }
            patch.setOperand(
                1, of: reader.node, to: patch.addConstant(Self.widened(constant, map), name: graph[id].name))
        }
        var result = graph
        try result.apply(patch)
        return result
    }

    /// A channel of a widened value: which channel it was, and what weights that read it are multiplied by.
    fileprivate struct Channel {
        var source: Int
        var factor: Float
    }

    /// Weights whose last axis are the operand's channels.
    private static func widened(_ weights: Tensor, _ map: [Channel]) -> Tensor {
        let channels = weights.shape[-1]
        let elements = weights.elements(of: Float.self)
        var result: [Float] = []
        result.reserveCapacity(elements.count / max(channels, 1) * map.count)
        for start in stride(from: 0, to: elements.count, by: max(channels, 1)) {
            for channel in map { result.append(elements[start + channel.source] * channel.factor) }
        }
        var shape = weights.shape.dimensions
        shape[shape.count - 1] = map.count
        return Tensor(result, shape: Shape(shape))
    }

    /// What reads a value, through operators that treat channels apart.
    private struct Readers {
        var layers: [(node: NodeID, value: ValueID)] = []
        /// Values that widen, in execution order, each with how it is put together.
        private var widened: [(value: ValueID, from: [ValueID], own: [Int])] = []
        private let source: ValueID

        init?(of value: ValueID, in graph: Graph) {
            source = value
            var reached: Set<ValueID> = [value]
            for node in graph.nodes where node.inputs.contains(where: { $0.map(reached.contains) ?? false }) {
                guard let output = node.outputs.first else { return nil }
                let data = node.inputs[0]
                switch node.op {
                case .maxPool2D(let op) where op.activation == .none,
                    .averagePool2D(let op) where op.activation == .none:
                    widened.append((output, [data ?? value], [graph.type(of: output).shape[-1]]))
                case .resizeBilinear, .resizeNearestNeighbor:
                    widened.append((output, [data ?? value], [graph.type(of: output).shape[-1]]))
                case .concatenation(let axis, .none):
                    let rank = graph.type(of: output).shape.rank
                    let parts = node.inputs.compactMap { $0 }
                    guard (axis + rank) % rank == rank - 1, parts.count == node.inputs.count else { return nil }
                    widened.append((output, parts, parts.map { graph.type(of: $0).shape[-1] }))
                case .conv2D, .fullyConnected:
                    guard let operand = data, reached.contains(operand), let layer = ScaledWeights(node, in: graph),
                        layer.weights.shape[-1] == graph.type(of: operand).shape[-1]
                    else { return nil }
                    layers.append((node.id, operand))
                    continue
                default: return nil
                }
                reached.insert(output)
            }
            guard !layers.isEmpty, !reached.contains(where: graph.isOutput) else { return nil }
        }

        var refined: Set<ValueID> { Set([source] + widened.filter { $0.from.count == 1 }.map(\.value)) }

        /// The channels of every widened value when those of the source are `channels`.
        func maps(of channels: [Channel]) -> [ValueID: [Channel]] {
            var result = [source: channels]
            for (value, parts, counts) in widened {
                var map: [Channel] = []
                var first = 0
                for (part, count) in zip(parts, counts) {
                    map += (result[part] ?? (0..<count).map { Channel(source: $0, factor: 1) }).map {
                        Channel(source: first + $0.source, factor: $0.factor)
                    }
                    first += count
                }
                result[value] = map
            }
            return result
        }
    }
}
