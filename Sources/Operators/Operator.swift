import TensorCore

/// The closed set of operators. Each means exactly what the TFLite builtin of the same name means, operands in the same
/// order; image operators are NHWC. Shapes, axes, paddings and permutations that TFLite passes as tensors are constant
/// operands here as well (int32).
public enum Operator: Sendable, Hashable {
    // Convolution
    case conv2D(Conv2D)
    case depthwiseConv2D(DepthwiseConv2D)
    case transposeConv(TransposeConv)
    // MatrixMultiply
    case fullyConnected(FullyConnected)
    case batchMatMul(BatchMatMul)
    // Pooling
    case averagePool2D(Pool2D)
    case maxPool2D(Pool2D)
    // Elementwise
    case binary(Binary)
    case compare(Comparison)
    case logical(Logical)
    case unary(Unary)
    case leakyRelu(alpha: Float)
    case gelu(approximate: Bool)
    case prelu
    case select
    case cast(to: ElementType)
    /// The same bytes read as another type; see `Inference.bitcast`.
    case bitcast(to: ElementType)
    // Normalization
    case softmax(beta: Float)
    case logSoftmax
    // Reduction
    case reduce(Reduction)
    case argument(ArgumentReduction)
    case topK
    case cumulativeSum(exclusive: Bool, reverse: Bool)
    // Layout
    case reshape
    case transpose
    case concatenation(axis: Int, activation: Activation)
    case split(count: Int)
    case splitV(count: Int)
    case slice
    case stridedSlice(StridedSlice)
    case pad
    case padV2
    case mirrorPad(MirrorPadMode)
    case pack(axis: Int, count: Int)
    case unpack(axis: Int, count: Int)
    case expandDims
    case squeeze(axes: [Int])
    case tile
    case broadcastTo
    case reverse
    case depthToSpace(blockSize: Int)
    case spaceToDepth(blockSize: Int)
    case batchToSpaceND
    case spaceToBatchND
    case shape(ElementType)
    case fill
    case range
    // Gather
    case gather(axis: Int, batchDimensions: Int)
    case gatherND
    case scatterND
    case oneHot(axis: Int)
    // Resize
    case resizeBilinear(ResizeOptions)
    case resizeNearestNeighbor(ResizeOptions)
    // Quantize
    case quantize(to: ElementType)
    case dequantize
}

/// The function fused behind an operator's result.
public enum Activation: String, Sendable, Hashable, CaseIterable {
    case none, relu, reluN1To1, relu6
    /// The closed interval of real results; unbounded ends are nil.
    public var bounds: (lower: Float?, upper: Float?) {
        switch self {
        case .none: (nil, nil)
        case .relu: (0, nil)
        case .reluN1To1: (-1, 1)
        case .relu6: (0, 6)
        }
    }
}

extension Operator {
    /// The name of the TFLite builtin, as in `BuiltinOperator`.
    public var name: String {
        switch self {
        case .conv2D: "CONV_2D"
        case .depthwiseConv2D: "DEPTHWISE_CONV_2D"
        case .transposeConv: "TRANSPOSE_CONV"
        case .fullyConnected: "FULLY_CONNECTED"
        case .batchMatMul: "BATCH_MATMUL"
        case .averagePool2D: "AVERAGE_POOL_2D"
        case .maxPool2D: "MAX_POOL_2D"
        case .binary(let binary): binary.kind.rawValue
        case .compare(let kind): kind.rawValue
        case .logical(let kind): kind.rawValue
        case .unary(let kind): kind.rawValue
        case .leakyRelu: "LEAKY_RELU"
        case .gelu: "GELU"
        case .prelu: "PRELU"
        case .select: "SELECT_V2"
        case .cast: "CAST"
        case .bitcast: "BITCAST"
        case .softmax: "SOFTMAX"
        case .logSoftmax: "LOG_SOFTMAX"
        case .reduce(let reduction): reduction.kind.rawValue
        case .argument(let reduction): reduction.kind.rawValue
        case .topK: "TOPK_V2"
        case .cumulativeSum: "CUMSUM"
        case .reshape: "RESHAPE"
        case .transpose: "TRANSPOSE"
        case .concatenation: "CONCATENATION"
        case .split: "SPLIT"
        case .splitV: "SPLIT_V"
        case .slice: "SLICE"
        case .stridedSlice: "STRIDED_SLICE"
        case .pad: "PAD"
        case .padV2: "PADV2"
        case .mirrorPad: "MIRROR_PAD"
        case .pack: "PACK"
        case .unpack: "UNPACK"
        case .expandDims: "EXPAND_DIMS"
        case .squeeze: "SQUEEZE"
        case .tile: "TILE"
        case .broadcastTo: "BROADCAST_TO"
        case .reverse: "REVERSE_V2"
        case .depthToSpace: "DEPTH_TO_SPACE"
        case .spaceToDepth: "SPACE_TO_DEPTH"
        case .batchToSpaceND: "BATCH_TO_SPACE_ND"
        case .spaceToBatchND: "SPACE_TO_BATCH_ND"
        case .shape: "SHAPE"
        case .fill: "FILL"
        case .range: "RANGE"
        case .gather: "GATHER"
        case .gatherND: "GATHER_ND"
        case .scatterND: "SCATTER_ND"
        case .oneHot: "ONE_HOT"
        case .resizeBilinear: "RESIZE_BILINEAR"
        case .resizeNearestNeighbor: "RESIZE_NEAREST_NEIGHBOR"
        case .quantize: "QUANTIZE"
        case .dequantize: "DEQUANTIZE"
        }
    }

    /// The payload as text, for printing: the Swift case with its associated values.
    public var attributes: String {
        guard let payload = Mirror(reflecting: self).children.first?.value else { return "" }
        let fields = Mirror(reflecting: payload).children
        if fields.isEmpty { return "\(payload)" }
        return fields.map { "\($0.label ?? "value")=\($0.value)" }.joined(separator: " ")
    }
}
