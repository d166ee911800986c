import GraphIR
import Operators
import Runtime
import TensorCore

/// A weighted layer of a float graph and all that lies between its results and some outputs.
struct LayerSuffix {
    /// Of the layer's result.
    let name: String
    let channels: Int
    /// Multiply-accumulates of one run of what follows, with ``elementCost`` for every element computed.
    let cost: Double
    private let graph: Graph
    private let layer: Node
    private let result: ValueID
    /// Float outputs that count, those that do not depend on the layer among them.
    let goalCount: Int
    /// True when the result is itself one of the outputs.
    private let isOutput: Bool
    /// What follows, with the result among its inputs; nil when nothing does.
    private let part: Graph?

    /// What an element costs that no product makes, in multiply-accumulates.
    private static let elementCost = 8.0

    /// Nil for other nodes, and when no output depends on the layer.
    init?(_ node: Node, in graph: Graph, towards outputs: [ValueID]) {
        guard let operands = LayerOperands(node, in: graph), LayerGeometry(node, in: graph) != nil,
            graph.type(of: operands.data).elementType == .float32, let result = node.outputs.first,
            graph.type(of: result).elementType == .float32, let channels = graph.type(of: result).shape.dimensions.last,
            channels > 0
        else { return nil }
        (self.graph, layer, self.result, self.channels) = (graph, node, result, channels)
        name = graph[result].name
        isOutput = outputs.contains(result)
        goalCount = outputs.count { graph.type(of: $0).elementType == .float32 }
        var part: Graph?
        let reached = graph.nodes(between: result, and: outputs.filter { $0 != result })
        if !reached.isEmpty {
            var found = graph.part(reached)
            let computed = Set(reached.flatMap { graph[$0].outputs })
            found.outputs = outputs.filter {
                computed.contains($0) && graph.type(of: $0).elementType == .float32
            }.map { Port(value: $0, sourceName: graph[$0].name) }
            if !found.outputs.isEmpty { part = found }
        }
        self.part = part
        cost = part.map(Self.cost) ?? Double(graph.type(of: result).shape.elementCount)
        guard isOutput || part != nil else { return nil }
    }

    /// What one run of `graph` costs.
    static func cost(of graph: Graph) -> Double {
        graph.nodes.reduce(0) { sum, node in
            let (inputs, outputs) = (graph.inputTypes(of: node), graph.outputTypes(of: node))
            let elements = outputs.reduce(0) { $0 + $1.shape.elementCount }
            return sum + Double(Cost.multiplyAccumulates(of: node.op, inputs: inputs, outputs: outputs))
                + elementCost * Double(elements)
        }
    }

    /// Ready to run.
    func run(options: RunOptions) throws -> Runner {
        Runner(
            suffix: self, plan: try part.map { try Plan($0, options: options) },
            layer: try SingleNode(
                layer, graph, operands: layer.inputs.map { $0.map(SingleNode.Operand.value) }, options: options,
                op: layer.op.withoutActivation))
    }

    /// Where the network is perturbed: everything that one sample decides.
    struct Point {
        /// The layer's results before a fused activation.
        fileprivate(set) var results: Tensor
        fileprivate var others: [ValueID: Tensor]
        /// What the outputs are there.
        fileprivate(set) var outputs: [[Float]] = []
        fileprivate(set) var positions: Int
        /// Standard deviation of every channel; channels that hardly vary count as a tenth of the whole.
        fileprivate(set) var deviations: [Double]

        /// The results with `signs[p] * step[c]` added at every position p and channel c.
        func moved(signs: [Float], step: [Float]) -> Tensor {
            var results = results
            results.withMutableElements(of: Float.self) { elements in
                for (position, sign) in signs.enumerated() {
                    let first = position * step.count
                    for channel in step.indices { elements[first + channel] += sign * step[channel] }
                }
            }
            return results
        }
    }

    struct Runner {
        fileprivate let suffix: LayerSuffix
        fileprivate let plan: Plan?
        fileprivate let layer: SingleNode

