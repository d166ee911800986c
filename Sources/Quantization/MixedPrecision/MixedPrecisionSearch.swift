import GraphIR
import Operators
import TensorCore

/// Operators to keep in float and activations to split, and what that promises.
public struct MixedPrecisionChoice: Sendable {
    /// Locations of the operators in float.
    public var floatNodes: Set<String> = []
    /// How finely the results of an operator are split (``ChannelSplitting``), by its location.
    public var splits: [String: Int] = [:]
    /// Expected squared error of the outputs, relative to that of the graph without any of this.
    public var expectedError = 1.0
    /// Expected latency, relative to that of the graph without any of this.
    public var expectedTime = 1.0
    /// The sources of most of the noise that is left, with their share of what there was.
    public var largestLeft: [String] = []
    /// What was chosen, in its order, one line each.
    public var steps: [String] = []
}

/// Which operators to keep in float, and which activations to split, within a budget of time, so that the error falls the
/// most.
///
/// A rounding disappears when the operator that makes the value and all that read it are float; rounded weights disappear
/// with their operator. So every source of noise names a set of operators. Splitting a value makes its step finer and
/// costs more channels. The search takes, again and again, what removes the most noise for the time it adds (operators
/// that are float already cost nothing), until the budget is spent.
struct MixedPrecisionSearch {
    let graph: Graph
    let noise: [NoiseSource]
    let placements: [NodeID: NodePlacement]
    let splittings: [ChannelSplitting]
    /// Operators that stay on integers and whose results a curve head makes finer.
    let heads: Set<NodeID>
    /// Share of the multiply-accumulates that may be float in the end.
    let floatShare: Double
    private let times: [OperatorTimes]

    /// How much longer float products take in depthc and in LiteRT where codes follow: depthc then adds products in
    /// LiteRT's order, without fused multiply-add. The model's prices are those of float files.
    private static let orderedProducts = SIMD2(1.6, 1)

    /// What a node takes on codes and in float, with its bridges, by engine of ``LatencyModel/engines``.
    private struct OperatorTimes {
        var node: NodeID
        var integer: SIMD2<Double>
        var float: SIMD2<Double>
        /// Computed float operands and the time of bridging each, to float and to codes.
        var operands: [(value: ValueID, producer: NodeID, toFloat: SIMD2<Double>, toCodes: SIMD2<Double>)]
    }

    init(
        graph: Graph, noise: [NoiseSource], placements: [NodeID: NodePlacement], splittings: [ChannelSplitting] = [],
        heads: Set<NodeID> = [], floatShare: Double = 0.068
    ) {
        self.graph = graph
        self.noise = noise
        self.placements = placements
        self.splittings = splittings
        self.heads = heads
        self.floatShare = floatShare
        times = graph.nodes.filter { placements[$0.id] != .untouched }.map { node in
            let (inputs, outputs) = (graph.inputTypes(of: node), graph.outputTypes(of: node))
            var result = OperatorTimes(
                node: node.id, integer: Self.time(node.op, inputs, outputs, isFloat: false),
                float: Self.time(node.op, inputs, outputs, isFloat: true), operands: [])
            if node.op.multipliesAndAccumulates { result.float *= Self.orderedProducts }
            for case let input? in node.inputs {
                let type = graph.type(of: input)
                guard let producer = graph[input].producer, type.elementType == .float32,
                    placements[producer] != .untouched
                else { continue }
                result.operands.append(
                    (
                        input, producer, Self.bridge(.dequantize, [Self.typed(type, false)], [type]),
                        Self.bridge(.quantize(to: .int8), [type], [Self.typed(type, false)])
                    ))
            }
            return result
        }
    }

    /// What has been decided so far.
    private struct State {
        var floats: Set<NodeID>
        /// Parts by the index of the splitting.
        var splits: [Int: Int] = [:]
    }

    private struct Source {
        var error: Double
        var value: ValueID
        var operators: Set<NodeID>
        var isActivation: Bool
    }

