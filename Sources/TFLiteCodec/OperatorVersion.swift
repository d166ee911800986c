import Operators
import TensorCore

/// The lowest version of a builtin that covers an operator with these types.
///
/// Source: the published table of LiteRT (converter/tools/versioning/op_version.cc).
struct OperatorVersion {
    private let input: TensorType?
    private let second: TensorType?
    private let output: TensorType?
    private let types: CodedTypes

    static func version(of op: Operator, _ types: CodedTypes) -> Int32 {
        OperatorVersion(
            input: types.input(0).map { hasFourBitVersion(op) ? $0 : $0.inEightBits }, second: types.input(1),
            output: types.outputs.first, types: types
        ).version(of: op)
    }

    /// Whether the published table has a version for int4 data. Other operators have none that takes int4 activations:
    /// theirs is that of int8, whose arithmetic it is.
    private static func hasFourBitVersion(_ op: Operator) -> Bool {
        switch op {
        case .cast, .quantize, .dequantize, .gather, .concatenation, .slice, .transpose: true
        default: false
        }
    }

    private var type: ElementType? { input?.elementType }
    private var rank: Int { input?.shape.rank ?? 0 }
    private func isHybrid(_ data: TensorType?, _ weights: TensorType?) -> Bool {
        data?.elementType == .float32 && weights?.elementType == .int8
    }

    /// 3 for int16, 2 for int8, else 1: the pattern of most operators.
    private var byWidth: Int32 { type == .int16 ? 3 : int8IsTwo }
    private var int8IsTwo: Int32 { type == .int8 ? 2 : 1 }
    private var broadcastsBeyondFourAxes: Bool {
        guard let input, let second, input.shape != second.shape else { return false }
        return max(input.shape.rank, second.shape.rank) > 4
    }

    private func version(of op: Operator) -> Int32 {
        switch op {
        case .conv2D: return conv2D
        case .depthwiseConv2D(let op): return depthwise(op)
        case .transposeConv(let op): return transposeConv(op)
        case .fullyConnected(let op): return fullyConnected(op)
        case .batchMatMul(let op):
            if type == .int16 || type == .int8 { return byWidth }
            return isHybrid(input, second) && op.asymmetricQuantizeInputs ? 4 : 1
        case .averagePool2D, .maxPool2D: return byWidth
        case .binary(let op): return binary(op.kind)
        case .compare(let kind): return comparison(kind)
        case .logical: return 1
        case .unary(let kind): return unary(kind)
        case .leakyRelu: return type == .int16 ? 2 : 1
        case .gelu: return type == .float16 ? 3 : type == .int8 || type == .uint8 ? 2 : 1
        case .prelu: return 1
        case .select: return type == .uint32 ? 2 : 1
        case .cast: return cast
        case .softmax: return type == .float16 ? 4 : byWidth
        case .logSoftmax: return int8IsTwo
        case .reduce(let op): return reduction(op.kind)
        case .argument: return type == .bool ? 3 : int8IsTwo
        case .topK: return byWidth
        case .cumulativeSum, .bitcast: return 1
        case .gather(_, let batchDimensions): return gather(batchDimensions)
        case .gatherND:
            return type == .bool ? 5 : second?.elementType == .int16 ? 4 : type == .int16 ? 3 : 1
        case .scatterND, .oneHot: return 1
        case .resizeBilinear(let options): return type == .int16 ? 4 : options.halfPixelCenters ? 3 : int8IsTwo
        case .resizeNearestNeighbor(let options):
            return type == .int16 ? 4 : options.halfPixelCenters || options.alignCorners ? 3 : int8IsTwo
        case .quantize: return quantize
        case .dequantize: return dequantize
        default: return layout(op)
        }
    }

    // MARK: Convolution and matrix products

    private var conv2D: Int32 {
        let weights = second?.elementType
        if type == .int16, weights == .int8, types.input(2) != nil { return 8 }
        if let input, let second, input.shape.dimensions.last != second.shape.dimensions.last { return 6 }
        if type == .int16 { return 4 }
        if type == .int8, weights == .int8 { return 3 }
        if type == .int8, weights == .int4 { return 7 }
        if isHybrid(input, second) { return second?.quantization?.isPerChannel == true ? 5 : 2 }
        return 1
    }

