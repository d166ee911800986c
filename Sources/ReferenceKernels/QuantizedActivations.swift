import Operators
import TensorCore

extension ReferenceKernels {
    static func quantizedLeakyRelu(alpha: Float, _ call: Invocation) throws -> Tensor {
        switch try call.input(0).elementType {
        case .int8: return try leakyReluOfCodes(alpha, Int8.self, call)
        case .uint8: return try leakyReluOfCodes(alpha, UInt8.self, call)
        case .int16: return try leakyReluOfCodes(alpha, Int16.self, call)
        default: throw call.unsupported()
        }
    }

    /// Source: LiteRT `QuantizeLeakyRelu` (kernels/internal/reference/leaky_relu.h).
    private static func leakyReluOfCodes<C: Code>(_ alpha: Float, _: C.Type, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (from, to) = (try call.affine(input), try call.affine(type))
        let identity = QuantizedMultiplier(Double(from.scale / to.scale))
        let slope = QuantizedMultiplier(Double(abs(from.scale * alpha / to.scale)))
        return try call.mapCodes(input, type) { (code: C) in
            let value = Int32(code) &- from.zeroPoint
            if value >= 0 { return C(clamping: to.zeroPoint &+ FixedPoint.multiply(value, by: identity)) }
            let scaled = FixedPoint.multiply(value, by: slope)
            return C(clamping: alpha < 0 ? to.zeroPoint &- scaled : to.zeroPoint &+ scaled)
        }
    }

    static func quantizedPrelu(_ call: Invocation) throws -> Tensor {
        switch try call.input(0).elementType {
        case .int8: return try preluOfCodes(Int8.self, call)
        case .uint8: return try preluOfCodes(UInt8.self, call)
        default: throw call.unsupported()
        }
    }

    /// Source: LiteRT `Prelu` (kernels/internal/reference/prelu.h).
    private static func preluOfCodes<C: Code>(_: C.Type, _ call: Invocation) throws -> Tensor {
        let (from, slope) = (try call.affine(try call.input(0)), try call.affine(try call.input(1)))
        let to = try call.affine(try call.output())
        let identity = QuantizedMultiplier(Double(from.scale / to.scale))
        let product = QuantizedMultiplier(Double(from.scale * slope.scale / to.scale))
        guard try call.output().elementType == C.elementType else { throw call.unsupported() }
        return try zipped(call, C.self, C.self) { (code: C, alpha: C) in
            let value = Int32(code) &- from.zeroPoint
            let scaled =
                value >= 0
                ? FixedPoint.multiply(value, by: identity)
                : FixedPoint.multiply(value &* (Int32(alpha) &- slope.zeroPoint), by: product)
            return C(clamping: scaled &+ to.zeroPoint)
        }
    }

    /// Source: LiteRT `HardSwishPrepare` (kernels/activations.cc) and `HardSwish`
    /// (kernels/internal/reference/hard_swish.h).
    static func hardSwish<C: Code>(_: C.Type, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (from, to) = (try call.affine(input), try call.affine(type))
        let fineScale = 1 / 128 * from.scale
        let outputFactor = QuantizedMultiplier(Double(fineScale / to.scale))
        let ramp = QuantizedMultiplier(Double(fineScale / (3 / 32768)))
        guard outputFactor.shift <= 0 else {
            throw call.unsupported("a result's scale of less than a 128th of the operand's")
        }
        let (outputFactor16, ramp16) = (outputFactor.multiplierIn16Bits, ramp.multiplierIn16Bits)
        return try call.mapCodes(input, type) { (code: C) in
            let fine = Int16(truncatingIfNeeded: (Int32(code) &- from.zeroPoint) << 7)
            let unshifted = fine.roundedHighProduct(outputFactor16)
            var weight = fine
            if ramp.shift > 0 { weight = weight.saturatingShiftedLeft(ramp.shift - 1) }
            weight = weight.roundedHighProduct(ramp16)
            if ramp.shift > 0 { weight = weight.saturatingShiftedLeft(1) }
            if ramp.shift < 0 {
                weight = Int16(truncatingIfNeeded: FixedPoint.roundingDivideByPowerOfTwo(Int32(weight), -ramp.shift))
            }
            weight = Int16(truncatingIfNeeded: (Int32(weight) &+ (1 << 15)) >> 1)
            let product = weight.truncatedHighProduct(unshifted)
            let scaled = FixedPoint.roundingDivideByPowerOfTwo(Int32(product), -outputFactor.shift)
            return C(clamping: Int16(truncatingIfNeeded: scaled &+ to.zeroPoint))
        }
    }
}

extension QuantizedMultiplier {
    /// The multiplier rounded to 16 bits.
    ///
    /// Source: LiteRT `DownScaleInt32ToInt16Multiplier`.
    fileprivate var multiplierIn16Bits: Int16 {
        multiplier >= Int32.max - (1 << 15) ? .max : Int16(truncatingIfNeeded: (multiplier &+ (1 << 15)) >> 16)
    }
}

extension Int16 {
    /// Source: gemmlowp `SaturatingRoundingDoublingHighMul(int16)`.
    fileprivate func roundedHighProduct(_ other: Int16) -> Int16 {
        if self == other, self == .min { return .max }
        let product = Int32(self) * Int32(other)
        let nudge: Int32 = product >= 0 ? 1 << 14 : 1 - (1 << 14)
        return Int16(truncatingIfNeeded: (product + nudge) / (1 << 15))
    }

    fileprivate func truncatedHighProduct(_ other: Int16) -> Int16 {
        if self == other, self == .min { return .max }
        return Int16(truncatingIfNeeded: Int32(self) * Int32(other) / (1 << 15))
    }

    fileprivate func saturatingShiftedLeft(_ amount: Int32) -> Int16 {
        Int16(clamping: Int64(self) << Int64(amount))
    }
}
