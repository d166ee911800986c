import GraphIR
import Operators
import TensorCore

/// What both kinds of convolution have in common.
struct ConvolutionForm {
    var isDepthwise: Bool
    var stride: Extent2D
    var dilation: Extent2D
    var padding: HexagonPadding
    var activation: Activation
    var multiplier = 1

    init(_ op: Conv2D) {
        isDepthwise = false
        stride = op.stride
        dilation = op.dilation
        padding = HexagonPadding(op.padding)
        activation = op.activation
    }

    init(_ op: DepthwiseConv2D) {
        isDepthwise = true
        stride = op.stride
        dilation = op.dilation
        padding = HexagonPadding(op.padding)
        activation = op.activation
        multiplier = op.depthMultiplier
    }
}

/// The constants of a convolution as its node reads them.
struct ConvolutionConstants {
    var weights: HexagonReference
    /// Height, width, input channels and filters, or multiplier of depthwise convolutions.
    var weightShape: [Int]
    var weightRange: [HexagonReference] = []
    var stride: HexagonReference?
    var outputRange: [HexagonReference] = []
    var bias: HexagonReference?
    var biasRange: [HexagonReference] = []
    var scales: ChannelScales?
    /// Weights, scales and biases of 32 channels each; empty unless the convolution is split.
    var splitWeights: [HexagonReference] = []
    var splitScales: [HexagonReference] = []
    var splitBiases: [HexagonReference] = []
}

extension DelegateGraphBuilder {
    /// A supernode of convolution, bias and clamp. Where the fused activation bounds a range more than 0.01 away from that of
    /// the result, a requantisation follows.
    ///
    /// Source: hexagon/builders/conv_2d_builder.cc, PopulateSubGraph.
    mutating func lowerConvolution(_ item: OperatorLowering, _ form: ConvolutionForm) throws {
        let (data, output) = (try item.input(0), try item.output())
        let node = reserve(form.isDepthwise ? .depthwiseSupernode : .supernode, source: item.index)
        let dataRange = try rangeConstants(of: data)
        var constants = try weightConstants(item, form)
        constants.stride = extents(height: form.stride.height, width: form.stride.width)

        let declared = try range(of: output)
        let bounds = form.activation.bounds
        let range = (min: bounds.lower ?? declared.min, max: bounds.upper ?? declared.max)
        constants.outputRange = [number(range.min), number(range.max)]
        try addBias(item, data: data, &constants)

        // With one input channel the multiplier counts filters.
        if form.multiplier > 1 { setOperator(node, .supernode) }
        let result: [HexagonReference]
        if form.isDepthwise, form.dilation != Extent2D(1) {
            result = try lowerDilated(item, form, node: node, dataRange: dataRange, constants)
        } else if !constants.splitWeights.isEmpty {
            result = try lowerSplitDepthwise(item, form, node: node, dataRange: dataRange, constants)
        } else {
            setPadding(node, form.padding)
            let operands = constants.operands(data: try home(of: data), dataRange: dataRange)
            result = complete(node, operands, shape: shape(of: output))
        }
        let isFar = abs(range.min - declared.min) > 0.01 || abs(range.max - declared.max) > 0.01
        guard form.activation != .none, isFar else { return register(output, at: result[0]) }
        let ends = [number(declared.min), number(declared.max)]
        register(output, at: requantize(result, to: ends, shape: shape(of: output), source: item.index))
    }

    /// Weights in the library's order: height, width, input channel, filter.
    ///
    /// Source: hexagon/builders/conv_2d_helpers.cc, InitializeWeightsNodes.
    private mutating func weightConstants(
        _ item: OperatorLowering, _ form: ConvolutionForm
    ) throws -> ConvolutionConstants {
        let tensor = try item.input(1)
        let codes = try unsignedCodes(of: tensor)
        let shape = shape(of: tensor)
        let scales = try channelScales(of: tensor)
        var constants: ConvolutionConstants
        if form.isDepthwise {
            let inputDepth = self.shape(of: try item.input(0))[3]
            guard inputDepth > 0 else { throw buildFailure("there are no channels") }
            let library = [shape[1], shape[2], inputDepth, shape[3] / inputDepth]
            constants = ConvolutionConstants(
                weights: constant(Tensor(codes, shape: Shape(library))), weightShape: library)
            if form.splits(library, isPerChannel: scales != nil, type: listing[tensor: tensor].type.elementType) {
                constants.splitWeights = split(codes, library)
            }
        } else {
            let library = [shape[1], shape[2], shape[3], shape[0]]
            let ordered = filtersLast(codes, filters: shape[0])
            constants = ConvolutionConstants(
                weights: constant(Tensor(ordered, shape: Shape(library))), weightShape: library)
        }
        move(tensor, to: constants.weights)
        if let scales {
            constants.scales = scales
            let relative = addScales(scales)
            constants.scales?.constant = relative
            if !constants.splitWeights.isEmpty {
                constants.splitScales = slices(scales.relative).map { slice in
                    constant(Tensor(slice, shape: [1, 1, 1, slice.count]))
                }
            }
            constants.weightRange = [number(-128 * scales.largest), number(127 * scales.largest)]
        } else {
            constants.weightRange = try rangeConstants(of: tensor)
        }
        return constants
    }

