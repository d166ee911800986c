/// The library's binary32 arithmetic on ranges, step for step: every operation is rounded as the library's is.
///
/// Source: nnlib hexagon/include/quantize.h and hexagon/src/quantize.c. Additions that follow a multiplication are not
/// fused, except where the library asks for it.
enum RangeArithmetic {
    /// `x / 255` by a fused multiply-add of a split reciprocal. Source: `flt_div_255`.
    static func dividedBy255(_ x: Float) -> Float {
        let small: Float = -0xF.EFEFFp-36
        return (small * x).addingProduct(x, 0x8.08081p-11)
    }

    /// To the nearest integer, half away from zero; saturates. Source: `roundf_i32`.
    static func rounded(_ x: Float) -> Int32 {
        truncated(x + (x.sign == .minus ? -0.5 : 0.5))
    }

    /// Adds a half and drops the fraction: negative values become 0, large ones and NaN saturate. Source: `roundf_u32`.
    static func roundedUnsigned(_ x: Float) -> UInt32 {
        let sum = x + 0.5
        if sum <= 0 { return 0 }
        return sum < 0x1p32 ? UInt32(sum) : .max
    }

    /// Towards zero; saturates, and NaN becomes -1 as in the processor's conversion.
    static func truncated(_ x: Float) -> Int32 {
        if x.isNaN { return -1 }
        if x >= 0x1p31 { return .max }
        return x <= -0x1p31 ? .min : Int32(x)
    }

    /// To the nearest integer, half to even; saturates as ``truncated(_:)``. Source: `fast_roundf`.
    static func nearest(_ x: Float) -> Int32 { truncated(x.rounded(.toNearestOrEven)) }

    /// The exponent of `x` as a fraction in [0.5, 1); 0 and denormals give -126. Source: `flt_getexp`.
    static func exponent(_ x: Float) -> Int { Int(x.exponentBitPattern) - 126 }

    /// `x` times a power of two whose exponent is kept within binary32. Source: `flt_ldexp`.
    static func scaled(_ x: Float, byPowerOfTwo exponent: Int) -> Float {
        x * Float(bitPattern: UInt32(min(max(exponent + 127, 0), 255)) << 23)
    }

    static func code(_ x: Int32) -> UInt8 { UInt8(min(max(x, 0), 255)) }

    /// The step of 8-bit codes of a range and the code of zero. Source: `get_qu8_level_size_zero`.
    static func stepAndZero(_ low: Float, _ high: Float) -> (step: Float, zero: Int32) {
        let step = dividedBy255(high - low)
        return (step, Int32(code(rounded(-low / step))))
    }

    /// The code of zero, computed with the reciprocal of the range. Source: `quantize_uint8(0, low, high)`.
    static func zeroCode(_ low: Float, _ high: Float) -> Int32 {
        let perUnit = 255 / max(1e-18, high - low)
        return Int32(code(truncated(((0 - low) * perUnit).rounded(.toNearestOrAwayFromZero))))
    }

    /// Widens a range to hold zero, then moves the end that has to move least so that zero has an integral code.
    /// Source: `quantize_adjust_range`.
    static func adjusted(_ low: Float, _ high: Float) -> (low: Float, high: Float, step: Float, perUnit: Float) {
        var low = min(0, low)
        var high = max(0, high)
        var range = max(1e-18, high - low)
        var perUnit = 255 / range
        if low < 0 {
            let zero = -low * perUnit
            let whole = zero.rounded(.down)
            let fraction = zero - whole
            if fraction > 6.1035156e-05, fraction < 0.999938965 {
                if whole > 0, whole > 253 || (fraction - 1) * low >= fraction * high {
                    range = -255 * low / whole
                    high = low + range
                } else {
                    low = high * (whole + 1) / (whole - 254)
                    range = high - low
                }
                perUnit = 255 / range
            }
        }
        return (low, high, dividedBy255(range), perUnit)
    }

    /// `x * multiplier / 2^31`, rounded half up; saturates.
    ///
    /// Source: the pair `vmpye`, `vmpyo:<<1:rnd:sat:shift` of the vector unit, which all requantising kernels use.
    @inline(__always)
    static func product31(_ x: Int32, _ multiplier: Int32) -> Int32 {
        Int32(clamping: (Int64(x) &* Int64(multiplier) &+ 1 << 30) >> 31)
    }

    /// To 16 signed and then to 8 unsigned bits, which is one clamp. Source: `vpack:sat` twice.
    @inline(__always)
    static func packed(_ x: Int32) -> UInt8 { UInt8(truncatingIfNeeded: min(max(x, 0), 255)) }
}
