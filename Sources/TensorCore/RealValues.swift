extension Tensor {
    /// Every element as a real number: `scale * (code - zeroPoint)` for quantised tensors, the element itself otherwise.
    public func realValues() -> [Double] {
        let codes = doubles()
        guard let parameters = type.quantization, !elementType.isFloat else { return codes }
        guard let axis = parameters.axis, axis < shape.rank else {
            let (scale, zeroPoint) = (Double(parameters.scale), Double(parameters.zeroPoint))
            return codes.map { scale * ($0 - zeroPoint) }
        }
        let step = shape.strides[axis]
        let extent = shape.dimensions[axis]
        return codes.enumerated().map { index, code in
            let channel = index / step % extent
            guard channel < parameters.scales.count else { return code }
            let zeroPoint = channel < parameters.zeroPoints.count ? parameters.zeroPoints[channel] : 0
            return Double(parameters.scales[channel]) * (code - Double(zeroPoint))
        }
    }
}
