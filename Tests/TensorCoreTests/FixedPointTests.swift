import TensorCore
import Testing

@Suite struct FixedPointTests {
    /// Half away from zero, by definition in exact integer arithmetic.
    @Test(arguments: [Int32.min, -5, -3, -1, 0, 1, 2, 3, 5, 1 << 20, Int32.max], [1, 2, 7, 30] as [Int32])
    func dividesByPowersOfTwoHalfAwayFromZero(value: Int32, exponent: Int32) {
        let divisor = Int64(1) << Int64(exponent)
        let magnitude = (2 * Int64(value).magnitude + UInt64(divisor)) / (2 * UInt64(divisor))
        let expected = value < 0 ? -Int64(magnitude) : Int64(magnitude)
        #expect(Int64(FixedPoint.roundingDivideByPowerOfTwo(value, exponent)) == expected)
    }

    @Test func saturatesTheOneProductThatOverflows() {
        #expect(FixedPoint.saturatingRoundingDoublingHighMultiply(.min, .min) == .max)
    }

    @Test(arguments: [1.0, 0.5, 0.75, 0.1, 1e-4, 3.0, 1234.5, 1e-9])
    func multiplierIsTheNearestFraction(real: Double) {
        let factor = QuantizedMultiplier(real)
        let back = Double(factor.multiplier) / 2_147_483_648 * RealPower.two(Int(factor.shift))
        #expect(abs(back - real) <= real / Double(1 << 30))
        #expect(factor.multiplier >= 1 << 30)
    }

    @Test func zeroAndVanishingFactorsAreZero() {
        #expect(QuantizedMultiplier(0).multiplier == 0)
        #expect(QuantizedMultiplier(1e-12).multiplier == 0)
    }

    /// Every binary16 pattern survives the way through binary32, except that NaN payloads become one quiet NaN.
    @Test func halvesRoundTrip() {
        for bits in UInt16.min...UInt16.max {
            let value = Float16Bits.toFloat(bits)
            if value.isNaN { continue }
            #expect(Float16Bits.fromFloat(value) == bits)
        }
    }

    @Test(
        arguments: zip(
            [1 + 0x1p-11, 1 + 0x1.8p-10, 65520, 0x1p-25] as [Float], [0x3C00, 0x3C02, 0x7C00, 0] as [UInt16]))
    func roundsToNearestEven(value: Float, expected: UInt16) {
        #expect(Float16Bits.fromFloat(value) == expected)
    }
}

private enum RealPower {
    static func two(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }
}
