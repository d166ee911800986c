import GraphIR
import TensorCore

/// Which float products must sum as the reference kernels and LiteRT's do: in order, every product and every sum rounded.
///
/// Fused or reordered sums differ in the last place. Where floats stay floats up to the output that is within their
/// tolerance, and sums are free; where they are rounded to codes, or decide an index or a condition, a last place can
/// move a whole code or pick another element, and everything behind it.
enum OrderedSums {
    /// The nodes behind which a value that is not float is computed from their results, in a graph that also computes on
    /// codes. A graph without codes promises tolerances only.
    static func nodes(of graph: Graph) -> Set<NodeID> {
        guard graph.valueIDs.contains(where: { graph.type(of: $0).quantization != nil }) else { return [] }
        var result: Set<NodeID> = []
        var decisive: Set<ValueID> = []
        for node in graph.nodes.reversed() {
            let behind = node.outputs.contains(where: decisive.contains)
            if behind { result.insert(node.id) }
            // Hybrid operators round their float operand to codes on their own.
            let rounds = (node.inputs.compactMap { $0 } + node.outputs).contains {
                graph.type(of: $0).quantization != nil
            }
            guard behind || rounds || node.outputs.contains(where: { graph.type(of: $0).elementType != .float32 })
            else { continue }
            decisive.formUnion(node.inputs.compactMap { $0 })
        }
        return result
    }
}
