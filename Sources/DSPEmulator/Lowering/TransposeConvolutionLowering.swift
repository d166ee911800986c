import GraphIR
import Operators
import TensorCore

extension DelegateGraphBuilder {
    /// Weights stay in the file's order and are read through their cast. Padding is the same on both sides: where the runtime
    /// pads one element more behind, that one is lost.
    ///
    /// Source: hexagon/builders/transpose_conv_2d_builder.cc.
    mutating func lowerTransposeConvolution(_ item: OperatorLowering, _ op: TransposeConv) throws {
        let (weights, data, output) = (try item.input(1), try item.input(2), try item.output())
        let node = reserve(.transposeConv2D, source: item.index)
        let dataHome = try home(of: data)
        guard listing[tensor: weights].constant != nil else {
            throw buildFailure("the weights \(listing[tensor: weights].name) are not a constant")
        }
        let scales = try channelScales(of: weights)
        var operands = [dataHome, try home(of: weights)]
        let scalesConstant = scales.map { addScales($0) }
        let weightRange =
            try scales.map { [number(-128 * $0.largest), number(127 * $0.largest)] } ?? rangeConstants(of: weights)
        operands += try rangeConstants(of: data)
        operands += weightRange

        let (outputShape, window) = (shape(of: output), shape(of: weights))
        func padding(_ axis: Int, _ stride: Int) -> Int {
            WindowGeometry(
                input: outputShape[axis], window: window[axis], stride: stride, padding: op.padding
            ).before
        }
        let (vertical, horizontal) = (padding(1, op.stride.height), padding(2, op.stride.width))
        operands.append(integers([vertical, vertical, horizontal, horizontal], shape: [1, 1, 2, 2]))
        operands.append(extents(height: op.stride.height, width: op.stride.width))
        operands += try transposeConvolutionBias(item, scales, data: data, depth: outputShape[3])
        operands += try rangeConstants(of: output)
        if let scalesConstant { operands.append(scalesConstant) }
        register(output, at: complete(node, operands, shape: outputShape)[0])
    }

    /// The bias and its range; zeros where the operator has none.
    private mutating func transposeConvolutionBias(
        _ item: OperatorLowering, _ scales: ChannelScales?, data: Int, depth: Int
    ) throws -> [HexagonReference] {
        guard item.entry.inputs.count == 4 else {
            let zeros = integers([Int](repeating: 0, count: depth), shape: [1, 1, 1, depth])
            return [zeros, number(0), number(0)]
        }
        let tensor = try item.input(3)
        guard listing[tensor: tensor].constant != nil else {
            throw buildFailure("the bias \(listing[tensor: tensor].name) is not a constant")
        }
        guard let scales else {
            let bias = try addConstant(tensor)
            let ends = try rangeConstants(of: tensor)
            return [bias] + ends
        }
        let bias = try rescaledBias(tensor, scales, data: data)
        let codes = integers(bias.codes, shape: [1, 1, 1, bias.codes.count])
        move(tensor, to: codes)
        return [codes, number(bias.min), number(bias.max)]
    }
}
