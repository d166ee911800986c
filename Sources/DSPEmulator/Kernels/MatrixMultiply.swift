import TensorCore

extension HexagonKernels {
    /// Matrix product and the bias that follows it, and both with the requantisation in one.
    static func matrixMultiply(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
