import TensorCore

extension HexagonKernels {
    /// The two depthwise supernodes.
    static func depthwiseConvolution(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
