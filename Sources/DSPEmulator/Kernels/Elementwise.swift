import TensorCore

extension HexagonKernels {
    /// One or two operands, element by element.
    static func elementwise(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