    /// Shares of the noise that a step has to remove, one after the other: large steps first, so that small ones do not
    /// use up their budget. What removes less than the last is not worth its place.
    private static let thresholds = [0.1, 0.05, 0.02, 0.01, 0.005, 0.002]

    func run(budget: Double) -> MixedPrecisionChoice {
        let refined = behindHeads()
        let sources = noise.filter { source in
            source.relativeError > 0 && !(source.kind == .activation && refined.contains(source.value))
        }.map {
            Source(
                error: $0.relativeError, value: $0.value, operators: operators(of: $0),
                isActivation: $0.kind == .activation)
        }
        let start = State(
            floats: Set(placements.compactMap { id, placement in if case .float = placement { id } else { nil } }))
        let base = time(start)
        let all = left(sources, start)
        guard base.min() > 0, all > 0 else { return MixedPrecisionChoice() }
        let macs = Dictionary(uniqueKeysWithValues: graph.nodes.map { ($0.id, multiplyAccumulates($0)) })
        let allowed = Double(macs.values.reduce(0, +)) * floatShare
        var state = start
        var current = (time: 1.0, noise: all)
        var result = MixedPrecisionChoice()
        for threshold in Self.thresholds {
            while true {
                var best: (ratio: Double, state: State, time: Double, noise: Double, step: () -> String)?
                for (candidate, step) in candidates(state, sources) {
                    guard Double(candidate.floats.reduce(0) { $0 + (macs[$1] ?? 0) }) <= allowed else { continue }
                    // The budget has to hold in every engine.
                    let total = (time(candidate) / base).max()
                    let noise = left(sources, candidate)
                    guard total <= 1 + budget, current.noise - noise > threshold * all else { continue }
                    let ratio = (current.noise - noise) / max(total - current.time, 1e-4)
                    if ratio > best?.ratio ?? 0 { best = (ratio, candidate, total, noise, step) }
                }
                guard let best else { break }
                result.steps.append(best.step())
                state = best.state
                current = (best.time, best.noise)
            }
        }
        let products = state.floats.filter { graph[$0].op.multipliesAndAccumulates }
        result.floatNodes = Set(state.floats.subtracting(start.floats).union(products).map { graph[$0].location })
        for (index, parts) in state.splits { result.splits[graph[splittings[index].layer.node].location] = parts }
        result.expectedError = current.noise / all
        result.largestLeft = sources.map { source in
            (graph[source.value].name, left([source], state) / all, source.isActivation)
        }.sorted { $0.1 > $1.1 }.prefix(5).map { name, share, isActivation in
            "\(isActivation ? "" : "weights of ")\(name) \((share * 1000).rounded() / 10) %"
        }
        result.expectedTime = current.time
        return result
    }

    /// The states one decision further.
    private func candidates(_ state: State, _ sources: [Source]) -> [(State, () -> String)] {
        var result: [(State, () -> String)] = []
        for source in sources where !source.operators.isEmpty && !source.operators.isSubset(of: state.floats) {
            var next = state
            next.floats.formUnion(source.operators)
            result.append(
                (
                    next,
                    {
                        let added = source.operators.subtracting(state.floats).map { graph[$0].location }.sorted()
                        return "float: \(added.joined(separator: ", "))"
                    }
                ))
        }
        for (index, splitting) in splittings.enumerated() where !state.floats.contains(splitting.layer.node) {
            for parts in ChannelSplitting.parts where parts > state.splits[index] ?? 1 {
                var next = state
                next.splits[index] = parts
                result.append((next, { "split in \(parts): \(graph[splitting.layer.node].location)" }))
            }
        }
        return result
    }

    /// The noise that a state leaves.
    private func left(_ sources: [Source], _ state: State) -> Double {
        var finer: [ValueID: Double] = [:]
        for (index, parts) in state.splits {
            for value in splittings[index].values { finer[value] = 1 / Double(parts * parts) }
        }
        return sources.reduce(0) { sum, source in
            if !source.operators.isEmpty, source.operators.isSubset(of: state.floats) { return sum }
            return sum + source.error * (source.isActivation ? finer[source.value] ?? 1 : 1)
        }
    }

