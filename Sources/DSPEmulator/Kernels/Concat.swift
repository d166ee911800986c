import TensorCore

extension HexagonKernels {
    /// Several tensors as one, with a common range.
    static func concat(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
