/// A positive real factor as `multiplier * 2^(shift - 31)`, with `multiplier` in `[2^30, 2^31)` or 0.
///
/// Source: LiteRT `QuantizeMultiplier` (kernels/internal/quantization_util.cc).
public struct QuantizedMultiplier: Sendable, Hashable {
    public var multiplier: Int32
    /// Left shift when positive, right shift when negative.
    public var shift: Int32

    public init(multiplier: Int32, shift: Int32) {
        self.multiplier = multiplier
        self.shift = shift
    }

    /// Nearest Q31 representation of `real`; rounds half away from zero. Factors below 2^-31 become 0.
    public init(_ real: Double) {
        guard real != 0, real.isFinite else {
            self.init(multiplier: 0, shift: 0)
            return
        }
        var exponent = Int32(real.exponent) + 1
        var q31 = Int64((real.significand * 1_073_741_824.0).rounded(.toNearestOrAwayFromZero))
        if q31 == 1 << 31 {
            q31 /= 2
            exponent += 1
        }
        if exponent < -31 {
            exponent = 0
            q31 = 0
        }
        if exponent > 30 {
            exponent = 30
            q31 = (1 << 31) - 1
        }
        self.init(multiplier: Int32(truncatingIfNeeded: q31), shift: exponent)
    }
}

/// LiteRT's integer requantisation, rounding for rounding. All arithmetic wraps where the C++ original would overflow.
public enum FixedPoint {
    /// `(a * b + nudge) >> 31` with rounding half away from zero, saturating for `Int32.min * Int32.min`.
    ///
    /// Source: gemmlowp `SaturatingRoundingDoublingHighMul`.
    @inlinable
    public static func saturatingRoundingDoublingHighMultiply(_ a: Int32, _ b: Int32) -> Int32 {
        if a == b, a == Int32.min { return Int32.max }
        let product = Int64(a) &* Int64(b)
        let nudge: Int64 = product >= 0 ? 1 << 30 : 1 &- (1 << 30)
        return Int32(truncatingIfNeeded: (product &+ nudge) / (1 << 31))
    }

    /// `x / 2^exponent`, rounding half away from zero; `exponent` in 0...31.
    ///
    /// Source: gemmlowp `RoundingDivideByPOT`.
    @inlinable
    public static func roundingDivideByPowerOfTwo(_ x: Int32, _ exponent: Int32) -> Int32 {
        let mask = Int32(truncatingIfNeeded: (Int64(1) << Int64(exponent)) &- 1)
        let remainder = x & mask
        let threshold = (mask >> 1) &+ (x < 0 ? 1 : 0)
        return (x >> exponent) &+ (remainder > threshold ? 1 : 0)
    }

    /// `x * factor`, rounded twice as LiteRT's reference kernels do (built without single rounding).
    ///
    /// Source: LiteRT `MultiplyByQuantizedMultiplier(int32)`.
    @inlinable
    public static func multiply(_ x: Int32, by factor: QuantizedMultiplier) -> Int32 {
        let left = factor.shift > 0 ? factor.shift : 0
        let right = factor.shift > 0 ? 0 : -factor.shift
        let scaled = Int32(truncatingIfNeeded: Int64(x) &<< Int64(left))
        return roundingDivideByPowerOfTwo(saturatingRoundingDoublingHighMultiply(scaled, factor.multiplier), right)
    }

    /// The 48-bit variant used by 16-bit activation kernels: the multiplier is rounded to 15 bits first.
    ///
    /// Source: LiteRT `MultiplyByQuantizedMultiplier(int64)`.
    @inlinable
    public static func multiply(_ x: Int64, by factor: QuantizedMultiplier) -> Int32 {
        let reduced: Int64 =
            factor.multiplier < 0x7FFF_0000 ? (Int64(factor.multiplier) &+ (1 << 15)) >> 16 : 0x7FFF
        let totalShift = Int64(15 &- factor.shift)
        let product = x &* reduced &+ (Int64(1) << (totalShift &- 1))
        return Int32(truncatingIfNeeded: product >> totalShift)
    }
}

/// Float to integer conversion that never traps: NaN becomes 0, values outside the range saturate.
@inlinable
public func saturatingInteger<T: FixedWidthInteger>(_ value: Double, as _: T.Type) -> T {
    if value.isNaN { return 0 }
    if value <= Double(T.min) { return T.min }
    if value >= Double(T.max) { return T.max }
    return T(value)
}
