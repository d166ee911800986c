import TensorCore

extension HexagonKernels {
    /// Functions of one operand.
    static func activation(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
