import TensorCore

/// From sums to codes in the kernel for the flat layout, by a 16-bit reciprocal.
///
/// Source: nnlib hexagon/ops/src/op_supernode.c, `supernode_execute_hvx` with hexagon/asm_src/gvconvsum2dbbb_h.S, and
/// `supernode_execute_ref`, which the library takes for up to 3 rows of outputs.
struct FlatRequantization: SumCodes {
    let isShort: Bool
    /// Bias in steps of products; with the output's zero unless `isShort`.
    let biases: [Int32]
    /// The output's zero in steps of products.
    let lowest: Float
    /// 255 / 256 of 2^24 over the output range in steps of products. Of more than 16 bits, vectors take the lower 16.
    let reciprocal: Int32

    /// - Returns: nil for an output range below half a step of products, by which the library divides.
    init?(_ operands: ConvolutionOperands, rows: Int, channels: Int) {
        isShort = rows <= 3
        let step =
            (operands.inputHigh - operands.inputLow) / 255 * ((operands.filterHigh - operands.filterLow) / 255)
        let ratio = (operands.biasHigh - operands.biasLow) / 0x1p32 / step
        let lowest = -operands.outputLow / step
        let extent = (operands.outputHigh - operands.outputLow) / step
        let steps =
            isShort
            ? RangeArithmetic.truncated(extent + 0.5)
            : RangeArithmetic.truncated(extent.rounded(.toNearestOrAwayFromZero))
        guard steps > 0 else { return nil }
        let whole: Int32 = 0x00FF_0000 / steps
        reciprocal = isShort ? whole : whole & 0xFFFF
        let isShort = isShort
        biases = (0..<channels).map { channel in
            let bias = Float(channel < operands.bias.count ? operands.bias[channel] : 0) * ratio
            return isShort ? RangeArithmetic.nearest(bias) : RangeArithmetic.truncated(bias + lowest + 0.5)
        }
        self.lowest = lowest
    }

    @inline(__always)
    func code(_ sum: Int32, _ channel: Int) -> UInt8 {
        var sum = sum &+ biases[channel]
        if isShort { sum = RangeArithmetic.truncated(Float(sum) + lowest) }
        return RangeArithmetic.packed((sum &* reciprocal &+ 0x8000) >> 16)
    }
}

/// From sums to codes in the kernel for 3 x 3 filters with two channels in and out.
///
/// Source: nnlib hexagon/ops/src/op_supernode3322.c, `fill_info_minmax_basics`, `fill_bias_buf`.
struct TwoChannelRequantization: SumCodes {
    let biases: [Int32]
    let multiplier: Int32
    let shift: Int32

    /// - Returns: nil for an output range below half a step of products, by which the library divides.
    init?(_ operands: ConvolutionOperands) {
        let step =
            (operands.inputHigh - operands.inputLow) / 255 * ((operands.filterHigh - operands.filterLow) / 255)
        let ratio = (operands.biasHigh - operands.biasLow) / 0x1p32 / step
        let lowest = -operands.outputLow / step
        let steps = RangeArithmetic.nearest((operands.outputHigh - operands.outputLow) / step)
        guard steps > 0 else { return nil }
        var multiplier: Int64 = 255 << 31 / Int64(steps)
        var shift: Int32 = 0
        while multiplier >= 1 << 31 {
            shift += 1
            multiplier = 255 << 31 / ((Int64(steps) + 1) << Int64(shift))
        }
        self.multiplier = Int32(multiplier)
        self.shift = shift
        biases = (0..<2).map {
            RangeArithmetic.nearest(Float($0 < operands.bias.count ? operands.bias[$0] : 0) * ratio + lowest)
        }
    }

    @inline(__always)
    func code(_ sum: Int32, _ channel: Int) -> UInt8 {
        RangeArithmetic.packed(RangeArithmetic.product31((sum &+ biases[channel]) &<< shift, multiplier))
    }
}

extension HexagonKernels {
    /// The kernel for the flat layout. It works out padding from the number of outputs, as if that were the number of
    /// inputs.
    ///
    /// Source: nnlib hexagon/ops/src/op_supernode.c; hexagon/src/im2col_full.c.
    static func flatConvolution(_ node: HexagonNode, _ operands: ConvolutionOperands) throws -> [Tensor] {
        let (filter, input) = (operands.filter, operands.input.shape)
        func extent(_ axis: Int, _ stride: Int) -> ConvolutionExtent {
            let count = ConvolutionExtent(
                input: input[axis + 1], window: filter.shape[axis], stride: stride, padding: node.padding
            ).count
            let padding = ConvolutionExtent(
                input: count, window: filter.shape[axis], stride: stride, padding: node.padding
            ).padding
            return ConvolutionExtent(count: count, padding: padding)
        }
        let rows = extent(0, operands.strideHeight)
        let columns = extent(1, operands.strideWidth)
        guard let codes = FlatRequantization(operands, rows: rows.count, channels: filter.shape[3]) else {
            throw Diagnostic(.unsupported, at: node.op.rawValue, "an output range below a step of products")
        }
        return flatResults(operands, codes, rows: rows, columns: columns)
    }

    /// The kernel for 3 x 3 filters with two channels in and out and stride 1.
    static func twoChannelConvolution(_ node: HexagonNode, _ operands: ConvolutionOperands) throws -> [Tensor] {
        let input = operands.input.shape
        guard operands.filter.shape == Shape([3, 3, 2, 2]), operands.strideHeight == 1, operands.strideWidth == 1 else {
            throw Diagnostic(
                .unsupported, at: node.op.rawValue, "a filter of \(operands.filter.shape) or strides above 1")
        }
        guard let codes = TwoChannelRequantization(operands) else {
            throw Diagnostic(.unsupported, at: node.op.rawValue, "an output range below a step of products")
        }
        return flatResults(
            operands, codes,
            rows: ConvolutionExtent(input: input[1], window: 3, stride: 1, padding: node.padding),
            columns: ConvolutionExtent(input: input[2], window: 3, stride: 1, padding: node.padding))
    }

    private static func flatResults(
        _ operands: ConvolutionOperands, _ codes: some SumCodes, rows: ConvolutionExtent, columns: ConvolutionExtent
    ) -> [Tensor] {
        let loops = ConvolutionLoops(
            weights: ConvolutionWeights(
                unsigned: operands.filter,
                zero: RangeArithmetic.zeroCode(operands.filterLow, operands.filterHigh), depthMultiple: 1),
            codes: codes, filterHeight: operands.filter.shape[0], filterWidth: operands.filter.shape[1],
            strideHeight: operands.strideHeight, strideWidth: operands.strideWidth,
            inputZero: RangeArithmetic.zeroCode(operands.inputLow, operands.inputHigh), rows: rows, columns: columns)
        return [
            loops.run(operands.input), KernelInputs.scalarTensor(operands.outputLow),
            KernelInputs.scalarTensor(operands.outputHigh),
        ]
    }
}
