import TensorCore

extension HexagonKernels {
    /// Average and maximum over windows.
    static func pooling(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
