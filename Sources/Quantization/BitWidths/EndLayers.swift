import GraphIR
import Operators

extension Graph {
    /// The convolutions and matrix products at both ends of the graph: those that an input reaches, and those from which
    /// an output is reached, through no other one.
    public func endLayers() -> Set<NodeID> {
        var result = Set<NodeID>()
        var raw = Set(inputs.map(\.value))
        for node in nodes where node.inputs.contains(where: { $0.map(raw.contains) ?? false }) {
            if node.op.multipliesAndAccumulates { result.insert(node.id) } else { raw.formUnion(node.outputs) }
        }
        var final = Set(outputs.map(\.value))
        for node in nodes.reversed() where node.outputs.contains(where: final.contains) {
            if node.op.multipliesAndAccumulates {
                result.insert(node.id)
            } else {
                final.formUnion(node.inputs.compactMap { $0 })
            }
        }
        return result
    }
}
