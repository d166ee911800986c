import TensorCore

extension HexagonKernels {
    /// Changes of height and width by interpolation.
    static func resize(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
