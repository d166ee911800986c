import GraphIR
import Operators
import TensorCore

extension DelegateGraphBuilder {
    /// Dilated depthwise convolution: space to batch, convolution without padding, batch to space.
    ///
    /// Source: hexagon/builders/conv_2d_builder.cc, BuildDilatedDwConv.
    mutating func lowerDilated(
        _ item: OperatorLowering, _ form: ConvolutionForm, node: Int, dataRange: [HexagonReference],
        _ constants: ConvolutionConstants
    ) throws -> [HexagonReference] {
        let (data, output) = (try item.input(0), try item.output())
        let (inputShape, outputShape) = (shape(of: data), shape(of: output))
        let (rows, columns) = (form.dilation.height, form.dilation.width)
        let height = SpaceToBatchExtent(
            input: inputShape[1], window: constants.weightShape[0], dilation: rows, padding: form.padding)
        let width = SpaceToBatchExtent(
            input: inputShape[2], window: constants.weightShape[1], dilation: columns, padding: form.padding)
        let blocks = integers([rows, columns], shape: [1, 1, 1, 2])
        let paddings = integers([height.before, height.after, width.before, width.after], shape: [1, 1, 2, 2])
        let crops = integers([0, height.extra, 0, width.extra], shape: [1, 1, 2, 2])

        setOperator(node, .spaceToBatch)
        let spread = complete(
            node, [try home(of: data), blocks, paddings] + dataRange,
            shape: [inputShape[0] * rows * columns, height.spread, width.spread, inputShape[3]])
        let convolution = reserve(.depthwiseSupernode, source: item.index)
        setPadding(convolution, .valid)
        let convolved = complete(
            convolution, constants.operands(data: spread[0], dataRange: dataRange),
            shape: [outputShape[0] * rows * columns] + outputShape[1...])
        return complete(
            reserve(.batchToSpace, source: item.index),
            [convolved[0], blocks, crops] + constants.outputRange, shape: outputShape)
    }

    /// 5x5 depthwise convolution with stride 2 and a scale for every channel: 32 channels at a time, put together again.
    ///
    /// Source: hexagon/builders/conv_2d_builder.cc, BuildSplittedDwConv.
    mutating func lowerSplitDepthwise(
        _ item: OperatorLowering, _ form: ConvolutionForm, node: Int, dataRange: [HexagonReference],
        _ constants: ConvolutionConstants
    ) throws -> [HexagonReference] {
        let (data, output) = (try item.input(0), try item.output())
        let (inputShape, outputShape) = (shape(of: data), shape(of: output))
        let width = ConvolutionForm.splitWidth
        let end = HexagonOutput(Self.scalar, elementSize: 4)
        let count = constants.splitWeights.count
        setOperator(node, .split)
        let axis = integer(3)
        let part = HexagonOutput(inputShape.dropLast() + [width], elementSize: 1)
        let parts = complete(
            node, [axis, try home(of: data)] + dataRange, [HexagonOutput](repeating: part, count: count) + [end, end])
        let convolved = (0..<count).map { index in
            let convolution = reserve(.depthwiseSupernode, source: item.index)
            setPadding(convolution, form.padding)
            return complete(
                convolution, constants.operands(data: parts[index], dataRange: Array(parts[count...]), part: index),
                shape: outputShape.dropLast() + [width])
        }
        let operands = (0..<3).flatMap { result in convolved.map { $0[result] } }
        return complete(
            reserve(.concat, source: item.index), [axis] + operands + constants.outputRange, shape: outputShape)
    }
}

/// One axis of a space-to-batch in front of a dilated convolution.
///
/// Source: hexagon/builders/conv_2d_builder.cc, ComputeSpaceToBatchParams and PopulateSpaceToBatchOutputDims.
private struct SpaceToBatchExtent {
    var before: Int
    var after: Int
    /// Padding only so that blocks are whole; it is cropped again.
    var extra: Int
    /// Extent of every block's part.
    var spread: Int

    init(input: Int, window: Int, dilation: Int, padding: HexagonPadding) {
        let reach = padding == .same ? dilation * (window - 1) : 0
        before = reach / 2
        let full = input + reach
        extra = (dilation - full % dilation) % dilation
        after = reach - reach / 2 + extra
        spread = (before + input + after) / dilation
    }
}
