import TensorCore

/// How two operands of codes are added or subtracted: 15-bit scales to a common step, a truncating shift by 8, a
/// saturating offset, a rounding shift.
///
/// Source: nnlib hexagon/ops/src/op_add_d32.c and op_add.c, `set_addsub_scaling_for_output_range`.
struct SumScaling {
    private var scaleA: Int32
    private var scaleB: Int32
    private var offset: Int32
    private var shift: Int32
    /// Right shift before the offset: 8, less when the output's step is so fine that the codes are scaled up.
    private var firstShift: Int32
    /// The intermediate value of zero.
    private(set) var zero: Int32
    private var unit: Float

    /// - Parameters:
    ///   - stepA: Step of the first operand; negative to subtract it. Likewise `stepB`.
    ///   - isFixed: Whether the output range is given, not found.
    /// - Returns: nil when the output range is too small for the operands' (the library's "scaling failed").
    init?(
        stepA: Float, zeroA: Int32, stepB: Float, zeroB: Int32, output: HexagonRange, isFixed: Bool
    ) {
        let perUnit = 255 / (output.max - output.min)
        let outputZero = -output.min * perUnit
        let a = perUnit * stepA
        let b = perUnit * stepB
        let largest = a < 0 || b < 0 ? Swift.max(abs(a), abs(b)) : a + b
        let exponent = Int32(RangeArithmetic.exponent(largest * Float(16384.0 / 16380)))
        if exponent > 6, !isFixed || exponent > 12 { return nil }
        let finalShift = min(6 - exponent, 7)
        let scalesUp = isFixed && finalShift <= 0
        let extra = scalesUp ? 1 - finalShift : 0
        let power = HexagonArithmetic.powerOfTwo(finalShift)
        let wideA = RangeArithmetic.rounded(a * (power * 256))
        let wideB = RangeArithmetic.rounded(b * (power * 256))
        zero = (zeroA &* wideA &+ zeroB &* wideB) &>> (8 - extra)
        let wideOffset = RangeArithmetic.rounded(outputZero * (scalesUp ? 2 : power)) &- zero
        scaleA = HexagonArithmetic.wrapI16(wideA)
        scaleB = HexagonArithmetic.wrapI16(wideB)
        offset = scalesUp ? wideOffset : HexagonArithmetic.saturateI16(wideOffset)
        shift = scalesUp ? 1 : finalShift
        firstShift = 8 - extra
        unit = 1 / (perUnit * power)
    }

    /// The sum of two codes in the common step, truncated.
    @inline(__always) func sum(_ a: Int32, _ b: Int32) -> Int32 {
        (a &* scaleA &+ b &* scaleB) &>> firstShift
    }

    /// The output's code for a sum.
    @inline(__always) func code(_ sum: Int32) -> UInt8 {
        let value = HexagonArithmetic.saturateI16(sum &+ offset)
        return UInt8(truncatingIfNeeded: HexagonArithmetic.saturateU8(HexagonArithmetic.shiftRounded(value, shift)))
    }

    /// The real number that a sum stands for.
    func real(_ sum: Int32) -> Float { Float(sum - zero) * unit }
}

extension HexagonKernels {
    /// `QuantizedAdd_8p8to8(_d32)` and `QuantizedSub_8p8to8_d32`.
    ///
    /// Inputs: two operands, their ranges, and perhaps one or both ends of the output's range. An end that is not given
    /// is found: the kernel starts from an eighth of what is possible, and runs again with what it saw and 15 per cent
    /// more. The library keeps the range for its next run; this is its first run.
    static func sum(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 6...8)
        if node.op == .subtract { throw operands.refused("is not supported outside the depth-32 layout") }
        let isDepth32 = node.op == .addDepth32 || node.op == .subtractDepth32
        let subtracts = node.op == .subtractDepth32
        let a = try operands.codes(0)
        let b = try operands.codes(1)
        let rangeA = try operands.range(2)
        let rangeB = try operands.range(4)
        if !isDepth32, a.shape != b.shape {
            throw operands.refused("the broadcast outside the depth-32 layout is not built")
        }
        let given = try GivenRange(operands, at: 6, clampsToZero: isDepth32)
        if isDepth32, given.fixed.isEmpty, a.count == 1 || b.count == 1 {
            return try sumWithScalar(operands, a, b, rangeA, rangeB, subtracts: subtracts)
        }
        let (stepA, zeroA) = rangeA.stepAndZero
        let (stepB, zeroB) = rangeB.stepAndZero
        func scaling(_ range: HexagonRange, isFixed: Bool) throws -> SumScaling {
            guard
                let scaling = SumScaling(
                    stepA: stepA, zeroA: zeroA, stepB: subtracts ? -stepB : stepB, zeroB: zeroB, output: range,
                    isFixed: isFixed)
            else { throw operands.refused("the output's range is too small for the operands' (scaling failed)") }
            return scaling
        }

