import TensorCore

extension Inference {
    /// QUANTIZE: float to integer, or integer to integer with other parameters.
    static func quantize(to elementType: ElementType, _ operands: Operands) throws -> [TensorType] {
        [TensorType(elementType, try operands.type(0).shape)]
    }

    /// DEQUANTIZE: quantised integer or float16 to float32.
    static func dequantize(_ operands: Operands) throws -> [TensorType] {
        [TensorType(.float32, try operands.type(0).shape)]
    }
}