        /// - Parameter whole: runs the whole graph.
        func point(sample: [Tensor], _ whole: Plan) throws -> Point {
            var needed = Set(suffix.layer.inputs.compactMap { $0 })
            for port in plan?.graph.inputs ?? [] where port.value != suffix.result { needed.insert(port.value) }
            let collector = Collector()
            _ = try whole.run(sample, observing: needed, observe: { collector.values[$0] = $1 })
            let results = try layer.run { source in
                guard let tensor = collector.values[source] else {
                    throw Diagnostic(.internalError, at: suffix.name, "an operand was not computed")
                }
                return tensor
            }[0]
            var point = Point(
                results: results, others: collector.values, positions: results.count / suffix.channels,
                deviations: Self.deviations(results, channels: suffix.channels))
            point.outputs = try outputs(at: point, results: results)
            return point
        }

        /// The outputs when the layer's results, before a fused activation, are `results`.
        func outputs(at point: Point, results: Tensor) throws -> [[Float]] {
            let bounds = suffix.layer.op.fusedActivation.bounds
            var results = results
            if bounds.lower != nil || bounds.upper != nil {
                let (lower, upper) = (bounds.lower ?? -.infinity, bounds.upper ?? .infinity)
                results.withMutableElements(of: Float.self) { elements in
                    for i in elements.indices { elements[i] = min(max(elements[i], lower), upper) }
                }
            }
            var found: [[Float]] = suffix.isOutput ? [results.elements(of: Float.self)] : []
            guard let plan else { return found }
            let inputs = try plan.graph.inputs.map { port in
                guard let tensor = port.value == suffix.result ? results : point.others[port.value] else {
                    throw Diagnostic(.internalError, at: suffix.name, "\(port.sourceName) was not computed")
                }
                return tensor
            }
            for tensor in try plan.run(inputs) { found.append(tensor.elements(of: Float.self)) }
            return found
        }

        private static func deviations(_ results: Tensor, channels: Int) -> [Double] {
            var sums = [Double](repeating: 0, count: channels)
            var squares = sums
            results.withElements(of: Float.self) { elements in
                for first in stride(from: 0, to: elements.count, by: channels) {
                    for channel in 0..<channels {
                        let value = Double(elements[first + channel])
                        sums[channel] += value
                        squares[channel] += value * value
                    }
                }
            }
            let count = Double(max(results.count / channels, 1))
            let variances = (0..<channels).map {
                max(0, squares[$0] / count - (sums[$0] / count) * (sums[$0] / count))
            }
            let mean = variances.reduce(0, +) / Double(channels)
            let magnitude = squares.reduce(0, +) / count / Double(channels)
            let floor = mean > 1e-12 * magnitude ? mean / 100 : magnitude
            return variances.map { variance in
                let found = max(variance, floor).squareRoot()
                return found > 0 && found.isFinite ? found : 1
            }
        }
    }

    private final class Collector {
        var values: [ValueID: Tensor] = [:]
    }
}

extension Graph {
    /// The nodes, in execution order, through which some of `goals` depend on `value`.
    func nodes(between value: ValueID, and goals: [ValueID]) -> [NodeID] {
        var reached: Set<ValueID> = [value]
        var behind: [Node] = []
        for node in nodes where node.inputs.contains(where: { $0.map(reached.contains) ?? false }) {
            behind.append(node)
            reached.formUnion(node.outputs)
        }
        var needed = Set(goals)
        var result: [NodeID] = []
        for node in behind.reversed() where node.outputs.contains(where: needed.contains) {
            result.append(node.id)
            needed.formUnion(node.inputs.compactMap { $0 })
        }
        return result.reversed()
    }
}

extension Operator {
    /// What a weighted layer does to its sums.
    var fusedActivation: Activation {
        switch self {
        case .conv2D(let op): op.activation
        case .depthwiseConv2D(let op): op.activation
        case .transposeConv(let op): op.activation
        case .fullyConnected(let op): op.activation
        default: .none
        }
    }

    /// A weighted layer that gives its sums.
    var withoutActivation: Operator {
        switch self {
        case .conv2D(var op):
            op.activation = .none
            return .conv2D(op)
        case .depthwiseConv2D(var op):
            op.activation = .none
            return .depthwiseConv2D(op)
        case .transposeConv(var op):
            op.activation = .none
            return .transposeConv(op)
        case .fullyConnected(var op):
            op.activation = .none
            return .fullyConnected(op)
        default: return self
        }
    }
}
