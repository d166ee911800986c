import TensorCore

extension HexagonKernels {
    /// What puts the same elements into another order and keeps the range.
    ///
    /// Source: nnlib hexagon/ops/src/op_transpose.c, op_depthspace.c, op_batchspace.c, op_depthspace_d32.c.
    static func layoutRearrangement(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        switch node.op {
        case .transpose: try transpose(KernelInputs(node, inputs, count: 4...4))
        case .spaceToDepth: try spaceToDepth(KernelInputs(node, inputs, count: 4...4))
        case .depthToSpace, .depthToSpaceDepth32: try depthToSpace(KernelInputs(node, inputs, count: 4...5))
        case .spaceToBatch, .spaceToBatchDepth32: try spaceToBatch(KernelInputs(node, inputs, count: 5...5))
        default: try batchToSpace(KernelInputs(node, inputs, count: 5...5))
        }
    }

    /// Inputs: data, the order of the last n axes, low, high.
    private static func transpose(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let given = try operands.integers(1)
        guard given.count <= 4, given.sorted() == Array(0..<given.count) else {
            throw operands.refused("has the order \(given)")
        }
        let fixed = 4 - given.count
        let order = Array(0..<fixed) + given.map { $0 + fixed }
        let extents = source.shape.dimensions
        let result = LayoutMovement.reordered(source, extents, order: order, shape: order.map { extents[$0] })
        return [result] + operands.tensors[2...3]
    }

    /// Inputs: data, block size (one or two), low, high.
    private static func spaceToDepth(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let (high, wide) = try blockSizes(operands)
        let e = source.shape.dimensions
        guard e[1] % high == 0, e[2] % wide == 0 else { throw operands.refused("cannot cut \(e) into \(high)x\(wide)") }
        let (rows, columns) = (e[1] / high, e[2] / wide)
        let result = LayoutMovement.reordered(
            source, [e[0], rows, high, columns, wide * e[3]], order: [0, 1, 3, 2, 4],
            shape: [e[0], rows, columns, high * wide * e[3]])
        return [result] + operands.tensors[2...3]
    }

    /// Inputs: data, block size (one or two), low, high, and optionally what to crop: top, bottom, left, right. The
    /// depth-32 kernel also takes the depth to keep, and needs depths of 16 or multiples of 32 and blocks at most 4 wide,
    /// or 8.
    private static func depthToSpace(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let (high, wide) = try blockSizes(operands)
        let e = source.shape.dimensions
        let isDepth32 = operands.node.op == .depthToSpaceDepth32
        let (area, overflow) = high.multipliedReportingOverflow(by: wide)
        guard !overflow, e[3] % area == 0 else {
            throw operands.refused("cannot cut a depth of \(e[3]) into \(high)x\(wide)")
        }
        let depth = e[3] / area
        if isDepth32, depth % 32 != 0 && !(depth == 16 && wide == 2) || (wide > 4 && wide != 8) {
            throw operands.refused("has a depth of \(depth) in blocks \(wide) wide")
        }
        let crops = operands.tensors.count > 4 ? try operands.integers(4) : [0, 0, 0, 0]
        guard crops.count == 4 || isDepth32 && crops.count == 5, crops.allSatisfy({ $0 >= 0 }) else {
            throw operands.refused("crops by \(crops)")
        }
        let kept = crops.count == 5 && crops[4] > 0 ? crops[4] : depth
        guard kept <= depth, kept + 31 >= depth else { throw operands.refused("crops a depth of \(depth) to \(kept)") }
        let full = LayoutMovement.reordered(
            source, [e[0], e[1], e[2], high, wide, depth], order: [0, 1, 3, 2, 4, 5],
            shape: [e[0], e[1] * high, e[2] * wide, depth])
        return [try cropped(operands, full, crops, depth: kept)] + operands.tensors[2...3]
    }

