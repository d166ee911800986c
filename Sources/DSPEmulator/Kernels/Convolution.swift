import TensorCore

extension HexagonKernels {
    /// The two supernodes: convolution, bias, clamp and requantisation in one.
    static func convolution(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
