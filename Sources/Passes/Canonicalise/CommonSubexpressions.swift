import GraphIR
import Operators
import TensorCore

extension Pass {
    /// Makes nodes that compute the same from the same use one result. Constants are the same when their bytes and
    /// types are, whatever their names.
    package static let commonSubexpressions = Pass("common-subexpressions") { rewriting in
        var constants = ConstantClasses()
        var known: [Expression: NodeID] = [:]
        for id in rewriting.graph.nodes.map(\.id) {
            let graph = rewriting.graph
            let node = graph[id]
            let expression = Expression(
                op: node.op, inputs: node.inputs.map { $0.map { constants.representative(of: $0, in: graph) } },
                results: graph.outputTypes(of: node))
            guard let first = known[expression] else {
                known[expression] = id
                continue
            }
            let originals = graph[first].outputs
            if node.outputs.contains(where: graph.isOutput) { continue }
            var patch = GraphPatch("common-subexpressions", on: graph)
            for (duplicate, original) in zip(node.outputs, originals) {
                patch.replaceUses(of: duplicate, with: original)
            }
            patch.remove(id)
            try rewriting.apply(patch)
        }
    }

    private struct Expression: Hashable {
        let op: Operator
        let inputs: [ValueID?]
        let results: [TensorType]
    }
}

/// Constants grouped by type and bytes.
struct ConstantClasses {
    private var known: [Key: [ValueID]] = [:]
    private var representatives: [ValueID: ValueID] = [:]

    private struct Key: Hashable {
        let type: TensorType
        let fingerprint: Int
    }

    /// The first value seen with the bytes of `value`; `value` itself when it is no constant.
    mutating func representative(of value: ValueID, in graph: Graph) -> ValueID {
        if let found = representatives[value] { return found }
        guard let tensor = graph.constant(value) else { return value }
        let key = Key(type: tensor.type, fingerprint: ConstantClasses.fingerprint(tensor))
        var result = value
        if let same = known[key]?.first(where: { graph.constant($0)?.isIdentical(to: tensor) ?? false }) {
            result = same
        } else {
            known[key, default: []].append(value)
        }
        representatives[value] = result
        return result
    }

    /// A hash of the first and last bytes; equality is decided by all bytes.
    private static func fingerprint(_ tensor: Tensor) -> Int {
        tensor.withUnsafeBytes { bytes in
            var hasher = Hasher()
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(64)))
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.suffix(64)))
            return hasher.finalize()
        }
    }
}
