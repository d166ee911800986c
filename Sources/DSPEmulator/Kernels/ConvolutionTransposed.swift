import TensorCore

extension HexagonKernels {
    /// The transposed convolution, whose node computes nothing: preparation makes a pad, a supernode and a depth-to-space of
    /// it.
    ///
    /// Source: nnlib hexagon/ops/src/op_transpose_conv.c; hexagon/src/expand_transpose_conv_nodes.c.
    static func transposedConvolution(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        throw Diagnostic(.unsupported, at: node.op.rawValue, "computes nothing by itself; preparation expands it")
    }
}
