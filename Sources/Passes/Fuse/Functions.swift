import GraphIR
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import Operators
import ReferenceKernels
import TensorCore

extension Pass {
    /// Finds functions that are written out in arithmetic, whatever way they are written: elementwise operators that
    /// compute one value from one other and numbers are evaluated on sample points and compared with GELU, HARD_SWISH,
    /// LEAKY_RELU and ELU. Rounds differently than before.
    package static let functions = Pass("functions") { rewriting in
        var places = FunctionCone.places(in: rewriting.graph)
        for id in rewriting.graph.nodes.map(\.id).reversed() where rewriting.graph.contains(id) {
            let graph = rewriting.graph
            let node = graph[id]
            guard FunctionCone.canEnd(node.op), let (input, known) = FunctionCone.recognise(node, in: graph, places)
            else {
                continue
            }
            var patch = GraphPatch("functions", on: graph)
            try patch.replace(node, with: known, [input], in: graph)
            try rewriting.apply(patch)
            places = FunctionCone.places(in: rewriting.graph)
        }
    }
}

/// Elementwise operators between one value and one result.
struct FunctionCone {
    let input: ValueID
    /// In execution order.
    private let nodes: [Node]
    private let graph: Graph

    static let sizeLimit = 48

    /// Operators at which a known function may end.
    static func canEnd(_ op: Operator) -> Bool {
        switch op {
        case .binary(let op): op.activation == .none && [.mul, .div, .maximum, .add, .sub].contains(op.kind)
        case .select: true
        default: false
        }
    }

    private static func isElementwise(_ op: Operator) -> Bool {
        switch op {
        case .unary, .leakyRelu, .compare, .logical, .select: true
        case .binary(let op): op.kind != .floorMod && op.kind != .floorDiv && op.kind != .atan2
        default: false
        }
    }

    /// Follows the operands of `end` back, and where all of the result comes from one value, compares. Of several such
    /// values the nearest that gives a known function counts.
    static func recognise(
        _ end: Node, in graph: Graph, _ places: [NodeID: Int]
    ) -> (input: ValueID, op: Operator)? {
        guard graph.isFloat(end.outputs[0]) else { return nil }
        let shape = graph.type(of: end.outputs[0]).shape
        var members: [NodeID] = []
        var frontier: Set<ValueID> = [end.outputs[0]]
        while members.count < sizeLimit {
            // The latest value in execution order: no other one that is left depends on it.
            var latest: (value: ValueID, node: Node, place: Int)?
            for value in frontier {
                guard let node = graph.producer(of: value), let place = places[node.id] else {
                    continue
                }
                if place > latest?.place ?? -1 { latest = (value, node, place) }
            }
            guard let latest, members.isEmpty || isElementwise(latest.node.op), isScalarFunction(latest.node, in: graph)
            else { return nil }
            if !members.isEmpty {
                guard !graph.isOutput(latest.value), graph.users(of: latest.value).allSatisfy(members.contains) else {
                    return nil
                }
            }
            members.append(latest.node.id)
            frontier.remove(latest.value)
            frontier.formUnion(variables(of: latest.node, in: graph))
            guard members.count > 1, frontier.count == 1, let input = frontier.first, graph.isFloat(input),
                graph.type(of: input).shape == shape,
                members.filter({ graph[$0].inputs.contains(input) }).count > 1
                    || graph[members[members.count - 1]].inputs.filter({ $0 == input }).count > 1
            else { continue }
            let cone = FunctionCone(input: input, nodes: members.reversed().map { graph[$0] }, graph: graph)
            if let op = cone.recognised() { return (input, op) }
        }
        return nil
    }

    /// Where every node is in execution order.
    static func places(in graph: Graph) -> [NodeID: Int] {
        Dictionary(uniqueKeysWithValues: graph.order.enumerated().map { ($1, $0) })
    }

    /// True when every constant operand is one number.
    private static func isScalarFunction(_ node: Node, in graph: Graph) -> Bool {
        node.outputs.count == 1
            && node.inputs.allSatisfy { input in
                guard let input else { return false }
                return graph.constant(input).map { $0.count == 1 } ?? true
            }
    }

    private static func variables(of node: Node, in graph: Graph) -> Set<ValueID> {
        Set(node.inputs.compactMap { $0 }.filter { graph.constant($0) == nil })
    }

    // MARK: Recognition

    /// Where functions are compared: densely around zero, coarsely far away.
    static let samples: [Float] = {
        let near = (-512...512).map { Float($0) / 64 }
        let far: [Float] = [-100, -40, -20, -12, 12, 20, 40, 100]
        return far + near
    }()

    /// The operator that gives the same as the cone on all sample points, within some units in the last place of the
    /// larger of result and argument.
    func recognised() -> Operator? {
        guard let results = evaluated() else { return nil }
        func matches(_ function: (Double) -> Double) -> Bool {
            zip(FunctionCone.samples, results).allSatisfy { x, y in
                let expected = function(Double(x))
                return abs(Double(y) - expected) <= 1e-6 * max(min(abs(Double(x)), 8), 1e-3)
            }
        }
        if matches({ 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }) { return .gelu(approximate: false) }
        let slope = (2 / Double.pi).squareRoot()
        if matches({ 0.5 * $0 * (1 + tanh(slope * ($0 + 0.044715 * $0 * $0 * $0))) }) {
            return .gelu(approximate: true)
        }
        if matches({ $0 * min(max($0 + 3, 0), 6) / 6 }) { return .unary(.hardSwish) }
        if matches({ $0 < 0 ? expm1($0) : $0 }) { return .unary(.elu) }
        let alpha = -Double(results[FunctionCone.samples.firstIndex(of: -1) ?? 0])
        if alpha > 0, alpha < 1, matches({ $0 < 0 ? alpha * $0 : $0 }) { return .leakyRelu(alpha: Float(alpha)) }
        return nil
    }

    private func evaluated() -> [Float]? {
        let count = FunctionCone.samples.count
        var values: [ValueID: Tensor] = [input: Tensor(FunctionCone.samples, shape: [count])]
        for node in nodes {
            var operands: [Tensor?] = []
            for input in node.inputs {
                guard let input else { return nil }
                if let constant = graph.constant(input) {
                    operands.append(constant.retyped(constant.type.with(shape: [1])))
                } else {
                    operands.append(values[input])
                }
            }
            let type = graph.type(of: node.outputs[0]).with(shape: [count])
            guard let result = try? ReferenceKernels.evaluate(node.op, inputs: operands, outputTypes: [type]),
                result.count == 1
            else { return nil }
            values[node.outputs[0]] = result[0]
        }
        return nodes.last.flatMap { values[$0.outputs[0]] }?.elements()
    }
}
