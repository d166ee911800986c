import TensorCore

/// Rounds constants to integer codes.
enum WeightQuantization {
    /// Symmetric codes in [-127, 127], per channel along `axis` or per tensor when it is nil; scale = largest magnitude
    /// / 127. Channels of zeros get scale 1.
    static func symmetric(_ weights: Tensor, axis: Int?) -> Tensor {
        let values = weights.elements(of: Float.self)
        let shape = weights.shape
        let channels = axis.map { shape[$0] } ?? 1
        let inner = axis.map { shape.dimensions[($0 + 1)...].reduce(1, *) } ?? max(values.count, 1)
        var magnitudes = [Float](repeating: 0, count: channels)
        for (i, x) in values.enumerated() where x.isFinite {
            let channel = axis == nil ? 0 : i / inner % channels
            magnitudes[channel] = max(magnitudes[channel], abs(x))
        }
        let scales = magnitudes.map { $0 > 0 ? QuantizationParameters.positive(Double($0) / 127) : 1 }
        var codes = [Int8](repeating: 0, count: values.count)
        for (i, x) in values.enumerated() {
            let scale = scales[axis == nil ? 0 : i / inner % channels]
            codes[i] = Int8(
                min(max(saturatingInteger((Double(x) / Double(scale)).rounded(), as: Int64.self), -127), 127))
        }
        let zeroPoints = [Int32](repeating: 0, count: channels)
        let parameters =
            axis.map { QuantizationParameters(scales: scales, zeroPoints: zeroPoints, axis: $0) }
            ?? QuantizationParameters(scale: scales[0], zeroPoint: 0)
        return Tensor(codes, shape: shape, quantization: parameters)
    }

    /// int32 codes (int64 when `wide`, as 16-bit activations ask) of a bias with scale `inputScale * weightScale`,
    /// saturating. Rounds half away from zero.
    static func bias(
        _ bias: Tensor, inputScale: Float, weights: QuantizationParameters, wide: Bool = false
    ) -> Tensor {
        let values = bias.elements(of: Float.self)
        let scales = values.indices.map { i in
            inputScale * weights.scales[weights.scales.count == 1 ? 0 : min(i, weights.scales.count - 1)]
        }
        let codes = zip(values, scales).map { value, scale in
            saturatingInteger((Double(value) / Double(scale)).rounded(), as: Int64.self)
        }
        let parameters =
            weights.isPerChannel
            ? QuantizationParameters(scales: scales, zeroPoints: [Int32](repeating: 0, count: codes.count), axis: 0)
            : QuantizationParameters(scale: scales.first ?? 1, zeroPoint: 0)
        if wide { return Tensor(codes, shape: bias.shape, quantization: parameters) }
        return Tensor(codes.map { Int32(clamping: $0) }, shape: bias.shape, quantization: parameters)
    }

    /// Codes of a constant activation operand with given parameters, saturating, rounding half away from zero.
    static func activation(_ constant: Tensor, _ parameters: QuantizationParameters, _ type: ElementType) -> Tensor {
        let range = type.integerRange ?? -128...127
        let codes = constant.elements(of: Float.self).map { x in
            let code = (Double(x) / Double(parameters.scale)).rounded() + Double(parameters.zeroPoint)
            return min(max(saturatingInteger(code, as: Int64.self), range.lowerBound), range.upperBound)
        }
        switch type {
        case .int16: return Tensor(codes.map(Int16.init), shape: constant.shape, quantization: parameters)
        case .uint8: return Tensor(codes.map(UInt8.init), shape: constant.shape, quantization: parameters)
        default: return Tensor(codes.map(Int8.init), shape: constant.shape, quantization: parameters)
        }
    }
}
