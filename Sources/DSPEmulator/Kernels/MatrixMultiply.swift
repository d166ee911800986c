import TensorCore

extension HexagonKernels {
    /// Matrix product and the bias that follows it.
    static func matrixMultiply(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
