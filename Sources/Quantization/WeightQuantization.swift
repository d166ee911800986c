import TensorCore

/// Rounds constants to integer codes.
enum WeightQuantization {
    /// Symmetric codes of `type`, in [-127, 127] for `int8` and [-7, 7] for `int4`, per channel along `axis` or per tensor
    /// when it is nil. Channels of zeros get scale 1. Rounds half away from zero.
    ///
    /// - Parameter minMax: scale = largest magnitude / largest code; otherwise the scale, out of shares of that, with which
    ///   the mean squared error of rounding is least.
    static func symmetric(
        _ weights: Tensor, axis: Int?, type: ElementType = .int8, minMax: Bool = true
    ) -> Tensor {
        let values = weights.elements(of: Float.self)
        let shape = weights.shape
        let channels = axis.map { shape[$0] } ?? 1
        let inner = axis.map { shape.dimensions[($0 + 1)...].reduce(1, *) } ?? max(values.count, 1)
        let limit = RoundedWeights.limit(type)
        func channel(_ i: Int) -> Int { axis == nil ? 0 : i / inner % channels }
        let scales: [Float]
        if minMax {
            var magnitudes = [Float](repeating: 0, count: channels)
            for (i, x) in values.enumerated() where x.isFinite {
                magnitudes[channel(i)] = max(magnitudes[channel(i)], abs(x))
            }
            scales = magnitudes.map { $0 > 0 ? QuantizationParameters.positive(Double($0) / limit) : 1 }
        } else {
            let width = values.count / max(channels, 1)
            var rows = Matrix(rows: channels, columns: width)
            var filled = [Int](repeating: 0, count: channels)
            for (i, x) in values.enumerated() {
                rows[channel(i), filled[channel(i)]] = x.isFinite ? Double(x) : 0
                filled[channel(i)] += 1
            }
            scales = ScaleChoice.scales(
                for: rows, importance: [Double](repeating: 1, count: width), limit: limit)
        }
        var codes = [Int8](repeating: 0, count: values.count)
        for (i, x) in values.enumerated() {
            let code = Double(x) / Double(scales[channel(i)])
            codes[i] = Int8(RoundedWeights.code(code.isNaN ? 0 : code, limit: limit))
        }
        let zeroPoints = [Int32](repeating: 0, count: channels)
        let parameters =
            axis.map { QuantizationParameters(scales: scales, zeroPoints: zeroPoints, axis: $0) }
            ?? QuantizationParameters(scale: scales[0], zeroPoint: 0)
        return Tensor(codes, shape: shape, as: type, quantization: parameters)
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