    /// The results of heads and of all that is computed from them.
    private func behindHeads() -> Set<ValueID> {
        var result = Set<ValueID>()
        for node in graph.nodes
        where heads.contains(node.id) || node.inputs.contains(where: { $0.map(result.contains) ?? false }) {
            result.formUnion(node.outputs)
        }
        return result
    }

    /// The operators that must be float for the noise to disappear; empty when no choice does that.
    private func operators(of source: NoiseSource) -> Set<NodeID> {
        let result = neighbours(of: source)
        return result.isDisjoint(with: heads) ? result : []
    }

    private func neighbours(of source: NoiseSource) -> Set<NodeID> {
        guard let producer = graph[source.value].producer else {
            return source.kind == .activation ? readers(of: source.value) : []
        }
        if source.kind != .activation { return [producer] }
        return makers(of: producer).union(readers(of: source.value))
    }

    /// The operator, with those in front of it that only move its elements there.
    private func makers(of node: NodeID) -> Set<NodeID> {
        var result: Set<NodeID> = [node]
        guard graph[node].op.passesCodes else { return result }
        for case let input? in graph[node].inputs {
            if let producer = graph[input].producer, graph.constant(input) == nil,
                graph.type(of: input).elementType == .float32
            {
                result.formUnion(makers(of: producer))
            }
        }
        return result
    }

    /// The operators that read the value, through those that only pass it on.
    private func readers(of value: ValueID) -> Set<NodeID> {
        var result = Set<NodeID>()
        for user in graph.users(of: value) {
            result.insert(user)
            guard graph[user].op.passesCodes else { continue }
            for output in graph[user].outputs { result.formUnion(readers(of: output)) }
        }
        return result
    }

    private func multiplyAccumulates(_ node: Node) -> Int {
        Cost.multiplyAccumulates(of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
    }

    // MARK: Time

    /// Expected time by engine.
    private func time(_ state: State) -> SIMD2<Double> {
        var sum = SIMD2<Double>(0, 0)
        var bridged = Set<Bridge>()
        for times in times {
            let isFloat = state.floats.contains(times.node)
            sum += isFloat ? times.float : times.integer
            for operand in times.operands where state.floats.contains(operand.producer) != isFloat {
                guard bridged.insert(Bridge(value: operand.value, toFloat: isFloat)).inserted else { continue }
                sum += isFloat ? operand.toFloat : operand.toCodes
            }
        }
        for (index, parts) in state.splits {
            for change in splittings[index].changes(parts: parts) {
                sum += change.factor * Self.time(change.op, change.inputs, change.outputs, isFloat: false)
            }
        }
        return sum
    }

    private static func time(
        _ op: Operator, _ inputs: [TensorType?], _ outputs: [TensorType], isFloat: Bool
    ) -> SIMD2<Double> {
        let (inputs, outputs) = (inputs.map { $0.map { typed($0, isFloat) } }, outputs.map { typed($0, isFloat) })
        return bridge(op, inputs, outputs)
    }

    private static func bridge(_ op: Operator, _ inputs: [TensorType?], _ outputs: [TensorType]) -> SIMD2<Double> {
        SIMD2(
            LatencyModel.depthc.cost(of: op, inputs: inputs, outputs: outputs),
            LatencyModel.liteRT.cost(of: op, inputs: inputs, outputs: outputs))
    }

    private static func typed(_ type: TensorType, _ isFloat: Bool) -> TensorType {
        guard type.elementType == .float32, !isFloat else { return type }
        return TensorType(.int8, type.shape, quantization: QuantizationParameters(scale: 1, zeroPoint: 0))
    }

    private struct Bridge: Hashable {
        var value: ValueID
        var toFloat: Bool
    }
}
