import TensorCore

/// The operands of a convolution of the library, in its order of inputs.
struct ConvolutionOperands {
    let input: Tensor
    let inputLow: Float
    let inputHigh: Float
    /// Codes `[height, width, depth, filters]`; of depthwise convolutions `[height, width, depth, multiplier]`.
    let filter: Tensor
    let filterLow: Float
    let filterHigh: Float
    let strideHeight: Int
    let strideWidth: Int
    let bias: [Int32]
    let biasLow: Float
    let biasHigh: Float
    let outputLow: Float
    let outputHigh: Float
    /// One factor per output channel; nil without, and for the scalar 1 that stands for that.
    let channelScales: [Float]?

    /// - Parameter hasStrides: false for fully connected layers, which lack that input and those after it move up.
    /// - Throws: `Diagnostic` (.unsupported) for operands that the library refuses, and for an output range that it would
    ///   have to estimate.
    init(_ node: HexagonNode, _ inputs: [Tensor], hasStrides: Bool = true, outputDepth: (Shape) -> Int) throws {
        let operands = try KernelInputs(node, inputs, count: hasStrides ? 12...13 : 11...11)
        input = try operands.tensor(0, .uint8)
        filter = try operands.tensor(1, .uint8)
        inputLow = try operands.scalar(2)
        inputHigh = max(try operands.scalar(3), inputLow + 1e-18)
        filterLow = try operands.scalar(4)
        filterHigh = try operands.scalar(5)
        let strides = hasStrides ? inputs[6].shape.dimensions : [1, 1, 1, 1]
        guard strides.count == 4, strides[1] >= 1, strides[2] >= 1 else {
            throw operands.refused("strides of shape \(inputs[6].shape)")
        }
        strideHeight = strides[1]
        strideWidth = strides[2]
        let next = hasStrides ? 7 : 6
        bias = try operands.tensor(next, .int32).elements()
        biasLow = try operands.scalar(next + 1)
        biasHigh = try operands.scalar(next + 2)
        outputLow = try operands.scalar(next + 3)
        outputHigh = try operands.scalar(next + 4)
        let scales = inputs.count == 13 ? try operands.numbers(12) : [1]
        channelScales = scales == [1] ? nil : scales

        if hasStrides, filter.shape[2] != input.shape[3] {
            throw operands.refused("filter depth \(filter.shape[2]) for input depth \(input.shape[3])")
        }
        guard inputLow.isFinite, inputHigh.isFinite else { throw operands.refused("the input range is not finite") }
        guard outputLow.isFinite, outputHigh.isFinite else {
            throw operands.refused("an output range that the library would estimate is not built")
        }
        guard outputLow <= 0, outputHigh >= 0, outputLow < outputHigh else {
            throw operands.refused("invalid output range \(outputLow) to \(outputHigh)")
        }
        if let channelScales {
            let depth = outputDepth(filter.shape)
            guard channelScales.count == depth else {
                throw operands.refused("\(channelScales.count) channel scales for \(depth) channels")
            }
            for scale in channelScales where !(scale >= 1 / 2048 && scale <= 1) {
                throw operands.refused("channel scale \(scale) outside of 1/2048 to 1")
            }
        }
    }
}

/// How a window walks along one axis.
struct ConvolutionExtent {
    let count: Int
    /// Positions before the first that the first window covers.
    let padding: Int

    /// Source: nnlib hexagon/include/nn_graph_padding.h, `nn_pad_compute_outsize_padding`.
    init(input: Int, window: Int, stride: Int, padding: HexagonPadding) {
        guard padding != .valid else {
            self.init(count: input >= window ? (input - window) / stride + 1 : 0, padding: 0)
            return
        }
        let count = (padding == .none ? input : input + stride - 1) / stride
        self.init(count: count, padding: count > 0 ? max((count - 1) * stride - input + window, 0) / 2 : 0)
    }

    init(count: Int, padding: Int) {
        self.count = count
        self.padding = padding
    }
}
