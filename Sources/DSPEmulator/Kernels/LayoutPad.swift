import TensorCore

extension HexagonKernels {
    /// What puts elements around a tensor and keeps its range.
    ///
    /// Source: nnlib hexagon/ops/src/op_pad.c, op_pad_d32.c, op_mirrorpad.c, op_mirrorpad_d32.c.
    static func layoutPad(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        switch node.op {
        case .padForConvolutionDepth32: try padForConvolution(KernelInputs(node, inputs, count: 5...5))
        case .mirrorPad, .mirrorPadDepth32: try mirrorPad(KernelInputs(node, inputs, count: 4...4))
        default: try pad(KernelInputs(node, inputs, count: 4...6))
        }
    }

    /// Inputs: data, low, high, pairs of counts for the last axes, and optionally the real value to pad with (0 without
    /// it) and whether that value must lie within the range. The depth-32 kernel does not pad the depth.
    private static func pad(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let counts = try padCounts(operands, 3)
        let isDepth32 = operands.node.op == .padDepth32
        if isDepth32, counts[3] != (0, 0) { throw operands.refused("pads the depth") }
        let (low, high) = (try operands.scalar(1), try operands.scalar(2))
        let value = operands.tensors.count > 4 ? try operands.scalar(4) : 0
        if operands.tensors.count > 5, try operands.integers(5).first != 0, value < low || value > high {
            throw operands.refused("pads with \(value), which is outside \(low)...\(high)")
        }
        let fill: UInt8
        if value.isInfinite {
            fill = value < 0 ? 0 : 255
        } else {
            let code = RangeArithmetic.rounded(255 * (value - low) / (high - low))
            guard isDepth32 || (-2...257).contains(code) else {
                throw operands.refused("pads with \(value), which is outside \(low)...\(high)")
            }
            fill = RangeArithmetic.code(code)
        }
        return [try padded(operands, source, counts, fill)] + operands.tensors[1...2]
    }

    /// Inputs: data, low, high, and the filter and strides, whose extents count. What a convolution with the node's kind
    /// of border adds, so that one without a border gives the same. Source: `nn_pad_compute_outsize_padding`.
    private static func padForConvolution(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let filter = operands.tensors[3].shape.dimensions
        let strides = operands.tensors[4].shape.dimensions
        guard filter.count == 4, strides.count == 4, strides[1] > 0, strides[2] > 0 else {
            throw operands.refused("has a filter of \(filter) and strides of \(strides)")
        }
        var counts = [(0, 0), (0, 0), (0, 0), (0, 0)]
        for (axis, size) in [(1, filter[0]), (2, filter[1])] {
            let extent = source.shape[axis]
            let step = strides[axis]
            let isSame = operands.node.padding == .same
            guard isSame || operands.node.padding == .none else {
                throw operands.refused("has another border than SAME")
            }
            let steps = (isSame ? extent + step - 1 : extent) / step
            guard steps > 0 else { throw operands.refused("has an input smaller than its stride") }
            let missing = max(0, (steps - 1) * step - (extent - size))
            counts[axis] = (missing / 2, missing - missing / 2)
        }
        let (low, high) = (try operands.scalar(1), try operands.scalar(2))
        let fill = RangeArithmetic.code(RangeArithmetic.rounded((0 - low) * 255 / (high - low)))
        return [try padded(operands, source, counts, fill)] + operands.tensors[1...2]
    }

    /// Inputs: data, four pairs of counts, low, high. Reflection leaves the outermost element out, symmetry repeats it;
    /// neither may take as many elements as the axis has. The depth-32 kernel pads height and width alone.
    private static func mirrorPad(_ operands: KernelInputs) throws -> [Tensor] {
        let source = try operands.codes(0)
        let isReflection = operands.node.padding == .mirrorReflect
        guard isReflection || operands.node.padding == .mirrorSymmetric else {
            throw operands.refused("is neither reflection nor symmetry")
        }
        guard operands.tensors[1].shape[2] == 4 else { throw operands.refused("needs the counts of four axes") }
        let counts = try padCounts(operands, 1)
        if operands.node.op == .mirrorPadDepth32, counts[0] != (0, 0) || counts[3] != (0, 0) {
            throw operands.refused("pads batches or the depth")
        }
        let omitted = isReflection ? 1 : 0
        var maps: [[Int]] = []
        for (axis, (before, after)) in counts.enumerated() {
            let extent = source.shape[axis]
            guard before < extent, after < extent else {
                throw operands.refused("mirrors \(before) and \(after) of \(extent) elements on axis \(axis)")
            }
            maps.append(
                (0..<before).map { before - 1 - $0 + omitted } + LayoutMovement.whole(extent)
                    + (0..<after).map { extent - 1 - $0 - omitted })
        }
        _ = try operands.checked(maps.map(\.count))
        return [LayoutMovement.mapped(source, maps)] + operands.tensors[2...3]
    }

    /// Pairs of counts for four axes, from a tensor `[1, 1, n, 2]` of the last n.
    private static func padCounts(_ operands: KernelInputs, _ index: Int) throws -> [(Int, Int)] {
        let tensor = try operands.tensor(index, .int32)
        let values = try operands.integers(index)
        guard tensor.shape[3] == 2, (2...8).contains(values.count), values.allSatisfy({ $0 >= 0 }) else {
            throw operands.refused("has the counts \(values)")
        }
        let pairs = stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
        return [(Int, Int)](repeating: (0, 0), count: 4 - pairs.count) + pairs
    }

    private static func padded(
        _ operands: KernelInputs, _ source: Tensor, _ counts: [(Int, Int)], _ fill: UInt8
    ) throws -> Tensor {
        let shape = try operands.checked(zip(source.shape.dimensions, counts).map { $0 + $1.0 + $1.1 })
        if shape == source.shape.dimensions { return source }
        let maps = zip(source.shape.dimensions, counts).map { LayoutMovement.padded($0, $1.0, $1.1) }
        return LayoutMovement.mapped(source, maps, fill: fill)
    }
}
