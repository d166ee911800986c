import TensorCore

extension HexagonKernels {
    /// `Requantize_8to8(_d32)`: codes of one range as those of another. Inputs: codes, their range, the output's range.
    ///
    /// Sources: nnlib hexagon/ops/src/op_requantize.c, `do_requantize_8to8_execute`, and hexagon/src/quantize.c,
    /// `nn_requantize_qu8_to_qu8_hvx`.
    static func requantize8(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 5...5)
        let codes = try operands.codes(0)
        let range = try operands.range(1)
        let wanted = try operands.range(3)
        let output = wanted.withExactZero()
        if output != wanted {
            throw operands.refused(
                "the output's range \(wanted.min)...\(wanted.max) does not yield an integer zero point")
        }
        let extent = range.max - range.min
        let outputExtent = output.max - output.min
        let gain = extent / outputExtent
        if Int32(RangeArithmetic.exponent(gain)) > 15 {
            throw operands.refused("the output's range is too small for the operand's")
        }
        let zero = HexagonArithmetic.saturateU8(RangeArithmetic.rounded(-255 * range.min / extent))
        let outputZero = HexagonArithmetic.saturateU8(RangeArithmetic.rounded(-255 * output.min / outputExtent))
        return results(lookUp(requantizationTable(gain: gain, zero: zero, outputZero: outputZero), codes), output)
    }

    /// The output's code for each code: within 2^-14 of a gain of 1 only the zero point moves; below, a 15-bit factor;
    /// above, a 15-bit mantissa and a shift.
    private static func requantizationTable(gain: Float, zero: Int32, outputZero: Int32) -> [UInt8] {
        typealias Arithmetic = HexagonArithmetic
        if abs(gain - 1) < 6.1035156e-05 {
            return table { Arithmetic.saturateU8($0 + (outputZero - zero)) }
        }
        let mantissa = gain > 1 ? Arithmetic.fraction(gain) : gain
        let factor = Arithmetic.saturateI16(RangeArithmetic.rounded(mantissa * 32768))
        let shift = 15 - Int32(RangeArithmetic.exponent(gain))
        return table {
            let difference = $0 - zero
            let product =
                gain > 1
                ? Arithmetic.saturateI16(Arithmetic.shiftRounded(difference * factor, shift))
                : Arithmetic.multiplyFraction(difference, factor)
            return Arithmetic.saturateU8(Arithmetic.saturateI16(product + outputZero))
        }
    }
}
