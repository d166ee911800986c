import TensorCore

/// The library's operators with the library's own arithmetic.
///
/// A kernel takes the tensors of a node's inputs, each of four extents, and returns those of its outputs, as in the
/// library: most operators pass the ends of a range as binary32 scalars, inputs and outputs alike. Tensors of the depth-32
/// layout are held row-major like all others: where the layout changes rounding, the kernel works that out from shapes.
package enum HexagonKernels {
    /// Runs one node. `inputs` and `outputs` of graphs, and constants, are not nodes to run.
    ///
    /// - Throws: `Diagnostic` (.unsupported) for what the library refuses, with the library's reason.
    package static func evaluate(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        throw Diagnostic(.unsupported, at: node.op.rawValue, "is not built yet")
    }
}
