import GraphIR
import TensorCore

extension TFLiteCodec {
    /// What to tell who converts to a file that LiteRT does not run: how many activations are int4. Nil when there are
    /// none. Constants do not count, since LiteRT takes int4 weights.
    package static func fourBitNote(on graph: Graph) -> String? {
        let count = graph.valueIDs.count { graph.constant($0) == nil && graph.type(of: $0).elementType == .int4 }
        guard count > 0 else { return nil }
        return "\(count) activation tensors are int4: depthc runs the file, LiteRT refuses it (no kernel takes them); "
            + "--activation-storage int8 keeps the same integers in a file that LiteRT runs"
    }
}
