import TensorCore

/// How a window is placed on the border, as TFLite names it.
public enum Padding: String, Sendable, Hashable {
    /// Output extent `ceil(input / stride)`; the odd element of padding goes behind.
    case same
    /// Only whole windows.
    case valid
}

/// Height and width of a stride, dilation or window.
public struct Extent2D: Sendable, Hashable, CustomStringConvertible {
    public var height: Int
    public var width: Int
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }
    public init(_ both: Int) { self.init(height: both, width: both) }
    public var description: String { "\(height)x\(width)" }
}

/// CONV_2D. Operands: input `[N,H,W,C]`, weights `[O,KH,KW,C/groups]`, optional bias `[O]`.
/// Groups are implied by the weights' last extent.
public struct Conv2D: Sendable, Hashable {
    public var stride: Extent2D
    public var dilation: Extent2D
    public var padding: Padding
    public var activation: Activation
    public init(
        stride: Extent2D = Extent2D(1), dilation: Extent2D = Extent2D(1), padding: Padding,
        activation: Activation = .none
    ) {
        self.stride = stride
        self.dilation = dilation
        self.padding = padding
        self.activation = activation
    }
}

/// DEPTHWISE_CONV_2D. Operands: input `[N,H,W,C]`, weights `[1,KH,KW,C*depthMultiplier]`, optional bias.
public struct DepthwiseConv2D: Sendable, Hashable {
    public var stride: Extent2D
    public var dilation: Extent2D
    public var padding: Padding
    public var depthMultiplier: Int
    public var activation: Activation
    public init(
        stride: Extent2D = Extent2D(1), dilation: Extent2D = Extent2D(1), padding: Padding, depthMultiplier: Int = 1,
        activation: Activation = .none
    ) {
        self.stride = stride
        self.dilation = dilation
        self.padding = padding
        self.depthMultiplier = depthMultiplier
        self.activation = activation
    }
}

/// TRANSPOSE_CONV. Operands: output shape int32 `[4]`, weights `[O,KH,KW,C]`, input `[N,H,W,C]`, optional bias `[O]`.
public struct TransposeConv: Sendable, Hashable {
    public var stride: Extent2D
    public var padding: Padding
    public var activation: Activation
    public init(stride: Extent2D, padding: Padding, activation: Activation = .none) {
        self.stride = stride
        self.padding = padding
        self.activation = activation
    }
}

/// Where a sliding window lies along one axis.
///
/// Source: LiteRT `ComputeOutSize` and `ComputePaddingWithOffset` (kernels/padding.h).
public struct WindowGeometry: Sendable, Hashable {
    public var output: Int
    /// Padding in front of the first element.
    public var before: Int

    public init(input: Int, window: Int, stride: Int, dilation: Int = 1, padding: Padding) {
        let effective = (window - 1) * dilation + 1
        switch padding {
        case .same: output = (input + stride - 1) / stride
        case .valid: output = input >= effective ? (input - effective + stride) / stride : 0
        }
        before = max(0, ((output - 1) * stride + effective - input)) / 2
        if padding == .valid { before = 0 }
    }

    /// Padding in front for TRANSPOSE_CONV, which counts from the output's extent.
    public static func transposedBefore(output: Int, input: Int, window: Int, stride: Int, padding: Padding) -> Int {
        padding == .same ? WindowGeometry(input: output, window: window, stride: stride, padding: .same).before : 0
    }
}

extension Inference {
    static func conv2D(_ op: Conv2D, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0, rank: 4)
        let weights = try operands.type(1, rank: 4)
        try positive(op.stride, op.dilation)
        let groupChannels = weights.shape[3]
        guard groupChannels > 0, input.shape[3] % groupChannels == 0 else {
            throw mismatch("weights \(weights.shape) do not fit \(input.shape[3]) input channels")
        }
        let groups = input.shape[3] / groupChannels
        guard groups > 0, weights.shape[0] % groups == 0 else {
            throw mismatch("\(weights.shape[0]) output channels cannot be divided into \(groups) groups")
        }
        try operands.checkBias(2, count: weights.shape[0])
        let h = try window(input.shape[1], weights.shape[1], op.stride.height, op.dilation.height, op.padding)
        let w = try window(input.shape[2], weights.shape[2], op.stride.width, op.dilation.width, op.padding)
        return [TensorType(input.elementType, [input.shape[0], h, w, weights.shape[0]])]
    }

    static func depthwiseConv2D(_ op: DepthwiseConv2D, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0, rank: 4)
        let weights = try operands.type(1, rank: 4)
        try positive(op.stride, op.dilation)
        guard input.shape[3] > 0, weights.shape[0] == 1, op.depthMultiplier > 0,
            op.depthMultiplier < 1 << 24, weights.shape[3] == input.shape[3] * op.depthMultiplier
        else { throw mismatch("depthwise weights \(weights.shape) do not fit input \(input.shape)") }
        try operands.checkBias(2, count: weights.shape[3])
        let h = try window(input.shape[1], weights.shape[1], op.stride.height, op.dilation.height, op.padding)
        let w = try window(input.shape[2], weights.shape[2], op.stride.width, op.dilation.width, op.padding)
        return [TensorType(input.elementType, [input.shape[0], h, w, weights.shape[3]])]
    }

    static func transposeConv(_ op: TransposeConv, _ operands: Operands) throws -> [TensorType] {
        let shape = try operands.shapeOperand(0)
        let weights = try operands.type(1, rank: 4)
        let input = try operands.type(2, rank: 4)
        try positive(op.stride, Extent2D(1))
        guard shape.rank == 4, shape[0] == input.shape[0], shape[3] == weights.shape[0],
            weights.shape[3] == input.shape[3]
        else { throw mismatch("output \(shape), weights \(weights.shape) and input \(input.shape) do not fit") }
        let h = WindowGeometry(input: shape[1], window: weights.shape[1], stride: op.stride.height, padding: op.padding)
        let w = WindowGeometry(input: shape[2], window: weights.shape[2], stride: op.stride.width, padding: op.padding)
        guard h.output == input.shape[1], w.output == input.shape[2] else {
            throw mismatch("an output of \(shape) cannot come from an input of \(input.shape)")
        }
        try operands.checkBias(3, count: weights.shape[0])
        return [TensorType(input.elementType, shape)]
    }

    /// Output extent of a window; refuses absurd attributes, which broken files have.
    static func window(_ input: Int, _ window: Int, _ stride: Int, _ dilation: Int, _ padding: Padding) throws -> Int {
        guard window > 0, window < 1 << 20, dilation < 1 << 20, input < 1 << 40 else {
            throw mismatch("a window of \(window) with dilation \(dilation) on \(input)")
        }
        let output = WindowGeometry(
            input: input, window: window, stride: stride, dilation: dilation, padding: padding
        ).output
        guard output > 0 || input == 0 else { throw mismatch("a window of \(window) does not fit into \(input)") }
        return output
    }

    static func positive(_ extents: Extent2D...) throws {
        for extent in extents where !(1..<1 << 20 ~= extent.height && 1..<1 << 20 ~= extent.width) {
            throw mismatch("strides and dilations are at least 1, not \(extent)")
        }
    }
}
