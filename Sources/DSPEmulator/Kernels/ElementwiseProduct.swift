import TensorCore

/// How two operands of codes are multiplied in the depth-32 layout: the product in 16 bits about a bias, a 15-bit scale
/// with one rounding, a saturating offset, a rounding shift.
///
/// Source: nnlib hexagon/ops/src/op_add_d32.c, `set_mul_scaling_for_output_range` and the cores for `op_mul`.
struct ProductScaling {
    private var zeroA: Int32
    private var zeroB: Int32
    private var bias: Int32
    private var unit: Float
    private var scale: Int32
    private var offset: Int32
    private var shift: Int32

    init(stepA: Float, zeroA: Int32, stepB: Float, zeroB: Int32, output: HexagonRange) {
        self.zeroA = zeroA
        self.zeroB = zeroB
        bias = HexagonArithmetic.wrapI16((((2 * zeroA - 255) * (2 * zeroB - 255) + 256) >> 9) * 256)
        unit = stepA * stepB
        let perUnit = 255 / (output.max - output.min)
        let outputZero = -output.min * perUnit
        let gain = perUnit * unit
        shift = min(0 - Int32(RangeArithmetic.exponent(gain)), 7)
        let power = HexagonArithmetic.powerOfTwo(shift)
        scale = HexagonArithmetic.saturateI16(RangeArithmetic.rounded(gain * power * 32768))
        offset = HexagonArithmetic.wrapI16(
            (bias &* scale &+ 16384) >> 15 &+ RangeArithmetic.rounded(outputZero * power))
    }

    /// The intermediate value of zero.
    var zero: Int32 { HexagonArithmetic.wrapI16(0 - bias) }

    /// The product of two codes less the bias, in 16 bits.
    @inline(__always) func product(_ a: Int32, _ b: Int32) -> Int32 {
        HexagonArithmetic.wrapI16((a &- zeroA) &* (b &- zeroB) &- bias)
    }

    /// The output's code for a product.
    @inline(__always) func code(_ product: Int32) -> UInt8 {
        let value = HexagonArithmetic.saturateI16(HexagonArithmetic.multiplyFraction(product, scale) &+ offset)
        return UInt8(
            truncatingIfNeeded: HexagonArithmetic.saturateU8(HexagonArithmetic.shiftRounded(value, shift & 7)))
    }

    /// The output's code for a product before it is saturated.
    func wideCode(_ product: Int32) -> Int32 {
        let value = (product &* scale &+ 16384) >> 15 &+ offset
        return shift > 0 ? ((value >> (shift - 1)) + 1) >> 1 : value
    }

    /// The real number that a product stands for.
    func real(_ product: Int32) -> Float { Float(product &+ bias) * unit }
}

