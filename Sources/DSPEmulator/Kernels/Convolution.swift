import TensorCore

extension HexagonKernels {
    /// Bytes of the vector memory that the library asks for; a slice of 32 filters that exceeds it keeps unsigned weights.
    static let vectorMemory = 256 * 1024

    /// The supernodes: convolution, bias, clamp and requantisation in one.
    ///
    /// The flat operator runs as the one that preparation puts in its place. Weights are unsigned on v60, in the kernel for
    /// a depth up to 4, where a slice of them exceeds the vector memory, and on v66 with a horizontal stride above 2.
    ///
    /// Source: nnlib hexagon/ops/src/op_supernode_new.c, `supernode_check`, `shortin_supernode_check`;
    /// hexagon/src/prepare.c, `do_make_supernode_3322`, `depth32_replacement_op`, `do_convert_to_short_conv`.
    static func convolution(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        let operands = try ConvolutionOperands(node, inputs) { $0[3] }
        let filter = operands.filter
        let depth = filter.shape[2]
        var isShallow = node.op == .inputSupernode
        if isShallow || node.op == .supernode3322, operands.channelScales != nil {
            throw Diagnostic(
                .unsupported, at: node.op.rawValue, "channel scales, which preparation puts into the weights")
        }
        if node.op == .supernode3322 { return try twoChannelConvolution(node, operands) }
        if node.op == .supernode, inputs.count < 13 {
            let isUnit = operands.strideHeight == 1 && operands.strideWidth == 1
            if filter.shape == Shape([3, 3, 2, 2]), isUnit { return try twoChannelConvolution(node, operands) }
            isShallow = depth <= 4 && operands.strideWidth <= 4
            if isShallow, operands.strideWidth == 3 { return try flatConvolution(node, operands) }
        }
        if isShallow, depth > 4 || operands.strideWidth > 4 {
            throw Diagnostic(.unsupported, at: node.op.rawValue, "a depth or horizontal stride above 4")
        }

        let (weightStep, weightZero) = RangeArithmetic.stepAndZero(operands.filterLow, operands.filterHigh)
        let slice = filter.shape[0] * filter.shape[1] * ((depth + 31) / 32 * 32) * 32
        let isSigned =
            switch architecture {
            case .v60: false
            case .v65: !isShallow && slice <= vectorMemory
            case .v66: !isShallow && slice <= vectorMemory && operands.strideWidth <= 2
            }
        let weights =
            isSigned
            ? ConvolutionWeights(signed: filter, zero: weightZero)
            : ConvolutionWeights(unsigned: filter, zero: weightZero, depthMultiple: isShallow ? 4 : 32)
        let factors = ChannelFactors(
            channelScales: isShallow ? nil : operands.channelScales,
            weightScales: weights.mayBeScaled ? weights.scales : nil)
        guard
            let requantization = ConvolutionRequantization(
                operands, weightStep: weightStep, sums: weights.sums, factors: factors)
        else { throw Diagnostic(.unsupported, at: node.op.rawValue, "a bias leaves 32 bits") }
        let input = operands.input.shape
        let loops = ConvolutionLoops(
            weights: weights, codes: requantization, filterHeight: filter.shape[0],
            filterWidth: filter.shape[1], strideHeight: operands.strideHeight, strideWidth: operands.strideWidth,
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
