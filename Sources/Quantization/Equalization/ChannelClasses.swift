import GraphIR
import Operators
import TensorCore

/// Which channels of which values can only be scaled together.
///
/// Operators that treat channels apart and commute with a positive factor (pooling, resizing, ReLU, concatenation, the
/// addition of a skip) tie the channels of their results to those of their operands. Convolutions and matrix products with
/// constant weights cut the tie: their weights take a factor of the operand's channels and another one of the result's.
/// Everything else holds its channels fast, as do the graph's inputs and outputs.
struct ChannelClasses {
    /// The first class of every value; its channels (last axis) have consecutive numbers.
    private var first: [ValueID: Int] = [:]
    private var parents: [Int] = []
    private var held = Set<Int>()
    private let graph: Graph

    init(_ graph: Graph) {
        self.graph = graph
        for value in graph.valueIDs where Self.hasChannels(value, graph) {
            first[value] = parents.count
            let channels = graph.type(of: value).shape[-1]
            parents.append(contentsOf: parents.count..<parents.count + channels)
        }
        var fixed: [ValueID] = graph.inputs.map(\.value) + graph.outputs.map(\.value)
        for node in graph.nodes where !tie(node) { fixed += node.inputs.compactMap { $0 } + node.outputs }
        for value in fixed { for id in classes(of: value) ?? [] { held.insert(id) } }
        held = Set(held.map(root))
    }

    /// The class of every channel of `value`; nil for values without channels.
    func classes(of value: ValueID) -> [Int]? {
        first[value].map { start in (start..<start + graph.type(of: value).shape[-1]).map(root) }
    }

    /// True when the channels of this class may be scaled.
    func isFree(_ id: Int) -> Bool { !held.contains(id) }

    /// The values, each with its classes.
    var all: [(value: ValueID, classes: [Int])] {
        first.keys.sorted().compactMap { value in classes(of: value).map { (value, $0) } }
    }

    /// The values that have at least one channel to scale.
    var scalableValues: [ValueID] {
        first.keys.filter { value in classes(of: value)?.contains(where: isFree) ?? false }.sorted()
    }

    private static func hasChannels(_ value: ValueID, _ graph: Graph) -> Bool {
        let type = graph.type(of: value)
        return graph.constant(value) == nil && type.elementType == .float32 && type.shape.rank >= 2
    }

    private func root(_ id: Int) -> Int {
        var id = id
        while parents[id] != id { id = parents[id] }
        return id
    }

    private mutating func join(_ a: Int, _ b: Int) {
        let (a, b) = (root(a), root(b))
        if a != b { parents[max(a, b)] = min(a, b) }
    }

    /// Ties the channels of two values; false when they have not the same number of them.
    private mutating func join(_ a: ValueID?, _ b: ValueID) -> Bool {
        guard let a, let one = classes(of: a), let other = classes(of: b), one.count == other.count else {
            return false
        }
        for (x, y) in zip(one, other) { join(x, y) }
        return true
    }

    /// Notes what a node does to channels; false when it holds them.
    private mutating func tie(_ node: Node) -> Bool {
        guard let output = node.outputs.first, node.outputs.count == 1 else { return false }
        let input = node.inputs.first ?? nil
        switch node.op {
        case .conv2D, .depthwiseConv2D, .transposeConv, .fullyConnected:
            return ScaledWeights(node, in: graph) != nil
        case .maxPool2D(let op): return op.activation.isHomogeneous && join(input, output)
        case .averagePool2D(let op): return op.activation.isHomogeneous && join(input, output)
        case .resizeBilinear, .resizeNearestNeighbor, .leakyRelu, .unary(.relu), .unary(.abs):
            return join(input, output)
        case .pad:
            guard let amounts = graph.integers(node.inputs[1]), amounts.suffix(2).allSatisfy({ $0 == 0 }) else {
                return false
            }
            return join(input, output)
        case .reshape: return join(input, output)
        case .concatenation(let axis, let activation):
            let rank = graph.type(of: output).shape.rank
            guard activation.isHomogeneous, node.inputs.allSatisfy({ $0.flatMap { first[$0] } != nil }) else {
                return false
            }
            guard (axis + rank) % rank == rank - 1 else {
                return node.inputs.allSatisfy { join($0, output) }
            }
            guard var next = first[output] else { return false }
            for case let part? in node.inputs {
                for id in classes(of: part) ?? [] {
                    join(id, next)
                    next += 1
                }
            }
            return true
        case .binary(let binary):
            guard binary.activation.isHomogeneous, binary.kind == .add || binary.kind == .sub,
                node.inputs.count == 2, node.inputs.allSatisfy({ $0.map { graph.constant($0) == nil } ?? false })
            else { return false }
            let joined = node.inputs.map { join($0, output) }
            return joined.allSatisfy { $0 }
        default: return false
        }
    }
}

extension Activation {
    /// True when a positive factor passes through.
    var isHomogeneous: Bool { self == .none || self == .relu }
}

/// Constant weights of a convolution or matrix product, with the channel of the operand and of the result that each
/// weight belongs to.
struct ScaledWeights {
    let node: NodeID
    /// Positions among the node's operands.
    let data: Int
    let bias: Int
    let weights: Tensor
    /// Where the fused activation clips; a factor moves results below it, never above.
    let bound: Float?
    private let groups: Int
    private let isDepthwise: Bool

    /// Nil for other nodes, weights or biases that are no float constants, and activations other than none, ReLU and ReLU6.
    init?(_ node: Node, in graph: Graph) {
        let activation: Activation
        switch node.op {
        case .conv2D(let op): (activation, data, bias) = (op.activation, 0, 2)
        case .depthwiseConv2D(let op): (activation, data, bias) = (op.activation, 0, 2)
        case .transposeConv(let op): (activation, data, bias) = (op.activation, 2, 3)
        case .fullyConnected(let op): (activation, data, bias) = (op.activation, 0, 2)
        default: return nil
        }
        guard activation.isHomogeneous || activation == .relu6, node.inputs.count > data,
            let operand = node.inputs[data],
            let constant = graph.constant(node.inputs[1]), constant.elementType == .float32,
            graph.constant(operand) == nil, let output = node.outputs.first
        else { return nil }
        if node.inputs.count > bias, let id = node.inputs[bias], graph.constant(id)?.elementType != .float32 {
            return nil
        }
        self.node = node.id
        bound = activation == .relu6 ? 6 : nil
        weights = constant
        if case .depthwiseConv2D = node.op { isDepthwise = true } else { isDepthwise = false }
        let channels = graph.type(of: operand).shape[-1]
        let results = graph.type(of: output).shape[-1]
        let inner = constant.shape[-1]
        guard channels > 0, inner > 0, results > 0 else { return nil }
        if isDepthwise {
            guard inner == results, results % channels == 0 else { return nil }
            groups = channels
        } else {
            guard constant.shape[0] == results, channels % inner == 0, results % (channels / inner) == 0 else {
                return nil
            }
            groups = channels / inner
        }
    }

    /// Calls `body` with every weight's position, its operand's and its result's channel.
    func forEach(results: Int, _ body: (_ index: Int, _ operand: Int, _ result: Int) -> Void) {
        let inner = weights.shape[-1]
        if isDepthwise {
            let multiplier = max(results / groups, 1)
            for index in 0..<weights.count { body(index, index % inner / multiplier, index % inner) }
            return
        }
        let row = max(weights.count / max(results, 1), 1)
        let perGroup = max(results / groups, 1)
        for index in 0..<weights.count {
            let result = index / row
            body(index, result / perGroup * inner + index % inner, result)
        }
    }
}
