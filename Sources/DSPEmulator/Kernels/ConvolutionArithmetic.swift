/// What makes output codes of the sums of `(input code - input zero) * weight`, over the positions inside the input.
protocol SumCodes {
    func code(_ sum: Int32, _ channel: Int) -> UInt8
}

/// What brings the sums of a convolution to output codes: `packed(product31((sum + offset) << shift, multiplier))`.
struct ConvolutionRequantization: SumCodes {
    /// Per channel, for sums of `(input code - input zero) * weight` over the positions inside the input: bias, output zero
    /// and what rounding leaves of the input's zero point.
    private(set) var offsets: [Int32]
    private(set) var multipliers: [Int32]
    let shift: Int32
    /// The output range as the library reports it, with an integral code of zero.
    let outputLow: Float
    let outputHigh: Float

    /// That of a supernode.
    ///
    /// Source: nnlib hexagon/include/supernode_utils.h, `setup_initial_output_range`, `fill_info_minmax_basics`,
    /// `fill_bias_buf`, for an output range whose ends are both given.
    ///
    /// - Parameter sums: per channel, the sum of the weights as the library holds it.
    /// - Returns: nil when an offset leaves 32 bits, which the library refuses.
    init?(_ operands: ConvolutionOperands, weightStep: Float, sums: [Int32], factors: ChannelFactors) {
        let (inputStep, inputZero) = RangeArithmetic.stepAndZero(operands.inputLow, operands.inputHigh)
        let productStep = inputStep * weightStep
        self.init(
            low: operands.outputLow, high: operands.outputHigh, productStep: productStep, factors: factors,
            count: sums.count)
        let biases = Self.biases(
            operands.bias, low: operands.biasLow, high: operands.biasHigh, outputLow: outputLow,
            productStep: productStep, count: sums.count)
        for channel in sums.indices {
            var offset = biases[channel]
            if let inverse = factors.inverses { offset *= inverse[channel] }
            offset -= Float(sums[channel] &* inputZero)
            let rounded = offset.rounded(.toNearestOrEven)
            guard rounded >= -0x1p31, rounded < 0x1p31 else { return nil }
            offsets[channel] = Int32(rounded) &+ inputZero &* sums[channel]
        }
    }

    /// That of a fully connected supernode, which takes the input's zero point away exactly.
    ///
    /// Source: nnlib hexagon/ops/src/op_superfc_d32.c, `fill_info_minmax_basics`, `fill_bias_buf`.
    init(fullyConnected operands: ConvolutionOperands, weightStep: Float, count: Int) {
        let productStep = RangeArithmetic.stepAndZero(operands.inputLow, operands.inputHigh).step * weightStep
        self.init(
            low: operands.outputLow, high: operands.outputHigh, productStep: productStep,
            factors: ChannelFactors(channelScales: nil, weightScales: nil), count: count)
        offsets = Self.biases(
            operands.bias, low: operands.biasLow, high: operands.biasHigh, outputLow: outputLow,
            productStep: productStep, count: count
        ).map(RangeArithmetic.nearest)
    }

    /// Everything but the offsets.
    private init(low: Float, high: Float, productStep: Float, factors: ChannelFactors, count: Int) {
        var range = HexagonRange(min: low, max: high)
        if low < 0 { range = range.adjustedForZero(fixed: [.min, .max]) }
        (outputLow, outputHigh) = (range.min, range.max)
        let outputStep = RangeArithmetic.dividedBy255(outputHigh - outputLow)
        (multipliers, shift) = Self.multipliers(
            productStep: productStep, outputStep: outputStep, factors: factors, count: count)
        offsets = [Int32](repeating: 0, count: count)
    }

    /// Bias and output zero in steps of products; channels beyond the bias have none.
    private static func biases(
        _ bias: [Int32], low: Float, high: Float, outputLow: Float, productStep: Float, count: Int
    ) -> [Float] {
        let ratio = (high - low) / 0x1p32 / productStep
        let lowest = -outputLow / productStep
        return (0..<count).map { Float($0 < bias.count ? bias[$0] : 0) * ratio + lowest }
    }

    /// With the multipliers of the first 32 channels for every 32.
    func repeatingFirstMultipliers() -> ConvolutionRequantization {
        var copy = self
        for channel in multipliers.indices { copy.multipliers[channel] = multipliers[channel % 32] }
        return copy
    }

    /// The output code of a sum.
    @inline(__always)
    func code(_ sum: Int32, _ channel: Int) -> UInt8 {
        let shifted = (sum &+ offsets[channel]) &<< shift
        return RangeArithmetic.packed(RangeArithmetic.product31(shifted, multipliers[channel]))
    }

    /// Multipliers with 31 - `shift` fractional bits; `shift` is that of the channel with the largest factor.
    static func multipliers(
        productStep: Float, outputStep: Float, factors: ChannelFactors, count: Int
    ) -> (multipliers: [Int32], shift: Int32) {
        let gain = factors.largest * productStep / outputStep
        let shift = gain <= 1 ? 0 : RangeArithmetic.exponent(gain)
        func multiplier(_ gain: Float) -> Int32 { Int32(min(RangeArithmetic.roundedUnsigned(gain), 0x7FFF_FFFF)) }
        guard let values = factors.values else {
            let common = multiplier(RangeArithmetic.scaled(gain, byPowerOfTwo: 31 - shift))
            return ([Int32](repeating: common, count: count), Int32(shift))
        }
        let common = RangeArithmetic.scaled(productStep / outputStep, byPowerOfTwo: 31 - shift)
        return (values.map { multiplier(common * $0) }, Int32(shift))
    }
}

/// By what the steps of single output channels differ from the common one.
struct ChannelFactors {
    /// Channel scale over weight scale; nil when no channel can differ.
    let values: [Float]?
    let inverses: [Float]?
    /// The largest factor, at least 1.
    let largest: Float

    /// Source: nnlib hexagon/include/supernode_utils.h, `find_k_kinv`.
    init(channelScales: [Float]?, weightScales: [Float]?) {
        guard let weightScales else {
            values = channelScales
            inverses = channelScales?.map { $0 == 1 ? 1 : 1 / $0 }
            largest = 1
            return
        }
        var values: [Float] = []
        var inverses: [Float] = []
        for (channel, weightScale) in weightScales.enumerated() {
            let scale = channelScales?[channel] ?? 1
            values.append(weightScale == 1 ? scale : scale / weightScale)
            inverses.append(scale == 1 ? weightScale : weightScale / scale)
        }
        self.values = values
        self.inverses = inverses
        largest = values.reduce(1, max)
    }
}