        var range = given.range
        let isFixed = given.fixed == [.min, .max]
        if !isFixed {
            let least = subtracts ? rangeA.min - rangeB.max : rangeA.min + rangeB.min
            let most = subtracts ? rangeA.max - rangeB.min : rangeA.max + rangeB.max
            range = given.guess(HexagonRange(min: least, max: Swift.max(most, least + 0.001)))
        }
        let first = try scaling(range, isFixed: isFixed)
        let needsRange = isDepth32 ? !isFixed : !given.fixed.contains(.max)
        if !needsRange {
            return results(try combine(operands, a, b) { first.code(first.sum($0, $1)) }, range)
        }
        var least = first.zero
        var most = first.zero
        let codes = try combine(operands, a, b) { (x: Int32, y: Int32) -> UInt8 in
            let sum = first.sum(x, y)
            least = Swift.min(least, sum)
            most = Swift.max(most, sum)
            return first.code(sum)
        }
        let seen = HexagonRange(min: first.real(least), max: first.real(most))
        let widened = given.widened(
            range, seen: seen, belowMin: seen.min < range.min, aboveMax: seen.max > range.max)
        guard let widened else { return results(codes, range) }
        let second = try scaling(widened, isFixed: false)
        return results(try combine(operands, a, b) { second.code(second.sum($0, $1)) }, widened)
    }

    /// An operand of one element and no given range: most often the codes stay and the range moves.
    ///
    /// Source: op_add_d32.c, `addsub_setup_scaling`.
    private static func sumWithScalar(
        _ operands: KernelInputs, _ a: Tensor, _ b: Tensor, _ rangeA: HexagonRange, _ rangeB: HexagonRange,
        subtracts: Bool
    ) throws -> [Tensor] {
        let swaps = b.count != 1
        let (tensor, scalar) = swaps ? (b, a) : (a, b)
        let (range, scalarRange) = swaps ? (rangeB, rangeA) : (rangeA, rangeB)
        let (step, zero) = range.stepAndZero
        let (scalarStep, scalarZero) = scalarRange.stepAndZero
        let code = scalar.withElements(of: UInt8.self) { Int32($0[0]) }
        var value = Float(code - scalarZero) * scalarStep
        if subtracts { value = -value }
        let newZero = Float(zero) - value / step
        let extent = range.max - range.min
        var scale: Int32 = 32768
        var offset: Int32 = 0
        var output: HexagonRange
        if newZero >= -0.25, newZero <= 255.25 {
            let low = Float(-RangeArithmetic.rounded(newZero)) * step
            output = HexagonRange(min: low, max: low + extent)
        } else {
            output =
                value > 0
                ? HexagonRange(min: 0, max: range.max + value) : HexagonRange(min: range.min + value, max: 0)
            scale = RangeArithmetic.rounded(32768 * extent / (output.max - output.min))
            if value > 0 {
                scale = HexagonArithmetic.saturateI16(scale)
                offset = 128 * 255 - (255 * scale) >> 8
            }
        }
        if subtracts, swaps {
            scale = 0 &- scale
            offset = 255 * 128 - offset
            output = HexagonRange(min: -output.max, max: -output.min)
        }
        if scale <= 128, scale >= -128, (offset + 64) >> 7 == (scale * 255 + offset * 256 + 16384) >> 15 { scale = 0 }
        return results(copyScaled(tensor, scale: scale, offset: offset), output)
    }

    /// Codes times `scale` / 32,768 plus `offset` / 128, rounded; near ±1 a copy or a complement.
    ///
    /// Source: nnlib hexagon/src/tensor_copy_scaled.c and asm_src/scalemem_d32.S.
    static func copyScaled(_ tensor: Tensor, scale: Int32, offset: Int32) -> Tensor {
        let scale = HexagonArithmetic.saturateI16(scale)
        let offset = HexagonArithmetic.wrapI16(offset)
        if offset == 0, scale >= 32704 { return tensor }
        if offset == 32640, scale < -32704 { return lookUp(table { 255 - $0 }, tensor) }
        return lookUp(
            table {
                let value = HexagonArithmetic.saturateI16(($0 * scale) >> 8 + offset)
                return HexagonArithmetic.saturateU8(HexagonArithmetic.shiftRounded(value, 7))
            }, tensor)
    }
}

