import GraphIR
import Operators
import TensorCore

/// The look-up of 16-bit words in a table (a curve head's decode), without the 32-bit indices that GATHER takes: CAST does
/// nothing then.
struct DecodeFusion {
    let cast: NodeID
    let words: ValueID

    /// Nil when `node` is no GATHER from a table of one axis with a number for every word, or when the indices have other
    /// users.
    init?(_ node: Node, in graph: Graph) {
        guard case .gather(_, let batchDimensions) = node.op, batchDimensions == 0, let table = node.inputs[0],
            let indices = node.inputs[1], graph.hasSingleUse(indices), let producer = graph.producer(of: indices),
            case .cast(.int32) = producer.op, let words = producer.inputs[0]
        else { return nil }
        let type = graph.type(of: table)
        guard graph.type(of: words).elementType == .uint16, graph.type(of: words).quantization == nil,
            type.elementType == .float32, type.shape.rank == 1, type.shape[0] >= 1 << 16
        else { return nil }
        cast = producer.id
        self.words = words
    }

    /// The step that does the work of both nodes.
    static func step(words: Site, table: Site, output: Site) -> Step {
        let (indices, values) = (words.elements(UInt16.self), table.elements(UInt32.self))
        let result = output.elements(UInt32.self)
        return Step(units: output.count, grain: 4096, cost: output.count) { range, _ in
            for unit in range { result[unit] = values[Int(indices[unit])] }
        }
    }
}
