import TensorCore

extension HexagonKernels {
    /// `QuantizedSoftmax_8(_d32)` over the depth: powers of two in 15 bits, summed in 32, times a reciprocal of 16; the
    /// range is 0...1.
    ///
    /// Inputs: codes, their range, and perhaps a factor of the exponent.
    ///
    /// Source: nnlib hexagon/ops/src/op_softmax_d32.c.
    static func softmax(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 3...4)
        let codes = try operands.codes(0)
        let range = try operands.range(1)
        let beta = inputs.count == 4 ? try operands.scalar(3) : 1
        let depth = codes.shape[3]
        let output = HexagonRange(min: 0, max: 1)
        if node.op == .softmax {
            if depth == 1 { return results(lookUp(table { _ in 255 }, codes), output) }
            if depth == 2 { return results(softmaxOfPairs(codes, extent: beta * (range.max - range.min)), output) }
            if depth >= 1408, codes.count >= 4 * 1408 {
                throw operands.refused("a depth of \(depth), which is done by a histogram, is not built")
            }
        }
        guard let scaling = SoftmaxScaling(range, beta: beta, depth: depth, architecture) else {
            throw operands.refused("the range times \(beta) is too large, or the depth \(depth)")
        }
        var result = Tensor(zeros: TensorType(.uint8, codes.shape))
        var wide = [Int32](repeating: 0, count: depth)
        codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                wide.withUnsafeMutableBufferPointer { wide in
                    for start in stride(from: 0, to: source.count, by: depth) {
                        var most: UInt8 = 0
                        for i in start..<start + depth { most = Swift.max(most, source[i]) }
                        var sum: Int32 = 0
                        for k in 0..<depth {
                            wide[k] = scaling.powers[Int(most - source[start + k])]
                            sum &+= wide[k]
                        }
                        let reciprocal = scaling.reciprocal(of: sum)
                        for k in 0..<depth { target[start + k] = scaling.code(wide[k], reciprocal) }
                    }
                }
            }
        }
        return results(result, output)
    }

    /// Pairs outside the depth-32 layout: a table of the logistic function of the codes' difference.
    ///
    /// Additions that follow a multiplication are taken to be rounded twice.
    ///
    /// Source: op_softmax_d32.c, `fill_d2_lookup_table` and `process_softmax_128xd2`.
    private static func softmaxOfPairs(_ codes: Tensor, extent: Float) -> Tensor {
        let perCode = RangeArithmetic.dividedBy255(extent)
        var table: [UInt8] = [128]
        for difference in 1..<256 {
            let value = table[difference - 1] == 255 ? 255 : 255 / (1 + exponential(-perCode * Float(difference)))
            table.append(UInt8(truncatingIfNeeded: RangeArithmetic.rounded(value)))
        }
        var values = codes.elements(of: UInt8.self)
        for i in stride(from: 0, to: values.count, by: 2) {
            let (a, b) = (values[i], values[i + 1])
            let larger = table[Int(a > b ? a - b : b - a)]
            values[i] = a < b ? ~larger : larger
            values[i + 1] = a < b ? larger : ~larger
        }
        return Tensor(values, shape: codes.shape)
    }

    /// The library's exponential: 14 fractional bits of the binary logarithm, a cubic (`expf_approx`).
    private static func exponential(_ x: Float) -> Float {
        let logarithm = RangeArithmetic.rounded(x * Float(16384.0 / 0.69314718056))
        let part = Float(logarithm & 0x3fff) * Float(1.0 / 16384)
        let power = 1 + part * (0.69051585 + part * (0.23793659 + part * 0.07154756))
        return HexagonArithmetic.powerOfTwo(logarithm >> 14) * power
    }
}

/// What a softmax needs of its range, factor and depth.
struct SoftmaxScaling {
    /// For the difference to the largest code: a power of two with 31 - `shift` fractional bits.
    private(set) var powers: [Int32]
    /// Bits that a sum over the depth needs more.
    private let shift: Int32
    private let architecture: HexagonArchitecture

    /// - Returns: nil for what the library refuses (`set_scaling_parms`).
    init?(_ range: HexagonRange, beta: Float, depth: Int, _ architecture: HexagonArchitecture) {
        let perCode = (range.max - range.min) * beta * Float(1.0 / (255.0 * 0.69314718055994))
        let factorShift = min(31, 7 - Int32(RangeArithmetic.exponent(perCode)))
        let shift = Swift.max(2, Int32(Int.bitWidth - (depth - 1).leadingZeroBitCount))
        if perCode < 0 || factorShift < 0 || shift > 16 { return nil }
        let factor = HexagonArithmetic.saturateI16(
            RangeArithmetic.rounded(perCode * HexagonArithmetic.powerOfTwo(factorShift + 8)))
        self.shift = shift
        self.architecture = architecture
        powers = (0..<256).map { (difference: Int32) in
            let exponent = (difference &* 256 &* factor) >> factorShift
            let power =
                architecture == .v60
                ? Self.segmentedPower(exponent & 0xffff) : Self.power(UInt16(truncatingIfNeeded: exponent))
            return (power << (16 - shift)) >> Swift.min(exponent >> 16, 31)
        }
    }