    /// Inputs: data, block sizes, pairs of counts to pad height and width with, low, high. Pads with the code of zero, which
    /// the two kernels round differently.
    private static func spaceToBatch(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let (high, wide) = try batchBlockSizes(operands)
        let pads = try batchMargins(operands)
        let e = source.shape.dimensions
        let padded = try operands.checked([e[0], e[1] + pads[0] + pads[1], e[2] + pads[2] + pads[3], e[3]])
        guard padded[1] % high == 0, padded[2] % wide == 0 else {
            throw operands.refused("cannot cut \(padded) into \(high)x\(wide)")
        }
        let (low, top) = (try operands.scalar(3), try operands.scalar(4))
        let isDepth32 = operands.node.op == .spaceToBatchDepth32
        let zero = isDepth32 ? RangeArithmetic.stepAndZero(low, top).zero : RangeArithmetic.zeroCode(low, top)
        let maps = [
            LayoutMovement.whole(e[0]), LayoutMovement.padded(e[1], pads[0], pads[1]),
            LayoutMovement.padded(e[2], pads[2], pads[3]), LayoutMovement.whole(e[3]),
        ]
        let whole = padded == e ? source : LayoutMovement.mapped(source, maps, fill: RangeArithmetic.code(zero))
        let (rows, columns) = (padded[1] / high, padded[2] / wide)
        let result = LayoutMovement.reordered(
            whole, [e[0], rows, high, columns, wide, e[3]], order: [2, 4, 0, 1, 3, 5],
            shape: [e[0] * high * wide, rows, columns, e[3]])
        return [result] + operands.tensors[3...4]
    }

    /// Inputs: data, block sizes, pairs of counts to crop from height and width, low, high.
    private static func batchToSpace(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let (high, wide) = try batchBlockSizes(operands)
        let crops = try batchMargins(operands)
        let e = source.shape.dimensions
        let (area, overflow) = high.multipliedReportingOverflow(by: wide)
        guard !overflow, e[0] % area == 0 else {
            throw operands.refused("cannot make \(high)x\(wide) of \(e[0]) batches")
        }
        let batches = e[0] / area
        let full = LayoutMovement.reordered(
            source, [high, wide, batches, e[1], e[2], e[3]], order: [2, 3, 0, 4, 1, 5],
            shape: [batches, e[1] * high, e[2] * wide, e[3]])
        return [try cropped(operands, full, crops, depth: e[3])] + operands.tensors[3...4]
    }

    private static func cropped(
        _ operands: KernelInputs, _ source: Tensor, _ crops: [Int], depth: Int
    ) throws -> Tensor {
        let e = source.shape.dimensions
        guard crops[0] + crops[1] < e[1], crops[2] + crops[3] < e[2] else {
            throw operands.refused("crops \(e) by \(crops), which leaves nothing")
        }
        if crops[0...3].allSatisfy({ $0 == 0 }), depth == e[3] { return source }
        return LayoutMovement.mapped(
            source,
            [
                LayoutMovement.whole(e[0]), Array(crops[0]..<e[1] - crops[1]), Array(crops[2]..<e[2] - crops[3]),
                LayoutMovement.whole(depth),
            ])
    }

    /// One block size is that of both axes. Source: `get_blksiz_from_tensor`.
    private static func blockSizes(_ operands: KernelInputs) throws -> (Int, Int) {
        let sizes = try operands.integers(1)
        guard let first = sizes.first, let last = sizes.last, sizes.count <= 2, first > 0, last > 0 else {
            throw operands.refused("has the block sizes \(sizes)")
        }
        return (first, last)
    }

    /// One block size is that of the height; the depth-32 kernels need two.
    private static func batchBlockSizes(_ operands: KernelInputs) throws -> (Int, Int) {
        let sizes = try operands.integers(1)
        let isDepth32 = operands.node.op == .spaceToBatchDepth32 || operands.node.op == .batchToSpaceDepth32
        guard isDepth32 ? sizes.count == 2 : (1...2).contains(sizes.count), sizes.allSatisfy({ $0 > 0 && $0 <= 65535 })
        else { throw operands.refused("has the block sizes \(sizes)") }
        if isDepth32, sizes[1] > 4, sizes[1] != 8 || operands.node.op == .spaceToBatchDepth32 {
            throw operands.refused("has blocks \(sizes[1]) wide")
        }
        return (sizes[0], sizes.count > 1 ? sizes[1] : 1)
    }

    /// Top, bottom, left, right, from a tensor `[1, 1, n, 2]` with as many pairs as block sizes.
    private static func batchMargins(_ operands: KernelInputs) throws -> [Int] {
        let margins = try operands.integers(2)
        let count = operands.tensors[1].count
        guard operands.tensors[2].shape.dimensions == [1, 1, count, 2],
            margins.allSatisfy({ (0...65535).contains($0) })
        else { throw operands.refused("has the margins \(margins)") }
        return margins + [Int](repeating: 0, count: 4 - margins.count)
    }
}
