/// Element type, shape and quantisation of a value: all that is known of a tensor before it is computed.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
    public var elementType: ElementType
    public var shape: Shape
    /// Present on quantised integer tensors only.
    public var quantization: QuantizationParameters?

    public init(_ elementType: ElementType, _ shape: Shape, quantization: QuantizationParameters? = nil) {
        self.elementType = elementType
        self.shape = shape
        self.quantization = quantization
    }

    /// Bytes of the tensor inside depthc (`int4` one byte an element).
    public var byteCount: Int { shape.elementCount * elementType.byteCount }

    public func with(shape: Shape) -> TensorType { TensorType(elementType, shape, quantization: quantization) }

    public var description: String {
        var text = "\(elementType.rawValue)[\(shape.dimensions.map(String.init).joined(separator: ","))]"
        if let quantization {
            if let axis = quantization.axis {
                text += " per-channel(axis \(axis), \(quantization.scales.count))"
            } else {
                text += " q(\(quantization.scale), \(quantization.zeroPoint))"
            }
        }
        return text
    }
}