    /// 2 to the minus x, 16 fractional bits in, 15 out: four segments of a quadratic in the complement of x
    /// (`pow2_v65_poly`).
    private static func power(_ x: UInt16) -> Int32 {
        let place = Int32(~x)
        let segment = Int(place >> 14)
        var value = ([4300, 5119, 6087, 7230] as [Int32])[segment]
        value = accumulated(value, place, ([22652, 21816, 19857, 16404] as [Int32])[segment])
        return accumulated(value, place, ([32769, 32876, 33371, 34675] as [Int32])[segment])
    }

    /// As ``power(_:)`` on a v60: sixteen segments of a quadratic, whose coefficients fall by a sixteenth of an octave
    /// (`hvx_pow2_func`, `lut_Log2_and_Pow2`).
    private static func segmentedPower(_ x: Int32) -> Int32 {
        let sixteenth = 0.5.squareRoot().squareRoot().squareRoot().squareRoot()
        let place = (x & 0xfff) >> 1
        let scale = (0..<(x >> 12)).reduce(1.0) { scale, _ in scale * sixteenth }
        let start = Swift.min(Int32((32768 * scale).rounded()), 32767)
        let slope = -Int32((22709 * scale).rounded())
        let square = Int32((7703.4 * scale).rounded())
        let inner = HexagonArithmetic.saturateI16(slope + HexagonArithmetic.multiplyFraction(square, place))
        return HexagonArithmetic.saturateI16(start + HexagonArithmetic.multiplyFraction(inner, place))
    }

    /// A product with an unsigned fraction plus half of an unsigned coefficient, saturated (`vmpa(h,uh,uh):sat`).
    private static func accumulated(_ value: Int32, _ place: Int32, _ coefficient: Int32) -> Int32 {
        Int32(
            clamping: Swift.max(
                Swift.min((Int64(value) * Int64(place) + Int64(coefficient) << 15) >> 16, 32767), -32768))
    }

    /// 255 / 256 of the reciprocal of a sum: a fraction of 15 bits and a right shift.
    func reciprocal(of sum: Int32) -> (factor: Int32, shift: Int32) {
        let normal = Int32((sum < 0 ? ~sum : sum).leadingZeroBitCount) - 1
        let mantissa = (sum << normal) >> 16
        let factor = architecture == .v60 ? Self.iteratedReciprocal(mantissa) : Self.reciprocal(mantissa)
        return (HexagonArithmetic.multiplyFraction(factor, 255 << 7), Swift.max(shift + 3 - normal, 0))
    }

    /// 2^29 / x for 16,384...32,767: four segments of a quadratic, refined once (`hvx_recip16_inline`, precision 10).
    private static func reciprocal(_ x: Int32) -> Int32 {
        let place = (x << 2) & 0xffff
        let segment = Int(place >> 14)
        var value = ([11794, 6555, 3951, 2530] as [Int32])[segment]
        value = accumulated(value, place, -([32086, 27318, 22353, 18222] as [Int32])[segment])
        value = accumulated(value, place, ([32769, 32232, 31054, 29548] as [Int32])[segment])
        return refined(x, HexagonArithmetic.saturateI16(2 * value))
    }

    /// As ``reciprocal(_:)`` on a v60: one quadratic, refined twice.
    private static func iteratedReciprocal(_ x: Int32) -> Int32 {
        let doubled = HexagonArithmetic.wrapI16(2 * x)
        let inner = HexagonArithmetic.multiplyFraction(doubled, 10598) - 5306
        let value = HexagonArithmetic.multiplyFraction(doubled, inner) + 16569
        return refined(x, refined(x, value))
    }

    /// A step of Newton's iteration.
    private static func refined(_ x: Int32, _ value: Int32) -> Int32 {
        let error = HexagonArithmetic.saturateI16(HexagonArithmetic.multiplyFraction(x, value) - 1 << 14)
        let correction = HexagonArithmetic.multiplyFraction(HexagonArithmetic.saturateI16(2 * error), value)
        return HexagonArithmetic.saturateI16(value - correction)
    }

    /// The output's code of a power (`final_scaling_op`).
    @inline(__always) func code(_ power: Int32, _ reciprocal: (factor: Int32, shift: Int32)) -> UInt8 {
        let half = HexagonArithmetic.saturateI16(HexagonArithmetic.shiftRounded(power, 16 - shift))
        let scaled = HexagonArithmetic.saturateI16(((half &* reciprocal.factor) >> reciprocal.shift) >> 12)
        return UInt8(
            truncatingIfNeeded: HexagonArithmetic.saturateU8(HexagonArithmetic.shiftRounded(scaled, 6)))
    }
}
