import TensorCore

extension HexagonKernels {
    /// What puts the same elements into another order.
    static func layoutRearrangement(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
