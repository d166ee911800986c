import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Natural logarithm in binary32, as the C library rounds it.
func logarithm(_ x: Float) -> Float { logf(x) }

/// A function of codes as a table: every code for 8 bits, 513 points with interpolation between them for 16.
enum LookupTable {
    /// The result of every code of `C`, smallest code first.
    ///
    /// Source: LiteRT `LUTPopulateInt8` (kernels/internal/common.h).
    static func bytes<C: Code>(_ input: Affine, _ output: Affine, _: C.Type, _ function: (Float) -> Float) -> [C] {
        let inverse = 1 / output.scale
        return (Int32(C.min)...Int32(C.max)).map { code in
            let real = function(input.scale * Float(code &- input.zeroPoint))
            let rounded = (real * inverse).rounded(.toNearestOrAwayFromZero)
            let result: Int32 = saturatingInteger(Double(rounded + Float(output.zeroPoint)), as: Int32.self)
            return C(clamping: result)
        }
    }

    /// 513 results at every 128th code; the last one only ends an interval.
    ///
    /// Source: LiteRT `LUTPopulateInt16`, computed in `T` (binary32, binary64 for softmax).
    static func points<T: BinaryFloatingPoint>(
        inputScale: T, inputZeroPoint: Int32, outputScale: T, outputZeroPoint: Int32, _ function: (T) -> T
    ) -> [Int16] {
        func rounded(_ value: T) -> T { value.rounded(.toNearestOrAwayFromZero) }
        func code(_ value: T) -> Int16 { saturatingInteger(Double(value), as: Int16.self) }
        let low = inputScale * T(-32768 &- inputZeroPoint)
        let high = inputScale * T(32767 &- inputZeroPoint)
        let outputLow = outputScale * T(-32768 &- outputZeroPoint)
        let outputHigh = outputScale * T(32767 &- outputZeroPoint)
        let step = (high - low) / 512
        let half = step / 2
        let inverse = 65536 / (outputHigh - outputLow)
        let inner = (0..<512).map { i in
            let value = function(low + T(i) * step)
            let middle = function(low + T(i) * step + half)
            let next = function(low + T(i + 1) * step)
            let sample = rounded(value * inverse)
            let interpolated = rounded((next * inverse + rounded(value * inverse)) / 2)
            let error = interpolated - rounded(middle * inverse)
            return code(sample - rounded(error / 2))
        }
        return inner + [code(rounded(function(high) * inverse))]
    }

    /// Interpolates in 513 points.
    ///
    /// Source: LiteRT `LUTLookup(int16_t)`.
    @inline(__always)
    static func lookup(_ code: Int16, _ points: [Int16]) -> Int16 {
        let index = 256 + Int(code >> 7)
        let base = points[index]
        let slope = Int32(points[index + 1] &- base)
        let delta = (slope &* Int32(code & 0x7F) &+ 64) >> 7
        return Int16(truncatingIfNeeded: Int32(base) &+ delta)
    }
}