extension HexagonKernels {
    /// `QuantizedMul_8x8to32`: exact products times 128; one unit of the range is a 2^32th of it.
    ///
    /// Source: nnlib hexagon/ops/src/op_addsubmul_8to32.c, `mul_832_execute`.
    static func productTo32(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 6...6)
        let (stepA, zeroA) = try operands.range(2).stepAndZero
        let (stepB, zeroB) = try operands.range(4).stepAndZero
        let most = stepA * stepB * 16_777_216
        let products = try combine(operands, try operands.codes(0), try operands.codes(1)) {
            ($0 &- zeroA) &* ($1 &- zeroB) &* 128
        }
        return results(products, HexagonRange(min: -most, max: most))
    }

    /// `QuantizedMul_8x8to8_d32`: the output's range is found, as for sums.
    ///
    /// The delegate gives the range in two more inputs, which the public library does not take. Assumed of the newer
    /// binary: it uses them as for sums, which the public code would do if it let them in.
    ///
    /// Source: nnlib hexagon/ops/src/op_add_d32.c.
    static func productDepth32(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 6...8)
        let a = try operands.codes(0)
        let b = try operands.codes(1)
        let rangeA = try operands.range(2)
        let rangeB = try operands.range(4)
        let given = try GivenRange(operands, at: 6, clampsToZero: true)
        if given.fixed.isEmpty, a.count == 1 || b.count == 1 {
            return b.count == 1
                ? productWithScalar(a, rangeA, b, rangeB) : productWithScalar(b, rangeB, a, rangeA)
        }
        let (stepA, zeroA) = rangeA.stepAndZero
        let (stepB, zeroB) = rangeB.stepAndZero
        let least = Swift.min(rangeA.max * rangeB.min, rangeA.min * rangeB.max)
        let most = Swift.max(rangeA.max * rangeB.max, rangeA.min * rangeB.min)
        let isFixed = given.fixed == [.min, .max]
        let range =
            isFixed ? given.range : given.guess(HexagonRange(min: least, max: Swift.max(most, least + 0.001)))
        let first = ProductScaling(stepA: stepA, zeroA: zeroA, stepB: stepB, zeroB: zeroB, output: range)
        if isFixed { return results(try combine(operands, a, b) { first.code(first.product($0, $1)) }, range) }
        var low = first.zero
        var high = first.zero
        let codes = try combine(operands, a, b) { (x: Int32, y: Int32) -> UInt8 in
            let product = first.product(x, y)
            low = Swift.min(low, product)
            high = Swift.max(high, product)
            return first.code(product)
        }
        let widened = given.widened(
            range, seen: HexagonRange(min: first.real(low), max: first.real(high)),
            belowMin: first.wideCode(low) < 0, aboveMax: first.wideCode(high) > 255)
        guard let widened else { return results(codes, range) }
        let second = ProductScaling(stepA: stepA, zeroA: zeroA, stepB: stepB, zeroB: zeroB, output: widened)
        return results(try combine(operands, a, b) { second.code(second.product($0, $1)) }, widened)
    }

    /// A factor of one element scales the range; a negative one complements the codes.
    private static func productWithScalar(
        _ tensor: Tensor, _ range: HexagonRange, _ scalar: Tensor, _ scalarRange: HexagonRange
    ) -> [Tensor] {
        let (step, zero) = scalarRange.stepAndZero
        let value = Float(scalar.withElements(of: UInt8.self) { Int32($0[0]) } - zero) * step
        let ends = HexagonRange(min: range.min * value, max: range.max * value)
        if value > 0 { return results(tensor, ends) }
        if value == 0 { return results(lookUp(table { _ in 0 }, tensor), HexagonRange(min: ends.min, max: 0.5)) }
        return results(lookUp(table { 255 - $0 }, tensor), HexagonRange(min: ends.max, max: ends.min))
    }

    /// `QuantizedMul_8x8to8`: exact products first, whose extremes give the output's range.
    ///
    /// A result that would be below code 0 becomes 255: the library holds it in 16 unsigned bits before it saturates.
    ///
    /// Source: nnlib hexagon/ops/src/op_mul.c, `mul_8x8to8_execute`.
    static func product(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 6...6)
        let a = try operands.codes(0)
        let b = try operands.codes(1)
        let rangeA = try operands.range(2)
        let rangeB = try operands.range(4)
        if b.count == 1 { return flatProductWithScalar(a, rangeA, b, rangeB) }
        if a.count == 1 { return flatProductWithScalar(b, rangeB, a, rangeA) }
        let (stepA, zeroA) = rangeA.stepAndZero
        let (stepB, zeroB) = rangeB.stepAndZero
        let products = try combine(operands, a, b) { ($0 &- zeroA) &* ($1 &- zeroB) }
        var (low, high) = products.withElements(of: Int32.self) { products in
            (products.reduce(0) { Swift.min($0, $1) }, products.reduce(0) { Swift.max($0, $1) })
        }
        if low == high { high += 4 }
        let unit = stepA * stepB
        var output = HexagonRange(min: Float(low) * unit, max: Float(high) * unit).adjustedForZero()
        let (step, zero) = output.stepAndZero
        var gain: Float = 16
        if unit * Float(1.0 / 16) < step {
            gain = unit / step
        } else {
            let step = unit * Float(1.0 / 16)
            output = HexagonRange(min: Float(0 - zero) * step, max: Float(255 - zero) * step)
        }
        let shift = min(14 - Int32(RangeArithmetic.exponent(gain)), 23)
        let scale = RangeArithmetic.rounded(gain * HexagonArithmetic.powerOfTwo(shift))
        let offset = ((2 * zero + 1) << (shift - 1)) &+ low &* scale
        var codes = Tensor(zeros: TensorType(.uint8, products.shape))
        products.withElements(of: Int32.self) { products in
            codes.withMutableElements(of: UInt8.self) { codes in
                for i in 0..<products.count {
                    let value = ((products[i] &- low) &* scale &+ offset) >> shift
                    codes[i] = UInt8(Swift.min(UInt16(truncatingIfNeeded: value), 255))
                }
            }
        }
        return results(codes, output)
    }

    /// As ``productWithScalar(_:_:_:_:)``, with the factor's sign told from its code, and 0...1 for products of zero.
    private static func flatProductWithScalar(
        _ tensor: Tensor, _ range: HexagonRange, _ scalar: Tensor, _ scalarRange: HexagonRange
    ) -> [Tensor] {
        let (step, zero) = scalarRange.stepAndZero
        let code = scalar.withElements(of: UInt8.self) { Int32($0[0]) } - zero
        let value = Float(code) * step
        let ends = HexagonRange(min: range.min * value, max: range.max * value)
        if code > 0 { return results(tensor, ends) }
        if code == 0 { return results(lookUp(table { _ in 0 }, tensor), HexagonRange(min: 0, max: 1)) }
        return results(lookUp(table { 255 - $0 }, tensor), HexagonRange(min: ends.max, max: ends.min))
    }
}
