import TensorCore

extension HexagonKernels {
    /// The transposed convolution.
    static func transposedConvolution(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
