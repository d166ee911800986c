import TensorCore

/// Functions of fixed-point numbers: an Int32 `raw` with n integer bits stands for `raw / 2^(31 - n)`.
///
/// Source: gemmlowp fixedpoint.h and LiteRT kernels/internal/common.h; results equal theirs bit for bit.
enum FixedPointFunctions {
    static func product(_ a: Int32, _ b: Int32) -> Int32 {
        FixedPoint.saturatingRoundingDoublingHighMultiply(a, b)
    }

    /// `x * 2^exponent`: saturates to the left, rounds half away from zero to the right.
    static func scaled(_ x: Int32, byPowerOfTwo exponent: Int) -> Int32 {
        if exponent == 0 { return x }
        if exponent < 0 { return FixedPoint.roundingDivideByPowerOfTwo(x, Int32(-exponent)) }
        let threshold = exponent < 31 ? Int32((1 << (31 - exponent)) - 1) : 0
        if x > threshold { return .max }
        if x < -threshold { return .min }
        return x << Int32(exponent)
    }

    private static func halfSum(_ a: Int32, _ b: Int32) -> Int32 {
        let sum = Int64(a) + Int64(b)
        return Int32(truncatingIfNeeded: (sum + (sum >= 0 ? 1 : -1)) / 2)
    }

    /// `1 / (1 + x)` for x in [0, 1], 0 integer bits in and out.
    static func reciprocalOfOnePlus(_ x: Int32) -> Int32 {
        let halfDenominator = halfSum(x, .max)
        var result = 1_515_870_810 &+ product(halfDenominator, -1_010_580_540)
        for _ in 0..<3 {
            let error = (1 << 29) &- product(halfDenominator, result)
            result = result &+ scaled(product(result, error), byPowerOfTwo: 2)
        }
        return scaled(result, byPowerOfTwo: 1)
    }

    /// The reciprocal of a positive number with `integerBits` integer bits, as a factor in [0.5, 1) and the number of
    /// bits that it has to be shifted right.
    static func reciprocal(_ x: Int32, integerBits: Int) -> (factor: Int32, bitsOverUnit: Int) {
        let headroom = x.leadingZeroBitCount
        let fraction = Int32(bitPattern: (UInt32(bitPattern: x) << UInt32(headroom)) &- (1 << 31))
        return (reciprocalOfOnePlus(fraction), integerBits - headroom)
    }

    /// e^x for x in [-1/4, 0), 0 integer bits in and out.
    private static func exponentialNearZero(_ a: Int32) -> Int32 {
        let x = a &+ (1 << 28)
        let x2 = product(x, x)
        let x3 = product(x2, x)
        let x4 = product(x2, x2)
        let cubic = product(scaled(x4, byPowerOfTwo: -2) &+ x3, 715_827_883)
        let tail = scaled(cubic &+ x2, byPowerOfTwo: -1)
        return 1_895_147_668 &+ product(1_895_147_668, x &+ tail)
    }

    /// e^x for x at most 0 with 5 integer bits; 0 integer bits out.
    static func exponentialOfNegative(_ x: Int32) -> Int32 {
        if x == 0 { return .max }
        let quarter: Int32 = 1 << 24
        let remainder = (x & (quarter - 1)) &- quarter
        var result = exponentialNearZero(scaled(remainder, byPowerOfTwo: 5))
        let rest = remainder &- x
        let factors: [Int32] = [
            1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242,
        ]
        for (bit, factor) in factors.enumerated() where rest & (1 << Int32(24 + bit)) != 0 {
            result = product(result, factor)
        }
        return result
    }

    /// Natural logarithm of a number of at least 1 with 12 integer bits; 5 integer bits out.
    static func logarithm(_ x: Int32) -> Int32 {
        let sqrtSqrtHalf: Int32 = 1_805_811_301
        let sqrtHalf: Int32 = 1_518_500_250
        let quarter = scaled(536_870_912, byPowerOfTwo: -6)

        let headroomA = x.leadingZeroBitCount
        let shiftedA = scaled(x, byPowerOfTwo: headroomA - 1)
        let a = scaled(product(shiftedA, sqrtHalf), byPowerOfTwo: 1)
        let exponentA = saturatingAdd(scaled(Int32(12 - headroomA), byPowerOfTwo: 25), quarter)

        let xB = product(x, sqrtHalf)
        let headroomB = xB.leadingZeroBitCount - 1
        let b = scaled(x, byPowerOfTwo: headroomB)
        let exponentB = saturatingAdd(scaled(Int32(12 - headroomB), byPowerOfTwo: 25), -quarter)

        let r = min(a, b)
        let exponent = max(exponentA, exponentB)
        let p = halfSum(r, sqrtSqrtHalf)
        let q = (r &- sqrtSqrtHalf) &* 2
        let square = product(q, q)
        let numerator = product(q, r) &+ product(product(q, square), 117_049_297)
        let denominator =
            product(p, 1_057_819_769 &+ q &+ product(127_690_142, square)) &+ product(638_450_708, q)
        let quotient = product(scaled(numerator, byPowerOfTwo: -6), reciprocalOfOnePlus(denominator))
        return scaled(product(exponent, 1_488_522_236) &+ quotient, byPowerOfTwo: 1)
    }

    private static func saturatingAdd(_ a: Int32, _ b: Int32) -> Int32 {
        Int32(clamping: Int64(a) + Int64(b))
    }

    /// `1 / sqrt(x)` of a positive integer as a multiplier.
    ///
    /// Source: LiteRT `GetInvSqrtQuantizedMultiplierExp`.
    static func inverseSquareRoot(_ x: Int32) -> QuantizedMultiplier {
        guard x > 1 else { return QuantizedMultiplier(multiplier: .max, shift: 0) }
        var input = x
        var shift: Int32 = 11
        while input >= 1 << 29 {
            input /= 4
            shift += 1
        }
        let pairs = Int32((input.leadingZeroBitCount - 1) / 2 - 1)
        shift -= pairs
        input <<= 2 * pairs
        let value = input >> 1
        let half = scaled(value, byPowerOfTwo: -1)
        let threeHalves: Int32 = (1 << 28) + (1 << 27)
        var result: Int32 = 1 << 28
        for _ in 0..<5 {
            let cube = scaled(product(product(result, result), result), byPowerOfTwo: 6)
            result = scaled(product(threeHalves, result) &- product(half, cube), byPowerOfTwo: 3)
        }
        var multiplier = product(result, 1_518_500_250)
        if shift < 0 {
            multiplier = multiplier &<< -shift
            shift = 0
        }
        return QuantizedMultiplier(multiplier: multiplier, shift: -shift)
    }
}
