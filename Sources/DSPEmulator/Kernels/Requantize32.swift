import TensorCore

extension HexagonKernels {
    /// From 32-bit sums to 8-bit codes: of a given range, or of the range that the sums take.
    ///
    /// Source: nnlib hexagon/ops/src/op_requantize.c, `do_requantize_execute`, `do_autorequantize_execute`.
    static func requantize32(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let isGiven = node.op == .requantize32To8
        let operands = try KernelInputs(node, inputs, count: isGiven ? 5...5 : 3...3)
        let sums = try operands.tensor(0, .int32)
        let step = (try operands.scalar(2) - operands.scalar(1)) * 0x1p-32
        var ends: (low: Float, high: Float)
        if isGiven {
            ends = (try operands.scalar(3), try operands.scalar(4))
        } else {
            let (low, high) = sums.withElements(of: Int32.self) { sums in
                sums.reduce(into: (Int32(0), Int32(0))) { $0 = (min($0.0, $1), max($0.1, $1)) }
            }
            ends = (step * Float(low), step * Float(high))
        }
        let range = RangeArithmetic.adjusted(ends.low, ends.high)
        let requantization = Requantization32(step: step, low: range.low, high: range.high, count: sums.count)
        var output = Tensor(zeros: TensorType(.uint8, sums.shape))
        output.withMutableElements(of: UInt8.self) { output in
            sums.withElements(of: Int32.self) { sums in
                for index in sums.indices { output[index] = requantization.code(sums[index]) }
            }
        }
        return [output, KernelInputs.scalarTensor(range.low), KernelInputs.scalarTensor(range.high)]
    }
}

/// From one 32-bit sum to its 8-bit code. Which of three ways is taken depends on the gain and on the number of sums.
///
/// Source: nnlib hexagon/src/quantize.c, `nn_requantize_i32_to_qu8_hvx`, for results of nodes, which the library aligns to
/// vectors.
enum Requantization32: Equatable {
    /// A gain of at least 1: binary32, the fraction dropped.
    case float(gain: Float, offset: Float)
    /// 128 sums or more: the offset, in steps of the sums, is subtracted before the multiplication.
    case offsetFirst(offset: Int32, multiplier: Int32)
    /// Fewer sums, or a gain below 2^-21: the offset, in codes, is added after the multiplication.
    case offsetLast(multiplier: Int32, offset: Int32)

    init(step: Float, low: Float, high: Float, count: Int) {
        let codesPerUnit = 255 / (high - low)
        let gain = step * codesPerUnit
        let offset = 0.5 - low * codesPerUnit
        if gain >= 1 {
            self = .float(gain: gain, offset: offset)
            return
        }
        let multiplier = RangeArithmetic.rounded(gain * 0x1p31)
        if count >= 128, multiplier >= 1024 {
            self = .offsetFirst(offset: RangeArithmetic.rounded(low / step), multiplier: multiplier)
        } else {
            let codes = min(max(RangeArithmetic.truncated(offset), -0x8000), 0x7FFF)
            self = .offsetLast(multiplier: multiplier, offset: codes)
        }
    }

    func code(_ sum: Int32) -> UInt8 {
        switch self {
        case .float(let gain, let offset):
            return RangeArithmetic.packed(RangeArithmetic.truncated(Float(sum) * gain + offset))
        case .offsetFirst(let offset, let multiplier):
            let difference = Int32(clamping: Int64(sum) - Int64(offset))
            return RangeArithmetic.packed(RangeArithmetic.product31(difference, multiplier))
        case .offsetLast(let multiplier, let offset):
            let scaled = min(max(RangeArithmetic.product31(sum, multiplier), -0x8000), 0x7FFF)
            return RangeArithmetic.packed(scaled + offset)
        }
    }
}
