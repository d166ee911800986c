import TensorCore

extension PreparationGraph {
    /// QuantizedTransposeConv2d_8x8p32to8 becomes a border, a convolution without one, its bias and requantisation, and,
    /// for strides, DepthToSpace_8 that also crops.
    ///
    /// Where the stride is 2, 3, 4 or 8 wide, filters of zeros fill the result's depth up to a step of 32; the depth that is
    /// wanted is the fifth number of the crop. Source: nnlib hexagon/src/expand_transpose_conv_nodes.c (without groups).
    ///
    /// - Throws: `Diagnostic` (.unsupported) for weights, bias, scales, ranges or borders that are not constant, and for
    ///   stride 1 with an even filter, whose result has another height or width than the delegate declares.
    mutating func expandTransposedConvolutions() throws {
        try rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .transposeConv2D else { return }
            let expansion = try TransposedConvolution(node, in: graph)
            graph.expand(node, expansion)
        }
    }

    private mutating func expand(_ node: HexagonNode, _ t: TransposedConvolution) {
        var added: [HexagonNode] = []
        func append(
            _ id: Int, _ op: HexagonOperator, _ inputs: [HexagonReference], _ shape: [Int], elementSize: Int = 1,
            padding: HexagonPadding = .none
        ) -> [HexagonReference] {
            let scalar = HexagonOutput([1, 1, 1, 1], elementSize: 4)
            added.append(
                HexagonNode(
                    id: id, op: op, padding: padding, inputs: inputs,
                    outputs: [HexagonOutput(shape, elementSize: elementSize), scalar, scalar], source: node.source))
            return (0..<3).map { HexagonReference(id, $0) }
        }
        var data = [node.inputs[0], node.inputs[2], node.inputs[3]]
        if t.border.contains(where: { $0 != 0 }) {
            let counts = addConstant(Tensor(t.border.map(Int32.init), shape: [1, 1, 4, 2]))
            data = append(newID(), .pad, data + [counts], t.paddedShape)
        }
        let weights = addConstant(Tensor(t.weights, shape: Shape(t.weightShape)))
        let strides = addConstant(Tensor([Int32(1)], shape: [1, 1, 1, 1]))
        let depth = t.weightShape[3]
        var sums = append(
            newID(), .conv2D, [data[0], weights, data[1], data[2], node.inputs[4], node.inputs[5], strides], t.sumShape,
            elementSize: 4, padding: .valid)
        if let scales = t.scales {
            let constant = addConstant(Tensor(scales, shape: [1, 1, 1, depth]))
            sums = append(newID(), .channelScale, [sums[0], constant, sums[1], sums[2]], t.sumShape, elementSize: 4)
        }
        let bias = addConstant(Tensor(t.bias, shape: [1, 1, 1, depth]))
        sums = append(
            newID(), .biasAdd, [sums[0], bias, sums[1], sums[2], node.inputs[9], node.inputs[10]], t.sumShape,
            elementSize: 4)
        let codes = append(
            t.isStrided ? newID() : node.id, .requantize32To8, sums + [node.inputs[11], node.inputs[12]], t.sumShape)
        if t.isStrided {
            let blocks = addConstant(Tensor([Int32(t.strides.height), Int32(t.strides.width)], shape: [1, 1, 1, 2]))
            let crop = addConstant(Tensor(t.crop.map(Int32.init), shape: [1, 1, 1, t.crop.count]))
            _ = append(node.id, .depthToSpace, [codes[0], blocks, codes[1], codes[2], crop], node.outputs[0].shape)
        }
        replace(node.id, with: added)
    }
}

/// The numbers of an expanded transposed convolution.
private struct TransposedConvolution {
    let strides: (height: Int, width: Int)
    /// `[height, width, input depth, output depth]` of the convolution.
    let weightShape: [Int]
    let weights: [UInt8]
    let bias: [Int32]
    let scales: [Float]?
    /// Four pairs of counts around the data.
    let border: [Int]
    let paddedShape: [Int]
    let sumShape: [Int]
    /// Top, bottom, left, right, and the depth to keep when filters were added.
    let crop: [Int]
    var isStrided: Bool { strides.height * strides.width > 1 }

