import TensorCore

extension HexagonKernels {
    /// What takes parts of a tensor, or puts parts behind one another; all of it keeps the codes.
    ///
    /// Source: nnlib hexagon/ops/src/op_split.c, op_chanshuffle_d32.c (split), op_slice.c, op_stridedslice.c,
    /// op_fake_concat_d32.c.
    static func layoutPart(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        switch node.op {
        case .slice: try slice(KernelInputs(node, inputs, count: 5...5))
        case .stridedSlice: try stridedSlice(KernelInputs(node, inputs, count: 9...9))
        case .fakeConcatDepth32: try placed(KernelInputs(node, inputs, count: 4...3073))
        default: try split(KernelInputs(node, inputs, count: 4...4))
        }
    }

    /// Inputs: axis, data, low, high. Outputs: the equal parts, low, high. The depth-32 kernel splits the depth alone and
    /// reports a low end of at most 0.
    private static func split(_ operands: KernelInputs) throws -> [Tensor] {
        let isDepth32 = operands.node.op == .splitDepth32
        let source = try operands.codes(1)
        let extents = source.shape.dimensions
        let axis = try operands.axis(0)
        if isDepth32, axis != 3 { throw operands.refused("splits axis \(axis) instead of 3") }
        let parts = operands.node.outputs.count - 2
        guard parts > 0, extents[axis] % parts == 0 else {
            throw operands.refused("cannot split \(extents[axis]) into \(parts) equal parts")
        }
        let size = extents[axis] / parts
        let results = (0..<parts).map { part in
            var maps = extents.map(LayoutMovement.whole)
            maps[axis] = Array(part * size..<(part + 1) * size)
            return LayoutMovement.mapped(source, maps)
        }
        guard isDepth32 else { return results + operands.tensors[2...3] }
        let low = min(0, try operands.scalar(2))
        return results + [KernelInputs.scalarTensor(low), KernelInputs.scalarTensor(try operands.scalar(3))]
    }

    /// Inputs: data, begins, sizes, low, high; begins and sizes are of the last axes, a size of -1 is all that is left.
    ///
    /// The library puts the batches at distances of width * width * depth elements instead of height * width * depth when
    /// height, width and depth are all cut: refused, because the result then is not defined.
    private static func slice(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let extents = source.shape.dimensions
        let begins = try operands.integers(1)
        let sizes = try operands.integers(2)
        guard (1...4).contains(begins.count), begins.count == sizes.count else {
            throw operands.refused("has \(begins.count) begins and \(sizes.count) sizes")
        }
        var maps = extents.map(LayoutMovement.whole)
        for (index, begin) in begins.enumerated() {
            let axis = 4 - begins.count + index
            let size = sizes[index] == -1 ? extents[axis] - begin : sizes[index]
            guard begin >= 0, size > 0, begin + size <= extents[axis] else {
                throw operands.refused("takes \(sizes[index]) from \(begin) of \(extents[axis]) on axis \(axis)")
            }
            maps[axis] = Array(begin..<begin + size)
        }
        let isCut = zip(maps, extents).map { $0.count < $1 }
        if maps[0].count > 1, isCut[1], isCut[2], isCut[3], maps[1].count != maps[2].count {
            throw operands.refused(
                "cuts height, width and depth of several batches, which the library puts to wrong places")
        }
        return [LayoutMovement.mapped(source, maps)] + operands.tensors[3...4]
    }

    /// Inputs: data, begins, ends, strides, the masks of begins, ends and dropped axes (bit 0 is the batch), low, high.
    /// Dropped axes leave the shape; the others move to its end.
    private static func stridedSlice(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let extents = source.shape.dimensions
        let (begins, ends, steps) = (try operands.integers(1), try operands.integers(2), try operands.integers(3))
        let masks = try (4...6).map { try operands.integers($0).first ?? 0 }
        guard begins.count <= 4, ends.count >= begins.count, steps.count >= begins.count else {
            throw operands.refused("has \(begins.count) begins, \(ends.count) ends and \(steps.count) strides")
        }
        var maps = extents.map(LayoutMovement.whole)
        for axis in 0..<4 {
            let extent = extents[axis]
            let index = axis - (4 - begins.count)
            var (begin, end, step) = index < 0 ? (0, extent, 1) : (begins[index], ends[index], steps[index])
            if begin < 0 { begin = max(0, begin + extent) }
            if end < 0 { end = max(-1, end + extent) }
            if masks[2] >> axis & 1 == 1 {
                (end, step) = (begin + 1, 1)
            } else {
                if masks[0] >> axis & 1 == 1 { begin = step < 0 ? extent - 1 : 0 }
                if masks[1] >> axis & 1 == 1 { end = step < 0 ? -1 : extent }
            }
            guard step != 0 else { throw operands.refused("has a stride of 0 on axis \(axis)") }
            let count = max(0, (step > 0 ? end - begin + step - 1 : begin - end - step - 1) / abs(step))
            let last = begin + step * (count - 1)
            guard count > 0, min(begin, last) >= 0, max(begin, last) < extent else {
                throw operands.refused("takes \(begin)..<\(end) by \(step) of \(extent) on axis \(axis)")
            }
            maps[axis] = (0..<count).map { begin + step * $0 }
        }
        let result = LayoutMovement.mapped(source, maps)
        let kept = (0..<4).filter { masks[2] >> $0 & 1 == 0 }.map { maps[$0].count }
        let shape = [Int](repeating: 1, count: 4 - kept.count) + kept
        return [result.retyped(TensorType(.uint8, Shape(shape)))] + operands.tensors[7...8]
    }

    /// Inputs: axis, data..., lows..., highs.... The producers have written their parts of the result themselves, with a
    /// common range; what is reported is the range that the first input is said to have.
    private static func placed(_ operands: KernelInputs) throws -> [Tensor] {
        let count = (operands.tensors.count - 1) / 3
        guard operands.tensors.count == 3 * count + 1, try operands.axis(0) == 3 else {
            throw operands.refused("has \(operands.tensors.count) inputs or another axis than 3")
        }
        let parts = try (1...count).map { try operands.codes($0) }
        let rows = parts[0].shape.dimensions.dropLast()
        guard parts.allSatisfy({ $0.shape.dimensions.dropLast() == rows }) else {
            throw operands.refused("has parts of different extents")
        }
        let bytes = parts.map { $0.elements(of: UInt8.self) }
        let depths = parts.map { $0.shape[3] }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.reduce(0) { $0 + $1.count })
        for row in 0..<rows.reduce(1, *) {
            for (part, depth) in zip(bytes, depths) { result += part[row * depth..<(row + 1) * depth] }
        }
        let shape = Shape(rows + [depths.reduce(0, +)])
        return [Tensor(result, shape: shape), operands.tensors[1 + count], operands.tensors[1 + 2 * count]]
    }
}
