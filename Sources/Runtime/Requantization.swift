import CKernels
import Operators
import TensorCore

/// Integer arithmetic parameters of 8-bit kernels, derived from scales as LiteRT's reference kernels derive them.
enum Requantization {
    /// The factor of every output channel: `input * weight / output` in binary64; for uint8 weights of convolutions the
    /// product of the first two is rounded to binary32 first.
    ///
    /// Source: LiteRT `PopulateConvolutionQuantizationParams`, `GetQuantizedConvolutionMultipler`
    /// (kernels/kernel_util.cc).
    static func factors(
        input: QuantizationParameters, weights: QuantizationParameters, output: QuantizationParameters, channels: Int,
        roundedProduct: Bool
    ) -> [Double]? {
        guard weights.scales.count == 1 || weights.scales.count == channels, output.scale > 0,
            weights.scales.allSatisfy({ $0.isFinite && $0 >= 0 })
        else { return nil }
        return (0..<channels).map { channel in
            let weight = weights.scales[weights.scales.count == 1 ? 0 : channel]
            let product = roundedProduct ? Double(input.scale * weight) : Double(input.scale) * Double(weight)
            return product / Double(output.scale)
        }
    }

    /// One multiplier for a whole product: the operands' scales multiplied in binary32.
    ///
    /// Source: LiteRT `GetQuantizedConvolutionMultipler` (kernels/kernel_util.cc).
    static func perTensor(
        input: QuantizationParameters, weights: QuantizationParameters, output: QuantizationParameters
    ) -> QuantizedMultiplier? {
        guard output.scale != 0 else { return nil }
        return QuantizedMultiplier(Double(input.scale * weights.scale) / Double(output.scale))
    }

    /// The interval of codes a fused activation leaves.
    ///
    /// Source: LiteRT `CalculateActivationRangeQuantized` (kernels/kernel_util.cc).
    static func range(_ activation: Activation, _ type: TensorType) -> ClosedRange<Int32>? {
        guard let q = type.quantization, let limits = type.elementType.integerRange, q.scale > 0 else { return nil }
        func code(_ real: Float) -> Int64 {
            let steps = (real / q.scale).rounded(.toNearestOrAwayFromZero)
            return Int64(q.zeroPoint) + Int64(saturatingInteger(Double(steps), as: Int32.self))
        }
        var lowest = limits.lowerBound
        var highest = limits.upperBound
        let bounds = activation.bounds
        if let lower = bounds.lower { lowest = max(lowest, code(lower)) }
        if let upper = bounds.upper { highest = min(highest, code(upper)) }
        guard lowest <= highest else { return nil }
        return Int32(clamping: lowest)...Int32(clamping: highest)
    }

    /// True for uint8; both signed types are codes of the same kernels, with other limits.
    static func isUnsigned(_ type: TensorType) -> Bool { type.elementType == .uint8 }

    /// True for a tensor of codes of a byte each (`int4` too) with parameters whose zero points are codes of its type.
    static func isCode(_ type: TensorType) -> Bool {
        guard [.int4, .int8, .uint8].contains(type.elementType), let q = type.quantization,
            let range = type.elementType.integerRange
        else { return false }
        return !q.scales.isEmpty && q.zeroPoints.allSatisfy { range.contains(Int64($0)) }
    }
}

/// Bounds of a fused activation on floats.
func floatBounds(_ activation: Activation) -> (lowest: Float, highest: Float) {
    (activation.bounds.lower ?? -.infinity, activation.bounds.upper ?? .infinity)
}

/// `ck_activation` of a fused activation.
func floatActivation(_ activation: Activation) -> ck_activation {
    let (lowest, highest) = floatBounds(activation)
    return ck_activation(lowest: lowest, highest: highest, slope: 0, leaky: 0)
}
