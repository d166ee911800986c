import TensorCore

extension HexagonKernels {
    /// Softmax over the depth.
    static func softmax(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
