import TensorCore

extension HexagonKernels {
    /// From 32-bit sums to 8-bit codes.
    static func requantize32(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