    /// Source: hexagon/builders/conv_2d_helpers.cc, InitializeBiasNodes.
    private mutating func addBias(
        _ item: OperatorLowering, data: Int, _ constants: inout ConvolutionConstants
    ) throws {
        let tensor = try item.input(2)
        if let scales = constants.scales {
            let bias = try rescaledBias(tensor, scales, data: data)
            constants.bias = integers(bias.codes, shape: [1, 1, 1, bias.codes.count])
            constants.bias.map { move(tensor, to: $0) }
            if !constants.splitWeights.isEmpty {
                constants.splitBiases = slices(bias.codes).map { integers($0, shape: [1, 1, 1, $0.count]) }
            }
            constants.biasRange = [number(bias.min), number(bias.max)]
        } else {
            let bias = try addConstant(tensor)
            constants.bias = bias
            move(tensor, to: bias)
            constants.biasRange = try rangeConstants(of: tensor)
        }
    }

    /// `[filter][rest]` to `[rest][filter]`.
    private func filtersLast(_ codes: [UInt8], filters: Int) -> [UInt8] {
        guard filters > 0 else { return codes }
        let rest = codes.count / filters
        var ordered = [UInt8](repeating: 0, count: codes.count)
        for filter in 0..<filters {
            for index in 0..<rest { ordered[index * filters + filter] = codes[filter * rest + index] }
        }
        return ordered
    }

    /// Depthwise weights cut into 32 channels each.
    private mutating func split(_ codes: [UInt8], _ shape: [Int]) -> [HexagonReference] {
        let (area, depth, width) = (shape[0] * shape[1], shape[2], ConvolutionForm.splitWidth)
        return stride(from: 0, to: depth, by: width).map { first in
            let part = (0..<area).flatMap { codes[$0 * depth + first..<$0 * depth + first + width] }
            return constant(Tensor(part, shape: [shape[0], shape[1], width, 1]))
        }
    }

    private func slices<T>(_ values: [T]) -> [[T]] {
        stride(from: 0, to: values.count, by: ConvolutionForm.splitWidth).map {
            Array(values[$0..<min($0 + ConvolutionForm.splitWidth, values.count)])
        }
    }
}

extension ConvolutionForm {
    /// Channels of one part of a split depthwise convolution.
    static let splitWidth = 32

    /// True for the depthwise convolutions that the delegate splits because the library computes them wrongly.
    ///
    /// Source: hexagon/builders/conv_2d_helpers.cc, CheckShouldSplitDwConv.
    fileprivate func splits(_ weights: [Int], isPerChannel: Bool, type: ElementType) -> Bool {
        weights[0] == 5 && weights[1] == 5 && type == .int8 && stride.height >= 2 && stride.width >= 2
            && weights[2] > Self.splitWidth && weights[2] % Self.splitWidth == 0 && isPerChannel && weights[3] == 1
    }
}

extension ConvolutionConstants {
    /// The operands of the node in its order; weights, bias and scales of one part where the convolution is split.
    func operands(
        data: HexagonReference, dataRange: [HexagonReference], part: Int? = nil
    ) -> [HexagonReference] {
        let weights = part.map { splitWeights[$0] } ?? weights
        let bias = part.map { splitBiases[$0] } ?? bias
        let scales = part.map { splitScales[$0] } ?? scales?.constant
        return [data, weights] + dataRange + weightRange + [stride, bias].compactMap { $0 } + biasRange + outputRange
            + [scales].compactMap { $0 }
    }
}
