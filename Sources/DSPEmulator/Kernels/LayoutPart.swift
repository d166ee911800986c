import TensorCore

extension HexagonKernels {
    /// What takes parts of a tensor.
    static func layoutPart(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
