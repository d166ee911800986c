/// The library's scalar helpers and the vector instructions that its kernels are made of, on single elements.
///
/// Sources: nnlib hexagon/include/quantize.h and hexagon/src/quantize.c; the instructions are the architecture's.
enum HexagonArithmetic {
    /// Clamped to 0...255.
    @inline(__always) static func saturateU8(_ value: Int32) -> Int32 { min(max(value, 0), 255) }

    /// Clamped to -32,768...32,767.
    @inline(__always) static func saturateI16(_ value: Int32) -> Int32 { min(max(value, -32768), 32767) }

    /// The low 16 bits as a signed number.
    @inline(__always) static func wrapI16(_ value: Int32) -> Int32 { Int32(Int16(truncatingIfNeeded: value)) }

    /// Arithmetic right shift of a sum that has half a unit added; a shift of 0 rounds nothing (`vasr:rnd`).
    @inline(__always) static func shiftRounded(_ value: Int32, _ shift: Int32) -> Int32 {
        shift > 0 ? (value &+ (1 &<< (shift &- 1))) &>> shift : value
    }

    /// Product of two 16-bit fractions, rounded and saturated (`vmpy(h,h):<<1:rnd:sat`).
    @inline(__always) static func multiplyFraction(_ a: Int32, _ b: Int32) -> Int32 {
        saturateI16((a &* b &* 2 &+ 0x8000) &>> 16)
    }

    /// Conversion towards zero: saturates, and gives -1 for NaN, as the processor's conversion does.
    static func truncated(_ value: Float) -> Int32 {
        if value.isNaN { return -1 }
        return value >= 2_147_483_648 ? .max : value <= -2_147_483_648 ? .min : Int32(value)
    }

    /// Nearest integer, halves away from zero; the half is added in binary32 (`roundf_i32`).
    static func rounded(_ value: Float) -> Int32 { truncated(value + (value.sign == .minus ? -0.5 : 0.5)) }

    /// Exponent of the fraction in 0.5..<1; -126 for zero, 129 for what is not finite (`flt_getexp`).
    static func exponent(_ value: Float) -> Int32 { Int32(value.bitPattern >> 23 & 0xff) - 126 }

    /// The number with its exponent replaced so that it lies in 0.5..<1 (`flt_getfrac`).
    static func fraction(_ value: Float) -> Float { Float(bitPattern: value.bitPattern & 0x807f_ffff | 126 << 23) }

    /// 2 to the power of -127...128, clamped to that (`flt_power2`).
    static func powerOfTwo(_ exponent: Int32) -> Float {
        Float(bitPattern: UInt32(saturateU8(exponent + 127)) << 23)
    }

    /// A 255th: two products, the second added without rounding the first (`flt_div_255`).
    static func dividedBy255(_ value: Float) -> Float {
        (-0xFE_FEFFp-56 * value).addingProduct(value, 0x80_8081p-31)
    }

    /// Step and zero point of the codes for a range (`get_qu8_level_size_zero`).
    static func stepAndZero(_ range: HexagonRange) -> (step: Float, zero: Int32) {
        let step = dividedBy255(range.max - range.min)
        return (step, saturateU8(rounded(-range.min / step)))
    }

    /// The code that is nearest to a real number (`quantize_uint8`).
    static func quantized(_ value: Float, _ range: HexagonRange) -> Int32 {
        let scale = 255 / Float.maximum(1e-18, range.max - range.min)
        return saturateU8(truncated(((value - range.min) * scale).rounded(.toNearestOrAwayFromZero)))
    }
}

/// The real numbers of the codes 0 and 255.
struct HexagonRange: Equatable {
    var min: Float
    var max: Float

    /// Which ends a caller has given and wants kept.
    struct Fixed: OptionSet {
        var rawValue: Int
        static let min = Fixed(rawValue: 1)
        static let max = Fixed(rawValue: 2)
    }

    /// How near to an integer a zero point has to be to be taken as one: 2^-14.
    private static let near: Float = 6.1035156e-05
    private static let nearNext: Float = 0.999938965

    /// With zero in it and one end moved outwards, the one that moves less, so that zero has a code
    /// (`quantize_adjust_range`).
    func withExactZero() -> HexagonRange {
        var low = Float.minimum(0, min)
        var high = Float.maximum(0, max)
        guard low < 0 else { return HexagonRange(min: low, max: high) }
        let zero = -low * (255 / Float.maximum(1e-18, high - low))
        let whole = zero.rounded(.down)
        let part = zero - whole
        if part > Self.near, part < Self.nearNext {
            if whole > 0, whole > 253 || (part - 1) * low >= part * high {
                high = low + -255 * low / whole
            } else {
                low = high * (whole + 1) / (whole - 254)
            }
        }
        return HexagonRange(min: low, max: high)
    }

    /// As ``withExactZero()`` for a range that has zero in it, with the expressions of `adjust_minmax_for_zero`.
    func adjustedForZero() -> HexagonRange {
        let difference = max - min
        guard difference >= 1e-6, min != 0 else { return self }
        let zero = -255 * min / difference
        let whole = zero.rounded(.down)
        let part = zero - whole
        if part <= Self.near || part >= Self.nearNext { return self }
        if whole > 0, whole > 253 || (part - 1) * min >= part * max {
            return HexagonRange(min: min, max: min - 255 * min / whole)
        }
        return HexagonRange(min: max * (whole + 1) / (whole - 254), max: max)
    }

    /// As ``adjustedForZero()``, sparing the ends in `fixed`; with both fixed, and zero not near an end, both move by the
    /// same amount (`adjust_minmax_for_zero_with_constraints`).
    func adjustedForZero(fixed: Fixed) -> HexagonRange {
        let difference = max - min
        guard difference > 0, min != 0 else { return self }
        let zero = -255 * min / difference
        let whole = zero.rounded(.down)
        let part = zero - whole
        if part <= Self.near || part >= Self.nearNext { return self }
        let moveMin = (part - 1) * min
        let moveMax = part * max
        let nearest = part >= 0.5 ? whole + 1 : whole
        func movingMax(_ zero: Float) -> HexagonRange { HexagonRange(min: min, max: min - 255 * min / zero) }
        func movingMin(_ zero: Float) -> HexagonRange { HexagonRange(min: max * zero / (zero - 255), max: max) }
        switch (fixed.contains(.min), fixed.contains(.max)) {
        case (false, false):
            return whole >= 1 && (whole >= 254 || moveMin >= moveMax) ? movingMax(whole) : movingMin(whole + 1)
        case (true, false):
            return whole >= 1 && (zero >= 192.25 || moveMin * 8 > moveMax) ? movingMax(whole) : movingMin(nearest)
        case (false, true):
            return zero >= 63.75 && (whole >= 254 || moveMin > moveMax * 8) ? movingMax(nearest) : movingMin(whole + 1)
        case (true, true):
            if zero <= 63.75 { return movingMin(nearest) }
            if zero >= 192.25 { return movingMax(nearest) }
            let shift = (zero - nearest) * difference * Float(1.0 / 255)
            return HexagonRange(min: min + shift, max: max + shift)
        }
    }
}
