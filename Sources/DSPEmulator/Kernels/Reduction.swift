import TensorCore

extension HexagonKernels {
    /// Sums, means and indices of extremes along axes.
    static func reduction(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
