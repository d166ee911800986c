import TensorCore

extension HexagonKernels {
    /// Several tensors as one, with a common range: an axis, the tensors, their lower ends, their upper ends.
    static func concat(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 4...Swift.max(4, inputs.count))
        let count = (inputs.count - 1) / 3
        if inputs.count != 3 * count + 1 { throw operands.refused("takes 3n+1 inputs, not \(inputs.count)") }
        let axis = try operands.integer(0)
        let tensors = try (1...count).map { try operands.codes($0) }
        let ranges = try (1...count).map {
            HexagonRange(min: try operands.scalar(count + $0), max: try operands.scalar(2 * count + $0))
        }
        switch node.op {
        case .concat:
            if axis != 3 { throw operands.refused("joins along the depth only, not along axis \(axis)") }
            let output = common(ranges)
            let scaled = zip(tensors, ranges).map { flatConcatenated($0, range: $1, output: output) }
            return results(try joined(operands, scaled, axis: axis), output)
        case .concatDepth32:
            let output = common(ranges).adjustedForZero()
            let scaled = zip(tensors, ranges).map { concatenated($0, range: $1, output: output) }
            return results(try joined(operands, scaled, axis: axis), output)
        default:
            let output = common(ranges + [HexagonRange(min: 0, max: 0)])
            let (axis, expanded) = try packed(operands, tensors, axis: axis)
            let scaled = zip(expanded, ranges).map { packed($0, range: $1, output: output) }
            return results(try joined(operands, scaled, axis: axis), output)
        }
    }

    /// The range of all, from zero or below.
    private static func common(_ ranges: [HexagonRange]) -> HexagonRange {
        ranges.reduce(HexagonRange(min: 0, max: ranges[0].max)) {
            HexagonRange(min: Swift.min($0.min, $1.min), max: Swift.max($0.max, $1.max))
        }
    }

    /// Codes in the range of all: a truncated 15-bit factor and 8-bit offset, one rounding; factors from 32,704 on and no
    /// offset are a copy.
    ///
    /// Source: nnlib hexagon/ops/src/op_concat_d32.c, `concat_copy_inputs`.
    private static func concatenated(_ codes: Tensor, range: HexagonRange, output: HexagonRange) -> Tensor {
        let perUnit = 255 / (output.max - output.min)
        let step = (range.max - range.min) / 255
        let offset = RangeArithmetic.truncated((range.min - output.min) * perUnit * 128)
        let gain = RangeArithmetic.truncated(perUnit * step * 32768)
        return copyScaled(codes, scale: gain >= 0 ? min(gain, 32767) : 32767, offset: offset)
    }

    /// As ``concatenated(_:range:output:)`` outside the depth-32 layout: the offset is counted in the operand's steps.
    ///
    /// Source: nnlib hexagon/ops/src/op_concat.c, `concat_execute_slice_asm`.
    private static func flatConcatenated(_ codes: Tensor, range: HexagonRange, output: HexagonRange) -> Tensor {
        let step = RangeArithmetic.dividedBy255(range.max - Swift.min(range.min, 0))
        let offset = RangeArithmetic.rounded((Swift.min(range.min, 0) - output.min) / step)
        return converted(codes, offset: offset, gain: 255 / (output.max - output.min) * step)
    }

    /// As ``flatConcatenated(_:range:output:)``, but the library counts the offset in the output's steps here.
    ///
    /// Source: nnlib hexagon/ops/src/op_pack.c, `pack_work`.
    private static func packed(_ codes: Tensor, range: HexagonRange, output: HexagonRange) -> Tensor {
        let perUnit = 255 / (output.max - output.min)
        let step = RangeArithmetic.dividedBy255(range.max - Swift.min(range.min, 0))
        let offset = RangeArithmetic.rounded((Swift.min(range.min, 0) - output.min) * perUnit)
        return converted(codes, offset: offset, gain: perUnit * step)
    }

    /// Codes plus an offset, times a 15-bit factor with one rounding (asm_src/memconvert_hvx.S); factors from 32,704 on
    /// and no offset are a copy.
    private static func converted(_ codes: Tensor, offset: Int32, gain: Float) -> Tensor {
        let offset = Swift.max(0, offset)
        let wide = RangeArithmetic.rounded(gain * 32768)
        if offset == 0, wide >= 32704 { return codes }
        let factor = HexagonArithmetic.wrapI16(Swift.min(wide, 32767))
        return lookUp(
            table {
                let sum = HexagonArithmetic.wrapI16($0 &+ HexagonArithmetic.wrapI16(offset))
                return HexagonArithmetic.saturateU8(HexagonArithmetic.multiplyFraction(sum, factor))
            }, codes)
    }

    /// A new axis of extent 1 in each tensor, and its number in four extents.
    ///
    /// The axis counts from the outermost extent that is not 1, at least three extents, in the first tensor.
    ///
    /// Source: nnlib hexagon/ops/src/op_pack.c, `find_pack_shape`.
    private static func packed(
        _ operands: KernelInputs, _ tensors: [Tensor], axis: Int
    ) throws -> (axis: Int, tensors: [Tensor]) {
        let rank = Swift.max(3, 4 - (tensors[0].shape.dimensions.firstIndex { $0 != 1 } ?? 4))
        let place = axis < 0 ? axis + rank + 1 : axis + 3 - rank
        guard (0...3).contains(place) else { throw operands.refused("packs along one of four axes, not \(place)") }
        let expanded = try tensors.map { tensor in
            var shape = tensor.shape
            guard shape[0] == 1 else { throw operands.refused("packs three extents at most, not \(shape)") }
            shape.dimensions.removeFirst()
            shape.dimensions.insert(1, at: place)
            return tensor.retyped(TensorType(.uint8, shape))
        }
        return (place, expanded)
    }

    /// Tensors one after the other along an axis.
    ///
    /// - Throws: `Diagnostic` (.unsupported) when other extents differ or there is no such axis.
    private static func joined(_ operands: KernelInputs, _ tensors: [Tensor], axis: Int) throws -> Tensor {
        guard (0...3).contains(axis) else { throw operands.refused("there is no axis \(axis)") }
        var shape = tensors[0].shape
        shape[axis] = 0
        for tensor in tensors {
            for other in 0..<4 where other != axis && tensor.shape[other] != shape[other] {
                throw operands.refused("joins \(tensors[0].shape) and \(tensor.shape) along axis \(axis)")
            }
            shape[axis] += tensor.shape[axis]
        }
        var result = Tensor(zeros: TensorType(.uint8, shape))
        let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
        let outer = shape.dimensions[..<axis].reduce(1, *)
        result.withUnsafeMutableBytes { target in
            var start = 0
            for tensor in tensors {
                let length = tensor.shape[axis] * inner
                tensor.withUnsafeBytes { source in
                    for row in 0..<outer {
                        let from = row * length
                        let to = row * shape[axis] * inner + start
                        UnsafeMutableRawBufferPointer(rebasing: target[to..<to + length]).copyMemory(
                            from: UnsafeRawBufferPointer(rebasing: source[from..<from + length]))
                    }
                }
                start += length
            }
        }
        return result
    }
}
