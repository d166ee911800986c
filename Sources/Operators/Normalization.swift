import TensorCore

extension Inference {
    /// Softmax over the last axis: the shape stays, quantised results have a fixed scale.
    static func softmax(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        guard input.shape.rank >= 1 else { throw mismatch("softmax of a scalar") }
        return [TensorType(input.elementType, input.shape)]
    }
}