    private func depthwise(_ op: DepthwiseConv2D) -> Int32 {
        let weights = second?.elementType
        if type == .int16 { return 5 }
        if isHybrid(input, second) { return second?.quantization?.isPerChannel == true ? 6 : 4 }
        if type == .int8, weights == .int8 { return 3 }
        if type == .int8, weights == .int4 { return 7 }
        return op.dilation == Extent2D(1) ? 1 : 2
    }

    private func transposeConv(_ op: TransposeConv) -> Int32 {
        let bias = types.input(3)
        if types.input(2)?.elementType == .int16, bias != nil { return 5 }
        if op.activation != .none { return 4 }
        if bias != nil { return 3 }
        return second?.elementType == .int8 ? 2 : 1
    }

    private func fullyConnected(_ op: FullyConnected) -> Int32 {
        let weights = second?.elementType
        if type == .int16, weights == .int4 { return 13 }
        if isHybrid(input, second), second?.quantization?.isPerChannel == true { return 12 }
        if type == .int16, weights == .int8, types.input(2) != nil { return 11 }
        if type == .int16 { return 7 }
        if type == .int8, weights == .int4 { return 10 }
        if isHybrid(input, second), op.asymmetricQuantizeInputs { return 9 }
        if types.inputs.count == 2 { return 6 }
        if op.keepDimensions { return 5 }
        if type == .int8, weights == .int8 { return 4 }
        return isHybrid(input, second) ? 3 : 1
    }

    // MARK: Elementwise

    private func binary(_ kind: Binary.Kind) -> Int32 {
        let isQuantized = input?.quantization != nil
        switch kind {
        case .add:
            if type == .float16 { return 6 }
            if type == .int16 { return isQuantized ? 3 : 5 }
            return type == .int64 ? 4 : int8IsTwo
        case .sub:
            if type == .int16 { return 5 }
            if type == .int64 { return 4 }
            return broadcastsBeyondFourAxes ? 3 : int8IsTwo
        case .mul:
            if type == .float16 { return 8 }
            if type == .uint32 || (type == .int16 && !isQuantized) { return 7 }
            if type == .int64 { return 5 }
            if type == .int16 { return 4 }
            if let a = input?.quantization?.scale, let b = second?.quantization?.scale,
                let c = output?.quantization?.scale, a * b / c >= 1
            {
                return 3
            }
            return int8IsTwo
        case .div: return broadcastsBeyondFourAxes ? 2 : 1
        case .maximum, .minimum:
            return type == .int16 ? 4 : broadcastsBeyondFourAxes ? 3 : int8IsTwo
        case .squaredDifference: return int8IsTwo
        case .floorDiv: return type == .int16 || type == .int8 ? 3 : type == .float32 ? 2 : 1
        case .floorMod: return type == .int16 || type == .int8 ? 2 : 1
        case .pow, .atan2: return 1
        }
    }

    private func comparison(_ kind: Comparison) -> Int32 {
        switch kind {
        case .equal: type == .int16 ? 5 : int8IsTwo
        case .notEqual: type == .int16 ? 4 : int8IsTwo
        case .less, .greaterEqual: byWidth
        case .greater, .lessEqual: int8IsTwo
        }
    }

    private func unary(_ kind: Unary) -> Int32 {
        switch kind {
        case .abs:
            switch type {
            case .int32: 5
            case .int16: input?.quantization == nil ? 4 : 3
            case .int8, .uint8: 2
            default: 1
            }
        case .relu: type == .int16 ? 3 : type == .int8 || type == .uint8 ? 2 : 1
        case .relu6, .rsqrt, .tanh, .logistic: byWidth
        case .exp, .log, .sqrt: type == .int8 || type == .int16 ? 2 : 1
        case .sin, .cos: type == .float16 ? 2 : 1
        case .sign: type == .int32 ? 2 : 1
        case .neg, .floor, .ceil, .round, .square, .logicalNot, .reluN1To1, .relu0To1, .hardSwish, .elu: 1
        }
    }

