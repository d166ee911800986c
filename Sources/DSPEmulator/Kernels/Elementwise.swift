import TensorCore

extension HexagonKernels {
    /// One or two operands, element by element.
    static func elementwise(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        switch node.op {
        case .add, .addDepth32, .subtract, .subtractDepth32: try sum(node, inputs)
        case .multiplyTo32: try productTo32(node, inputs)
        case .multiply: try product(node, inputs)
        case .multiplyDepth32: try productDepth32(node, inputs)
        case .divide: try quotient(node, inputs)
        case .minimum: try extreme(node, inputs) { Swift.min($0, $1) }
        case .maximum: try extreme(node, inputs) { Swift.max($0, $1) }
        case .negate, .negateDepth32: try negation(node, inputs)
        case .squareRoot: try squareRoot(node, inputs)
        default: throw notBuilt(node)
        }
    }

    /// `QuantizedNeg_8(_d32)`: the complement of each code, and the range turned round.
    ///
    /// Sources: nnlib hexagon/ops/src/op_neg.c, op_add_d32.c.
    private static func negation(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 3...3)
        let codes = try operands.codes(0)
        let range = try operands.range(1)
        return results(lookUp(table { 255 - $0 }, codes), HexagonRange(min: -range.max, max: -range.min))
    }

    /// `QuantizedSqrt_8`: the nearest code to the square root, as if the range started at zero; its ends are the roots of
    /// the operand's.
    ///
    /// Source: nnlib hexagon/ops/src/op_sqrt.c.
    private static func squareRoot(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 3...3)
        let codes = try operands.codes(0)
        let range = try operands.range(1)
        if range.min < 0 { throw operands.refused("does not take a range with negative numbers") }
        let table = table { Int32((Double($0) * 255).squareRoot().rounded()) }
        return results(
            lookUp(table, codes), HexagonRange(min: range.min.squareRoot(), max: range.max.squareRoot()))
    }

    /// `QuantizedMinimum_8` and `QuantizedMaximum_8`: both operands in the output's range, then the extreme of the codes.
    ///
    /// An operand of one element whose code is 0 makes the library read memory that it did not write: refused.
    ///
    /// Source: nnlib hexagon/ops/src/op_minimum_maximum.c.
    private static func extreme(
        _ node: HexagonNode, _ inputs: [Tensor], _ function: (Int32, Int32) -> Int32
    ) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 6...8)
        let a = try operands.range(2)
        let b = try operands.range(4)
        let output = HexagonRange(
            min: inputs.count > 6 ? try operands.scalar(6) : Swift.min(a.min, b.min),
            max: inputs.count > 7 ? try operands.scalar(7) : Swift.max(a.max, b.max))
        if output.min >= output.max { throw operands.refused("the output's range is empty") }
        let codesA = joined(try operands.codes(0), from: a, to: output)
        let codesB = joined(try operands.codes(1), from: b, to: output)
        if codesA.shape != codesB.shape {
            for codes in [codesA, codesB]
            where codes.count == 1 && codes.withElements(of: UInt8.self, { $0[0] == 0 }) {
                throw operands.refused("an operand of one element with the code 0 is read from unset memory")
            }
        }
        let codes = try combine(operands, codesA, codesB) { UInt8(truncatingIfNeeded: function($0, $1)) }
        return results(codes, output)
    }

    /// Codes in another range: 12 fractional bits of the ratio of steps, one rounding (`requantize_to_outrange`,
    /// `jointly_quantize`).
    private static func joined(_ codes: Tensor, from range: HexagonRange, to output: HexagonRange) -> Tensor {
        if range == output { return codes }
        let (step, zero) = range.stepAndZero
        let (outputStep, outputZero) = output.stepAndZero
        let ratio = Double(4096 * (step / outputStep)).rounded(.toNearestOrAwayFromZero)
        let factor = RangeArithmetic.truncated(Float(ratio)) & 0xffff
        return lookUp(
            table {
                let scaled = HexagonArithmetic.saturateI16(HexagonArithmetic.shiftRounded(($0 - zero) * factor, 12))
                return HexagonArithmetic.saturateU8(HexagonArithmetic.saturateI16(scaled + outputZero))
            }, codes)
    }

    /// `QuantizedDiv_8`: the first operand by one number, or by one number per depth, in binary32.
    ///
    /// With a given output range a table of codes; without, a divisor of depth 1 only moves the range (and complements the
    /// codes when negative), and a longer one finds the range from the ends.
    ///
    /// Source: nnlib hexagon/ops/src/op_div.c.
    private static func quotient(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 6...8)
        let codes = try operands.codes(0)
        let divisors = try operands.codes(1)
        let range = try operands.range(2)
        let divisorRange = try operands.range(4)
        if inputs.count == 7 { throw operands.refused("takes 6 or 8 inputs, not 7") }
        if divisors.shape.dimensions.prefix(3) != [1, 1, 1] {
            throw operands.refused("a divisor of \(divisors.shape) is neither a number nor a row along the depth")
        }
        let step = (range.max - range.min) / 255
        let divisorStep = (divisorRange.max - divisorRange.min) / 255
        let divisorCodes = divisors.elements(of: UInt8.self)
        let numbers = (0..<256).map { divisorRange.min + Float($0) * divisorStep }
        let used = Set(divisorCodes).map { numbers[Int($0)] }
        if used.contains(0) { throw operands.refused("division by zero") }

        var output: HexagonRange
        if inputs.count == 8 {
            output = try operands.range(6)
        } else if divisorCodes.count == 1 {
            let number = used[0]
            if number > 0 {
                return results(codes, HexagonRange(min: range.min / number, max: range.max / number))
            }
            return results(
                lookUp(table { 255 - $0 }, codes), HexagonRange(min: range.max / number, max: range.min / number))
        } else {
            output = HexagonRange(min: 2_147_483_648, max: -2_147_483_648)
            for number in used {
                output.max = Swift.max(output.max, (number > 0 ? range.max : range.min) / number)
                output.min = Swift.min(output.min, (number > 0 ? range.min : range.max) / number)
            }
            if output.min < 0, output.max < 0 { output.max = 0 }
            if output.min > 0, output.max > 0 { output.min = 0 }
        }
        var tables = [[UInt8]](repeating: [], count: 256)
        for code in Set(divisorCodes) {
            let number = numbers[Int(code)]
            tables[Int(code)] = table { HexagonArithmetic.quantized((range.min + Float($0) * step) / number, output) }
        }
        var values = codes.elements(of: UInt8.self)
        for i in values.indices { values[i] = tables[Int(divisorCodes[i % divisorCodes.count])][Int(values[i])] }
        return results(Tensor(values, shape: codes.shape), output)
    }
}