/// The ends of the output's range that a node is given, and how the others are found.
///
/// Source: op_add_d32.c, `addsub_d32_check`, `addsub_setup_scaling`, `check_addsub_need_rerun` and the like of products.
struct GivenRange {
    private(set) var fixed: HexagonRange.Fixed = []
    /// The given ends as the node got them.
    private var specified = HexagonRange(min: 0, max: 0.5)
    /// The range to work with when both ends are given.
    private(set) var range = HexagonRange(min: 0, max: 0.5)

    /// - Parameter clampsToZero: Whether the given ends are first moved so that zero is in the range.
    init(_ operands: KernelInputs, at index: Int, clampsToZero: Bool) throws {
        if operands.tensors.count > index + 1 {
            let value = try operands.scalar(index + 1)
            if value < .infinity {
                fixed.insert(.max)
                specified.max = clampsToZero ? Swift.max(0, value) : value
            }
        }
        if operands.tensors.count > index {
            let value = try operands.scalar(index)
            if value > -.infinity {
                fixed.insert(.min)
                specified.min = clampsToZero ? Swift.min(0, value) : value
            }
        }
        range = specified
        if fixed == [.min, .max] {
            if clampsToZero { range.max = Swift.max(specified.min + 1e-6, specified.max) }
            range = range.adjustedForZero(fixed: fixed)
        }
    }

    /// Where the search for a range starts: an eighth of what is `possible`.
    func guess(_ possible: HexagonRange) -> HexagonRange {
        let low = 0.125 * possible.min
        let high = 0.125 * possible.max
        var guess = HexagonRange(min: low, max: high)
        if fixed == .min {
            guess = HexagonRange(min: specified.min, max: Swift.max(0, specified.min + (high - low)))
        } else if fixed == .max {
            guess = HexagonRange(min: Swift.min(0, specified.max - (high - low)), max: specified.max)
        }
        return guess.adjustedForZero(fixed: fixed)
    }

    /// The range for the second run; nil when the first saw nothing outside.
    ///
    /// - Parameter seen: The real numbers of the smallest and largest result.
    func widened(_ range: HexagonRange, seen: HexagonRange, belowMin: Bool, aboveMax: Bool) -> HexagonRange? {
        let extent = seen.max - seen.min
        let padded = extent + Swift.max(0.15 * extent, 1e-4)
        let movesMin = belowMin && !fixed.contains(.min)
        let movesMax = aboveMax && !fixed.contains(.max)
        guard movesMin || movesMax else { return nil }
        var result = HexagonRange(
            min: fixed.contains(.min) ? specified.min : range.min, max: fixed.contains(.max) ? specified.max : range.max
        )
        if movesMin { result.min = Swift.min(0, seen.max - padded) }
        if movesMax { result.max = Swift.max(0, seen.min + padded) }
        return result.min < 0 ? result.adjustedForZero(fixed: fixed) : result
    }
}
