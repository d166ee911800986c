import TensorCore

extension HexagonKernels {
    /// Sums, means and indices of extremes along axes.
    static func reduction(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        switch node.op {
        case .mean: try mean(node, inputs)
        case .sum: try sumTo32(node, inputs)
        case .argMax, .argMaxDepth32: try extremePlace(node, inputs) { $0 > $1 }
        case .argMin, .argMinDepth32: try extremePlace(node, inputs) { $0 < $1 }
        default: throw notBuilt(node)
        }
    }

    /// `QuantizedMean_8`: exact sums, one multiplier of 31 bits below 1, and the low 16 bits of the result saturated.
    ///
    /// Inputs: codes, their range, axes, and perhaps the ends of the output's range, else the operand's.
    ///
    /// Source: nnlib hexagon/ops/src/op_reducing_mean.c.
    private static func mean(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 4...6)
        let (sums, count) = try sums(operands)
        let range = try operands.range(1).adjustedForZero()
        let output = HexagonRange(
            min: inputs.count > 4 ? try operands.scalar(4) : range.min,
            max: inputs.count > 5 ? try operands.scalar(5) : range.max)
        let (step, zero) = range.stepAndZero
        let (outputStep, outputZero) = output.stepAndZero
        let gain = Swift.min(0.99999, step / (outputStep * Float(count)))
        guard gain > 0, gain < 1 else { throw operands.refused("cannot determine the multiplier for the output") }
        let multiplier = Int32((HexagonArithmetic.fraction(gain) * 2_147_483_648).rounded(.down))
        let shift = 0 - Int32(RangeArithmetic.exponent(gain))
        let bias = shift > 31 ? 0 : Int32(bitPattern: (1 << UInt32(shift)) >> 1)
        let codes = sums.elements(of: Int32.self).map { sum in
            let centred = Int32(clamping: Int64(sum) - Int64(zero) * Int64(count))
            let scaled = Int32(clamping: Int64(RangeArithmetic.product31(centred, multiplier)) + Int64(bias))
            let code = Int32(clamping: Int64(scaled >> Swift.min(shift, 31)) + Int64(outputZero))
            return UInt8(HexagonArithmetic.saturateU8(HexagonArithmetic.wrapI16(code)))
        }
        return results(Tensor(codes, shape: sums.shape), output)
    }

    /// `QuantizedSum_8to32`: exact sums about zero; one unit is the operand's step.
    ///
    /// Source: nnlib hexagon/ops/src/op_reducing_sum.c.
    private static func sumTo32(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 4...4)
        let (sums, count) = try sums(operands)
        let range = try operands.range(1).adjustedForZero()
        let zero = Int64(HexagonArithmetic.quantized(0, range))
        let values = sums.elements(of: Int32.self).map { Int32(clamping: Int64($0) - zero * Int64(count)) }
        let most = 2_147_483_648 * ((range.max - range.min) / 255)
        return results(Tensor(values, shape: sums.shape), HexagonRange(min: -most, max: most))
    }

    /// Sums of codes along the axes of the fourth input, in the output's shape, and how many codes each is of.
    private static func sums(_ operands: KernelInputs) throws -> (sums: Tensor, count: Int) {
        let codes = try operands.codes(0)
        let axes = try operands.integers(3)
        var shape = codes.shape
        var count = 1
        for axis in axes {
            guard let axis = shape.normalizedAxis(axis), axes.count <= 4 else {
                throw operands.refused("reduces along at most four axes, not \(axes)")
            }
            guard count <= Int(Int32.max) / 255 / codes.shape[axis] else {
                throw operands.refused("sums of so many codes overflow")
            }
            count *= codes.shape[axis]
            shape[axis] = 1
        }
        var sums = Tensor(zeros: TensorType(.int32, shape))
        let strides = zip(shape.strides, shape.dimensions).map { $1 == 1 ? 0 : $0 }
        codes.withElements(of: UInt8.self) { source in
            sums.withMutableElements(of: Int32.self) { target in
                var from = 0
                for n in 0..<codes.shape[0] {
                    for y in 0..<codes.shape[1] {
                        for x in 0..<codes.shape[2] {
                            let to = n * strides[0] + y * strides[1] + x * strides[2]
                            for k in 0..<codes.shape[3] { target[to + k * strides[3]] &+= Int32(source[from + k]) }
                            from += codes.shape[3]
                        }
                    }
                }
            }
        }
        // The library keeps the shape that the node declares.
        let declared = operands.node.outputs.first.map { Shape($0.shape) } ?? shape
        guard declared.checkedElementCount() == shape.elementCount else {
            throw operands.refused("the output is declared as \(declared), but has the elements of \(shape)")
        }
        return (sums.retyped(TensorType(.int32, declared)), count)
    }

    /// `ArgMax_8toInt32`, `ArgMin_8` and their depth-32 forms: the first place of the extreme along an axis.
    ///
    /// Inputs: codes, the axis, the codes' range.
    ///
    /// Sources: nnlib hexagon/ops/src/op_argmax.c, op_argmin.c, op_argminmax_8_d32.c.
    private static func extremePlace(
        _ node: HexagonNode, _ inputs: [Tensor], _ isBetter: (UInt8, UInt8) -> Bool
    ) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 4...4)
        let codes = try operands.codes(0)
        let axis = try operands.integer(1)
        guard let axis = codes.shape.normalizedAxis(axis) else { throw operands.refused("there is no axis \(axis)") }
        var shape = codes.shape
        shape[axis] = 1
        let inner = codes.shape.strides[axis]
        let extent = codes.shape[axis]
        let places = codes.withElements(of: UInt8.self) { source in
            (0..<shape.elementCount).map { index in
                let start = index / inner * inner * extent + index % inner
                var best = 0
                for i in 1..<extent where isBetter(source[start + i * inner], source[start + best * inner]) { best = i }
                return Int32(best)
            }
        }
        return [Tensor(places, shape: shape)]
    }
}
