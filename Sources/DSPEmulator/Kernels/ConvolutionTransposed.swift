import TensorCore

extension HexagonKernels {
    /// The transposed convolution: a convolution of the input with zeros around, by the filter turned by 180 degrees and
    /// taken apart into one filter for each position within a stride, then a depth-to-space that cuts off the padding.
    ///
    /// The node itself computes nothing; this runs what preparation makes of it. Inputs: codes, weights `[filters, height,
    /// width, depth]`, both ranges, paddings (top, bottom, left, right), strides, bias and its range, the output's range,
    /// perhaps channel scales.
    ///
    /// Source: nnlib hexagon/src/expand_transpose_conv_nodes.c, hexagon/src/transpose_conv_procweights.c;
    /// hexagon/src/prepare.c, `maybe_morph_supernode_to_superfc`.
    static func transposedConvolution(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 13...14)
        guard let output = node.outputs.first?.shape, output.count == 4 else {
            throw operands.refused("an output without declared extents")
        }
        let plan = try TransposedPlan(operands, outputHeight: output[1], outputWidth: output[2])
        func run(_ op: HexagonOperator, _ padding: HexagonPadding, _ inputs: [Tensor]) throws -> [Tensor] {
            try evaluate(HexagonNode(id: node.id, op: op, padding: padding), inputs, architecture: architecture)
        }

        var data = [inputs[0], inputs[2], inputs[3]]
        if plan.inputPadding.contains(where: { $0 != 0 }) {
            let counts = [0, 0] + plan.inputPadding + [0, 0]
            data = try run(.pad, .none, data + [Tensor(counts, shape: [1, 1, 4, 2])])
        }
        let biases = Tensor(plan.biases, shape: Shape([1, 1, 1, plan.channels]))
        var result: [Tensor]
        if inputs.count == 13, plan.isFullyConnected(data[0].shape) {
            result = try run(
                .superFullyConnected, .valid,
                [data[0], plan.filter, data[1], data[2], inputs[4], inputs[5], biases] + inputs[9...12])
        } else {
            let strides = Tensor(zeros: TensorType(.float32, [1, 1, 1, 1]))
            let scales = plan.scales.map { [Tensor($0, shape: Shape([1, 1, 1, plan.channels]))] } ?? []
            result = try run(
                .supernode, .valid,
                [data[0], plan.filter, data[1], data[2], inputs[4], inputs[5], strides, biases] + inputs[9...12]
                    + scales)
        }
        guard plan.isStrided else { return result }
        let blocks = Tensor(plan.blocks, shape: [1, 1, 1, 2])
        let crops = Tensor(plan.crops, shape: Shape([1, 1, 1, plan.crops.count]))
        // Only the depth-32 kernel can leave out padded filters.
        return try run(
            plan.crops.count > 4 ? .depthToSpaceDepth32 : .depthToSpace, .none,
            [result[0], blocks, result[1], result[2], crops])
    }
}

/// The operands that a transposed convolution leaves to the nodes it becomes.
private struct TransposedPlan {
    /// Codes `[height, width, depth, channels]`: a channel for each filter and position within a stride.
    let filter: Tensor
    let biases: [Int32]
    let scales: [Float]?
    /// Zeros at top, bottom, left and right.
    let inputPadding: [Int32]
    /// Vertical and horizontal stride.
    let blocks: [Int32]
    /// What the depth-to-space cuts off at top, bottom, left and right, and the depth that it keeps of a padded one.
    let crops: [Int32]

    var channels: Int { filter.shape[3] }
    var isStrided: Bool { blocks != [1, 1] }

    init(_ operands: KernelInputs, outputHeight: Int, outputWidth: Int) throws {
        let input = try operands.tensor(0, .uint8).shape
        let weights = try operands.tensor(1, .uint8)
        let (filters, height, width, depth) = (weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3])
        let paddings = try operands.tensor(6, .int32).elements(of: Int32.self).map(Int.init)
        let strides = operands.tensors[7].shape.dimensions
        guard paddings.count == 4, strides.count == 4, strides[1] >= 1, strides[2] >= 1, input[3] == depth else {
            throw operands.refused("weights of \\(weights.shape), strides of \\(operands.tensors[7].shape)")
        }
        let (down, across) = (strides[1], strides[2])
        let positions = down * across
        let isPadded = (2...4).contains(across) || across == 8
        let padded = isPadded ? (filters + 31) / 32 * 32 : filters
        let (rows, columns) = ((height + down - 1) / down, (width + across - 1) / across)
        let channels = padded * positions

        let zero = RangeArithmetic.zeroCode(try operands.scalar(4), try operands.scalar(5))
        var codes = [UInt8](repeating: RangeArithmetic.code(zero), count: rows * columns * depth * channels)
        weights.withElements(of: UInt8.self) { weights in
            for filter in 0..<filters {
                for y in 0..<height {
                    for x in 0..<width {
                        let channel = (y % down * across + x % across) * padded + filter
                        let tap = (rows - 1 - y / down) * columns + columns - 1 - x / across
                        for z in 0..<depth {
                            codes[(tap * depth + z) * channels + channel] =
                                weights[((filter * height + y) * width + x) * depth + z]
                        }
                    }
                }
            }
        }
        filter = Tensor(codes, shape: Shape([rows, columns, depth, channels]))

        /// The same for each position.
        func spread<T>(_ values: [T], _ rest: T) -> [T] {
            let one = values.prefix(padded) + [T](repeating: rest, count: max(padded - values.count, 0))
            return (0..<positions).flatMap { _ in one }
        }
        biases = spread(try operands.tensor(8, .int32).elements(of: Int32.self), 0)
        scales = operands.tensors.count > 13 ? spread(try operands.numbers(13), 1) : nil

        let kept = positions == 1 ? paddings : [0, 0, 0, 0]
        let around = [rows - 1 - kept[0], rows - 1 - kept[1], columns - 1 - kept[2], columns - 1 - kept[3]]
        guard around.allSatisfy({ $0 >= 0 }) else { throw operands.refused("paddings \\(paddings) above the filter") }
        inputPadding = around.map { Int32($0) }
        blocks = [Int32(down), Int32(across)]
        let cuts = [
            paddings[0], (input[1] - 1 + rows) * down - paddings[0] - outputHeight,
            paddings[2], (input[2] - 1 + columns) * across - paddings[2] - outputWidth,
        ]
        crops = (isPadded ? cuts + [filters] : cuts).map { Int32(truncatingIfNeeded: $0) }
    }

    /// Whether the convolution of `input` is a matrix product that the library takes as such: one row of outputs from a
    /// filter of the input's extents.
    func isFullyConnected(_ input: Shape) -> Bool {
        let length = filter.shape[0] * filter.shape[1] * filter.shape[2]
        return input[0] == 1 && input[1] == filter.shape[0] && input[2] == filter.shape[1] && channels % 16 == 0
            && channels >= 32 && length % 16 == 0 && length >= 32
    }
}