    private var cast: Int32 {
        let both = [type, output?.elementType]
        if type == .int4, output?.elementType == .float32 { return 6 }
        if both.contains(.float64) || both.contains(.float16) { return 5 }
        if both.contains(.uint16) { return 4 }
        if both.contains(.int8) { return 3 }
        return both.contains(.uint32) ? 2 : 1
    }

    // MARK: The rest

    private func reduction(_ kind: Reduction.Kind) -> Int32 {
        switch kind {
        case .mean, .max, .min: byWidth
        case .sum: int8IsTwo
        case .product: type == .int8 || type == .int16 ? 2 : 1
        case .any, .all: 1
        }
    }

    private func gather(_ batchDimensions: Int) -> Int32 {
        if type == .int4 { return 7 }
        if second?.elementType == .int16 { return 6 }
        if batchDimensions != 0 { return 5 }
        switch type {
        case .int16: return 4
        case .bool: return 3
        case .int8: return 2
        default: return 1
        }
    }

    private var quantize: Int32 {
        if type == .int4 || output?.elementType == .int4 { return 4 }
        if output?.quantization?.isPerChannel == true { return 3 }
        return output?.elementType == .int16 ? 2 : 1
    }

    private var dequantize: Int32 {
        switch type {
        case .int4: 6
        case .int16, .float16: 3
        case .int8: input?.quantization?.isPerChannel == true ? 5 : 2
        default: 1
        }
    }

    private func layout(_ op: Operator) -> Int32 {
        switch op {
        case .transpose: return transpose
        case .concatenation: return type == .float16 ? 6 : type == .int4 ? 5 : type == .uint32 ? 4 : byWidth
        case .split:
            switch second?.elementType {
            case .int16: return 4
            case .int32: return 3
            case .int8, .int4: return 2
            default: return 1
            }
        case .splitV, .depthToSpace, .spaceToDepth: return int8IsTwo
        case .slice:
            if type == .float16 { return 8 }
            if type == .int4 { return 7 }
            if type == .uint32 { return 6 }
            return rank > 4 ? 5 : type == .int16 ? 4 : int8IsTwo
        case .stridedSlice(let slice):
            if slice.offset { return 8 }
            if type == .uint32 { return 7 }
            if slice.ellipsisMask != 0 || slice.newAxisMask != 0 { return 6 }
            return rank > 4 ? 4 : type == .bool ? 3 : int8IsTwo
        case .pad, .padV2: return type == .bool ? 5 : rank > 4 ? 4 : byWidth
        case .mirrorPad: return byWidth
        case .pack: return type == .uint32 ? 4 : byWidth
        case .unpack:
            switch type {
            case .int8, .uint8: return 2
            case .bool: return 3
            case .int16: return 4
            case .float16: return 5
            default: return 1
            }
        case .tile: return type == .int8 ? 3 : 1
        case .broadcastTo: return type == .int8 || type == .int16 ? 3 : 2
        case .reverse: return type == .int8 ? 3 : type == .bool ? 2 : 1
        case .batchToSpaceND, .spaceToBatchND: return type == .int16 ? 4 : rank != 4 ? 3 : int8IsTwo
        case .fill:
            switch second?.elementType {
            case .float16: return 4
            case .int8, .int16: return 3
            case .bool: return 2
            default: return 1
            }
        case .range: return type == .int64 ? 2 : 1
        default: return 1
        }
    }

    private var transpose: Int32 {
        if type == .float16 { return 9 }
        if rank > 6 { return 8 }
        if type == .int4 { return 7 }
        if rank > 5 { return 6 }
        if type == .int16 { return 5 }
        return rank > 4 ? 4 : type == .bool ? 3 : int8IsTwo
    }
}

extension TensorType {
    fileprivate var inEightBits: TensorType {
        elementType == .int4 ? TensorType(.int8, shape, quantization: quantization) : self
    }
}