    init(_ node: HexagonNode, in graph: PreparationGraph) throws {
        func refused(_ reason: String) -> Diagnostic { Diagnostic(.unsupported, at: node.location, reason) }
        guard (13...14).contains(node.inputs.count), let filter = graph.constant(node.inputs[1]),
            filter.elementType == .uint8, let low = graph.number(node.inputs[4]),
            let high = graph.number(node.inputs[5]),
            let margins = graph.integers(node.inputs[6]), margins.count == 4,
            let steps = graph.constant(node.inputs[7])?.shape, let biases = graph.constant(node.inputs[8]),
            biases.elementType == .int32, biases.count == filter.shape[0]
        else { throw refused("needs constant weights, ranges, border, strides and bias") }
        let input = graph.declared(node.inputs[0]).shape
        let output = node.outputs[0].shape
        let (fh, fw, din) = (filter.shape[1], filter.shape[2], filter.shape[3])
        let (sh, sw) = (steps[1], steps[2])
        guard sh >= 1, sw >= 1, filter.count > 0, sh * sw <= 65536 else { throw refused("has strides of \(sh)x\(sw)") }
        strides = (sh, sw)
        let filters = filter.shape[0]
        let fillsDepth = sw > 1 && sw < 5 || sw == 8
        let slots = fillsDepth ? (filters + 31) / 32 * 32 : filters
        let (rows, columns) = ((fh + sh - 1) / sh, (fw + sw - 1) / sw)
        weightShape = [rows, columns, din, slots * sh * sw]
        weights = Self.rotated(
            filter, weightShape, slots: slots, strides: (sh, sw),
            zero: RangeArithmetic.code(RangeArithmetic.zeroCode(low, high)))
        var spreadBias = [Int32](repeating: 0, count: slots * sh * sw)
        for (index, value) in biases.elements(of: Int32.self).enumerated() {
            for phase in 0..<sh * sw { spreadBias[phase * slots + index] = value }
        }
        bias = spreadBias
        if node.inputs.count == 14 {
            guard let given = graph.constant(node.inputs[13]), given.elementType == .float32, given.count == filters
            else {
                throw refused("needs constant scales, one for each of \(filters) filters")
            }
            var spread = [Float](repeating: 1, count: slots * sh * sw)
            for (index, value) in given.elements(of: Float.self).enumerated() {
                for phase in 0..<sh * sw { spread[phase * slots + index] = value }
            }
            scales = spread
        } else {
            scales = nil
        }
        let own = sh * sw == 1 ? margins : [0, 0, 0, 0]
        border = [0, 0, rows - 1 - own[0], rows - 1 - own[1], columns - 1 - own[2], columns - 1 - own[3], 0, 0]
        paddedShape = [
            input[0], input[1] + 2 * (rows - 1) - own[0] - own[1], input[2] + 2 * (columns - 1) - own[2] - own[3],
            input[3],
        ]
        let sum = [paddedShape[1] - rows + 1, paddedShape[2] - columns + 1]
        sumShape = [output[0], sum[0], sum[1], slots * sh * sw]
        if sh * sw == 1, sum != [output[1], output[2]] {
            throw refused("gives \(sum[0])x\(sum[1]) instead of \(output[1])x\(output[2]): its border is not symmetric")
        }
        let margin = [sum[0] * sh - margins[0] - output[1], sum[1] * sw - margins[2] - output[2]]
        crop = [margins[0], margin[0], margins[2], margin[1]] + (fillsDepth ? [filters] : [])
    }

    /// Phase by phase the filters of a strided transposed convolution, turned by 180 degrees: what stands at row y, column x
    /// of phase (py, px) is the filter's element at row (rows - 1 - y) * stride + py, and so on, or the code of zero.
    /// Source: nnlib hexagon/src/transpose_conv_procweights.c.
    private static func rotated(
        _ filter: Tensor, _ shape: [Int], slots: Int, strides: (height: Int, width: Int), zero: UInt8
    ) -> [UInt8] {
        let (filters, fh, fw, depth) = (filter.shape[0], filter.shape[1], filter.shape[2], filter.shape[3])
        var result = [UInt8](repeating: zero, count: shape.reduce(1, *))
        filter.withElements(of: UInt8.self) { from in
            var position = 0
            for y in 0..<shape[0] {
                for x in 0..<shape[1] {
                    for d in 0..<depth {
                        for phase in 0..<strides.height * strides.width {
                            let row = (shape[0] - 1 - y) * strides.height + phase / strides.width
                            let column = (shape[1] - 1 - x) * strides.width + phase % strides.width
                            if row < fh, column < fw {
                                for n in 0..<filters {
                                    result[position + n] = from[((n * fh + row) * fw + column) * depth + d]
                                }
                            }
                            position += slots
                        }
                    }
                }
            }
        }
        return result
    }
}
