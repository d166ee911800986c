import TensorCore

/// What quantisation asks of an operator: everything the quantiser and the delegates know of it.
public struct QuantizationContract: Sendable, Hashable {
    /// What an operand is to the operator.
    public enum OperandRole: Sendable, Hashable {
        /// Data that flows through the network: asymmetric, per tensor.
        case activation
        /// A constant, symmetric, per channel along `channelAxis` where that is not nil. When the operand is not constant
        /// it is an activation.
        case weight(channelAxis: Int?)
        /// int32 with scale `scale(input) * scale(weight)` (int64 with 16-bit activations), zero point 0.
        case bias(input: Int, weight: Int)
        /// Integers that are no quantised reals: indices, shapes, axes, conditions.
        case index
    }

    /// Where the results' parameters come from.
    public enum OutputRule: Sendable, Hashable {
        /// Observed ranges.
        case calibrated
        /// The parameters of the activation operands, which all must be the same.
        case sameAsOperands
        /// Given by the operator for int8: `scale`, `zeroPoint`; for int16 `scale16`, zero point 0.
        case fixed(scale: Float, zeroPoint: Int32, scale16: Float)
        /// The results are indices, shapes or conditions.
        case notQuantized
    }

    /// Roles by operand position; the last one repeats for operators of any number of operands.
    public var operands: [OperandRole]
    public var output: OutputRule
    /// Element types of activations for which LiteRT has an integer kernel whose arithmetic depthc reproduces.
    public var activationTypes: Set<ElementType>

    public func role(of operand: Int) -> OperandRole {
        operand < operands.count ? operands[operand] : operands.last ?? .activation
    }

    /// The role of an operand that is constant or not: weights that are computed are activations.
    public func role(of operand: Int, isConstant: Bool) -> OperandRole {
        let role = role(of: operand)
        if case .weight = role, !isConstant { return .activation }
        return role
    }
}

extension Operator {
    /// The contract of this operator. An empty ``QuantizationContract/activationTypes`` means it stays float.
    ///
    /// Source: the TFLite quantisation specification and LiteRT's kernel registrations.
    public var quantizationContract: QuantizationContract {
        typealias Contract = QuantizationContract
        let all: Set<ElementType> = [.int8, .uint8, .int16]
        let signed: Set<ElementType> = [.int8, .int16]
        func calibrated(_ roles: [Contract.OperandRole] = [.activation], _ types: Set<ElementType>) -> Contract {
            Contract(operands: roles, output: .calibrated, activationTypes: types)
        }
        func same(_ roles: [Contract.OperandRole], _ types: Set<ElementType>) -> Contract {
            Contract(operands: roles, output: .sameAsOperands, activationTypes: types)
        }
        func float(_ roles: [Contract.OperandRole] = [.activation]) -> Contract { calibrated(roles, []) }
        switch self {
        case .conv2D: return calibrated([.activation, .weight(channelAxis: 0), .bias(input: 0, weight: 1)], all)
        case .depthwiseConv2D:
            return calibrated([.activation, .weight(channelAxis: 3), .bias(input: 0, weight: 1)], all)
        case .transposeConv:
            return calibrated([.index, .weight(channelAxis: 0), .activation, .bias(input: 2, weight: 1)], all)
        case .fullyConnected:
            return calibrated([.activation, .weight(channelAxis: 0), .bias(input: 0, weight: 1)], all)
        case .batchMatMul: return calibrated([.activation, .activation], signed)
        case .averagePool2D, .maxPool2D: return same([.activation], all)
        case .binary(let binary):
            switch binary.kind {
            case .add, .sub, .mul: return calibrated([.activation, .activation], all)
            case .maximum, .minimum: return same([.activation, .activation], all)
            case .squaredDifference: return calibrated([.activation, .activation], [.int8])
            case .div: return calibrated([.activation, .activation], [.uint8])
            case .pow, .floorDiv, .floorMod, .atan2: return float([.activation, .activation])
            }
        case .compare:
            return Contract(
                operands: [.activation, .activation], output: .notQuantized, activationTypes: [.int8, .uint8])
        case .logical: return Contract(operands: [.index, .index], output: .notQuantized, activationTypes: [])
        case .unary(let kind):
            switch kind {
            case .logistic:
                return Contract(
                    operands: [.activation],
                    output: .fixed(scale: 1.0 / 256, zeroPoint: -128, scale16: 1.0 / 32768), activationTypes: all)
            case .tanh:
                return Contract(
                    operands: [.activation], output: .fixed(scale: 1.0 / 128, zeroPoint: 0, scale16: 1.0 / 32768),
                    activationTypes: all)
            case .relu, .relu6: return calibrated([.activation], all)
            case .reluN1To1, .relu0To1: return calibrated([.activation], [.int8, .uint8])
            case .hardSwish: return calibrated([.activation], [.int8, .uint8])
            case .abs, .rsqrt: return calibrated([.activation], signed)
            case .exp, .log, .elu: return calibrated([.activation], [.int8])
            case .logicalNot: return Contract(operands: [.index], output: .notQuantized, activationTypes: [])
            default: return float()
            }
        case .leakyRelu: return calibrated([.activation], all)
        case .gelu: return calibrated([.activation], [.int8, .uint8])
        case .prelu: return calibrated([.activation, .weight(channelAxis: nil)], [.int8, .uint8])
        case .select: return same([.index, .activation, .activation], signed)
        case .cast, .bitcast: return Contract(operands: [.index], output: .notQuantized, activationTypes: [])
        case .softmax:
            return Contract(
                operands: [.activation], output: .fixed(scale: 1.0 / 256, zeroPoint: -128, scale16: 1.0 / 32768),
                activationTypes: all)
        case .logSoftmax:
            return Contract(
                operands: [.activation], output: .fixed(scale: 16.0 / 256, zeroPoint: 127, scale16: 16.0 / 65536),
                activationTypes: [.int8])
        case .reduce(let reduction):
            switch reduction.kind {
            case .mean: return calibrated([.activation, .index], all)
            case .sum: return calibrated([.activation, .index], [])
            case .max, .min: return same([.activation, .index], all)
            case .product: return float([.activation, .index])
            case .any, .all: return Contract(operands: [.index], output: .notQuantized, activationTypes: [])
            }
        case .argument:
            return Contract(operands: [.activation, .index], output: .notQuantized, activationTypes: [.int8, .uint8])
        case .topK: return same([.activation, .index], [.int8, .uint8])
        case .cumulativeSum: return float([.activation, .index])
        case .reshape, .transpose, .slice, .tile, .broadcastTo, .expandDims, .reverse:
            return same([.activation, .index], all)
        case .stridedSlice, .pad, .mirrorPad, .batchToSpaceND, .spaceToBatchND:
            return same([.activation, .index], all)
        case .padV2: return same([.activation, .index, .activation], all)
        case .squeeze, .depthToSpace, .spaceToDepth, .unpack: return same([.activation], all)
        case .concatenation, .pack: return same([.activation], all)
        case .split: return same([.index, .activation], all)
        case .splitV: return same([.activation, .index, .index], all)
        case .shape, .range, .fill, .oneHot:
            return Contract(operands: [.index], output: .notQuantized, activationTypes: [])
        case .gather, .gatherND: return same([.activation, .index], all)
        case .scatterND: return same([.index, .activation, .index], [.int8, .uint8])
        case .resizeBilinear, .resizeNearestNeighbor: return same([.activation, .index], all)
        case .quantize, .dequantize:
            return Contract(operands: [.activation], output: .calibrated, activationTypes: [])
        }
    }
}
