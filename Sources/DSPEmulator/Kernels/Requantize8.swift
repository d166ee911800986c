import TensorCore

extension HexagonKernels {
    /// From 8-bit codes of one range to those of another.
    static func requantize8(
        _ node: HexagonNode, _ inputs: [Tensor]
    ) throws -> [Tensor] {
        throw notBuilt(node)
    }
}
