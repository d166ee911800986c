/// The library's table for tanh and the sigmoid: 16 segments of a quadratic over 0...3.2 (0...6.4), mirrored.
///
/// Source: nnlib hexagon/ops/src/op_tanh_d32.c.
struct SigmoidalTable {
    /// Half of the input's gain: the sigmoid is a tanh of half its argument.
    private var gain: Float
    /// Codes of the output times 128, over both signs.
    private var span: Int32
    /// The range of the output.
    var output: HexagonRange
    /// Of each segment: coefficients of the square, of the argument and the constant, in fractions of 2^15.
    private var squares: [Int32]
    private var slopes: [Int32]
    private var starts: [Int32]

    static let tanh = SigmoidalTable(
        gain: 1.25 * 8192, span: 254 * 128, output: HexagonRange(min: -1, max: Float(128.0 / 127)),
        squares: [
            -7994, -21652, -29653, -31481, -28797, -23876, -18511, -13703,
            -9826, -6894, -4766, -3262, -2217, -1500, -1011, -677,
        ],
        slopes: [
            26172, 25098, 22283, 18480, 14485, 10862, 7879, 5579,
            3883, 2671, 1822, 1236, 835, 563, 378, 254,
        ],
        starts: [
            0, 6418, 12354, 17462, 21590, 24761, 27104, 28784,
            29965, 30782, 31342, 31723, 31981, 32155, 32272, 32351,
        ])

    static let sigmoid = SigmoidalTable(
        gain: 0.625 * 8192, span: 255 * 128, output: HexagonRange(min: 0, max: 1),
        squares: [
            -8026, -21738, -29770, -31605, -28910, -23970, -18584, -13757,
            -9865, -6921, -4785, -3275, -2226, -1506, -1015, -680,
        ],
        slopes: [
            26275, 25197, 22371, 18553, 14542, 10905, 7910, 5601,
            3899, 2681, 1829, 1240, 838, 565, 380, 255,
        ],
        starts: [
            0, 6443, 12403, 17531, 21675, 24859, 27210, 28898,
            30083, 30904, 31466, 31848, 32107, 32282, 32399, 32479,
        ])

    /// The output's code for each code of a range.
    func codes(for range: HexagonRange) -> [UInt8] {
        let extent = range.max - range.min
        let zero = HexagonArithmetic.saturateU8(RangeArithmetic.rounded(-255 * range.min / extent))
        let perCode = RangeArithmetic.dividedBy255(extent) * gain
        let shift = 15 - Swift.max(Int32(RangeArithmetic.exponent(perCode)), 0)
        let factor =
            shift < 0
            ? 32767
            : HexagonArithmetic.saturateI16(
                RangeArithmetic.rounded(perCode * HexagonArithmetic.powerOfTwo(shift)))
        return HexagonKernels.table { code in
            let product = abs(code - zero) * factor
            let magnitude = HexagonArithmetic.saturateI16(
                HexagonArithmetic.shiftRounded(product, Swift.max(shift, 0)))
            let value = polynomial(magnitude)
            let centred = ((code < zero ? ~value : value) + span + 1) >> 1
            return HexagonArithmetic.saturateU8(HexagonArithmetic.shiftRounded(centred, 7))
        }
    }

    /// The function of an argument of 15 bits: 4 choose the segment, 11 are the place in it.
    private func polynomial(_ argument: Int32) -> Int32 {
        let segment = Int(argument >> 11)
        let place = argument & 0x7ff
        let slope = HexagonArithmetic.wrapI16(
            HexagonArithmetic.multiplyFraction(place, squares[segment]) + slopes[segment])
        return HexagonArithmetic.saturateI16(
            HexagonArithmetic.multiplyFraction(place << 2, slope) + starts[segment])
    }
}
