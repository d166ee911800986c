/// The vector instructions that the library's kernels are made of, on single elements, and a few helpers around them.
///
/// Source: nnlib hexagon/include/quantize.h; the instructions are the architecture's.
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

    /// The number with its exponent replaced so that it lies in 0.5..<1 (`flt_getfrac`).
    static func fraction(_ value: Float) -> Float { Float(bitPattern: value.bitPattern & 0x807f_ffff | 126 << 23) }

    /// 2 to the power of -127...128, clamped to that (`flt_power2`).
    static func powerOfTwo(_ exponent: Int32) -> Float {
        Float(bitPattern: UInt32(saturateU8(exponent + 127)) << 23)
    }

    /// The code that is nearest to a real number (`quantize_uint8`).
    static func quantized(_ value: Float, _ range: HexagonRange) -> Int32 {
        let scale = 255 / Float.maximum(1e-18, range.max - range.min)
        return saturateU8(RangeArithmetic.truncated(((value - range.min) * scale).rounded(.toNearestOrAwayFromZero)))
    }
}
