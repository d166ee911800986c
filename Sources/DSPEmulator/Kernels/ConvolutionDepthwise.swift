import TensorCore

extension HexagonKernels {
    /// The depthwise supernode: weights unsigned on every architecture, their zero point taken from each product.
    ///
    /// Two of its kernels, for filters 5 wide with a horizontal stride of 2 and for those 7 wide with a stride of 1, store
    /// the address of the multipliers before it has moved on: every 32 channels are scaled as the first 32 are. That is
    /// kept.
    ///
    /// Source: nnlib hexagon/ops/src/op_dwise_snode_8bit.c, `dwise_supernode_check`,
    /// `dwise_supernode_recalculate_strategy`; hexagon/asm_src/dwconv2dbbb_s2_5xN_h.S, dwconv2dbbb_s1_7xN_h.S.
    static func depthwiseConvolution(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        func refused(_ reason: String) -> Diagnostic { Diagnostic(.unsupported, at: node.op.rawValue, reason) }
        guard node.op == .depthwiseSupernodeDepth32 else { throw refused("has no kernel for the flat layout") }
        let operands = try ConvolutionOperands(node, inputs) { $0[2] * $0[3] }
        let filter = operands.filter
        guard filter.shape[3] == 1 else { throw refused("a depth multiplier of \(filter.shape[3]) is not built") }
        guard filter.shape[0] >= 2 else { throw refused("a filter height below 2") }
        guard [3, 5, 7].contains(filter.shape[1]) else {
            throw refused("a filter width of \(filter.shape[1]) instead of 3, 5 or 7")
        }
        guard operands.strideWidth <= 2 else { throw refused("a horizontal stride above 2") }

        let zero = RangeArithmetic.zeroCode(operands.filterLow, operands.filterHigh)
        let weights = DepthwiseWeights(filter, zero: zero)
        guard
            let requantization = ConvolutionRequantization(
                operands, weightStep: (operands.filterHigh - operands.filterLow) / 255, sums: weights.sums,
                factors: ChannelFactors(channelScales: operands.channelScales, weightScales: nil))
        else { throw refused("a bias leaves 32 bits") }
        let repeatsMultipliers =
            (filter.shape[1], operands.strideWidth) == (5, 2) || (filter.shape[1], operands.strideWidth) == (7, 1)
        let input = operands.input.shape
        let loops = DepthwiseLoops(
            weights: weights,
            requantization: repeatsMultipliers ? requantization.repeatingFirstMultipliers() : requantization,
            strideHeight: operands.strideHeight,
            strideWidth: operands.strideWidth,
            inputZero: RangeArithmetic.stepAndZero(operands.inputLow, operands.inputHigh).zero,
            rows: ConvolutionExtent(
                input: input[1], window: filter.shape[0], stride: operands.strideHeight, padding: node.padding),
            columns: ConvolutionExtent(
                input: input[2], window: filter.shape[1], stride: operands.strideWidth, padding: node.padding))
        return [
            loops.run(operands.input), KernelInputs.scalarTensor(requantization.outputLow),
            KernelInputs.scalarTensor(requantization.outputHigh),
        ]
    }
}

/// Weights less their zero point, `[height, width, depth]` with the depth rounded up to a multiple of 8, and their sums.
struct DepthwiseWeights {
    let values: [Int16]
    let sums: [Int32]
    let height: Int
    let width: Int
    let depth: Int

    init(_ filter: Tensor, zero: Int32) {
        let channels = filter.shape[2]
        let depth = (channels + 7) / 8 * 8
        var elements = [Int16](repeating: 0, count: filter.shape[0] * filter.shape[1] * depth)
        var totals = [Int32](repeating: 0, count: channels)
        filter.withElements(of: UInt8.self) { codes in
            for tap in 0..<filter.shape[0] * filter.shape[1] {
                for channel in 0..<channels {
                    let weight = Int32(codes[tap * channels + channel]) - zero
                    elements[tap * depth + channel] = Int16(weight)
                    totals[channel] &+= weight
                }
            }
        }
        values = elements
        height = filter.shape[0]
        width = filter.shape[1]
        self.depth = depth
        sums = totals
    }
}

/// A depthwise convolution of codes: exact 32-bit sums that wrap, then requantised.
struct DepthwiseLoops {
    let weights: DepthwiseWeights
    let requantization: ConvolutionRequantization
    let strideHeight: Int
    let strideWidth: Int
    let inputZero: Int32
    let rows: ConvolutionExtent
    let columns: ConvolutionExtent

    /// Codes `[batch, rows, columns, depth]`.
    func run(_ input: Tensor) -> Tensor {
        let channels = weights.sums.count
        var output = Tensor(zeros: TensorType(.uint8, Shape([input.shape[0], rows.count, columns.count, channels])))
        guard output.count > 0 else { return output }
        let image = CenteredImage(
            input, zero: inputZero, rows: rows, columns: columns, depthMultiple: 8,
            height: (rows.count - 1) * strideHeight + weights.height,
            width: (columns.count - 1) * strideWidth + weights.width)
        output.withMutableElements(of: UInt8.self) { output in
            image.values.withUnsafeBytes { pixels in
                weights.values.withUnsafeBytes { taps in
                    for batch in 0..<input.shape[0] {
                        for row in 0..<rows.count {
                            for column in 0..<columns.count {
                                let position =
                                    ((batch * rows.count + row) * columns.count + column) * channels
                                let corner =
                                    (batch * image.height + row * strideHeight) * image.width + column * strideWidth
                                for channel in stride(from: 0, to: channels, by: 8) {
                                    let sums = products(pixels, corner, image.width, taps, channel)
                                    for index in 0..<min(8, channels - channel) {
                                        output[position + channel + index] =
                                            requantization.code(sums[index], channel + index)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        return output
    }

    /// The sums of eight channels for the window whose first pixel is `corner`.
    @inline(__always)
    private func products(
        _ image: UnsafeRawBufferPointer, _ corner: Int, _ width: Int, _ taps: UnsafeRawBufferPointer, _ channel: Int
    ) -> SIMD8<Int32> {
        var sums = SIMD8<Int32>.zero
        let pixelBytes = weights.depth * MemoryLayout<Int16>.stride
        var tap = channel * MemoryLayout<Int16>.stride
        for y in 0..<weights.height {
            var pixel = (corner + y * width) * pixelBytes + channel * MemoryLayout<Int16>.stride
            for _ in 0..<weights.width {
                let x = image.loadUnaligned(fromByteOffset: pixel, as: SIMD8<Int16>.self)
                let w = taps.loadUnaligned(fromByteOffset: tap, as: SIMD8<Int16>.self)
                sums &+= SIMD8<Int32>(truncatingIfNeeded: x) &* SIMD8<Int32>(truncatingIfNeeded: w)
                pixel += pixelBytes
                tap += pixelBytes
            }
        }
        return sums
    }
}
