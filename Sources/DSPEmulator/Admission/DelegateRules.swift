import GraphIR
import Operators
import TensorCore

/// The rules by which the Hexagon delegate takes operators.
///
/// The source also asks for what the reader of files sees to: activations other than none, RELU, RELU6 and RELU_N1_TO_1,
/// block-wise quantisation, shuffled weights, a target size of two numbers, known paddings and mirror modes. Its rules for
/// L2_NORMALIZATION, which the reader does not have, are left out.
enum DelegateRules {
    static let all: [AdmissionRule] = [
        rank, version, operatorKind, disabled, elementType, activation, stride, dilation, multiplier, filter,
        notConstant,
        perChannel, keepDimensions, poolSize, operands, attribute,
    ]

    private static let support = "hexagon/utils.cc, IsNodeSupportedByHexagon"
    private static let types = "hexagon/utils.cc, InputsWithCorrectTypes"

    private static let rank = AdmissionRule(
        .rank, "operands and results have at most four extents", source: support
    ) { entry, listing in rankObjection(entry, listing, limit: 4) }

    static func rankObjection(_ entry: ListedOperator, _ listing: OperatorListing, limit: Int) -> String? {
        let tensors = (entry.inputs.compactMap { $0 } + entry.outputs).map { listing[tensor: $0] }
        return tensors.first { $0.type.shape.rank > limit }.map { "\($0.name) has \($0.type.shape.rank) extents" }
    }

    private static let version = AdmissionRule(
        .version, "the operator's version is one that the delegate knows", source: "hexagon/utils.cc, CheckOpVersion"
    ) { entry, _ in
        let known = DelegateTables.versions(of: entry.builtin)
        if known.contains(entry.version) { return nil }
        let limit = known.count == 1 ? "only \(known.lowerBound)" : "at most \(known.upperBound)"
        return "version \(entry.version), the delegate takes \(limit)"
    }

    private static let operatorKind = AdmissionRule(
        .operatorKind, "the delegate has the operator", source: support
    ) { entry, _ in
        let isKnown = DelegateTables.operands[entry.builtin] != nil || DelegateTables.disabled.contains(entry.builtin)
        return isKnown ? nil : "the delegate does not have \(entry.builtin)"
    }

    private static let disabled = AdmissionRule(
        .disabled, "SUM is switched off because its result shifts", source: support
    ) { entry, _ in DelegateTables.disabled.contains(entry.builtin) ? "\(entry.builtin) is switched off" : nil }

    private static let elementType = AdmissionRule(
        .elementType, "operands have the element types of the operator, data 8 bits", source: types
    ) { entry, listing in
        guard let pattern = DelegateTables.operands[entry.builtin] else { return nil }
        for index in entry.inputs.indices {
            guard let allowed = pattern.types(of: index), let tensor = listing.input(index, of: entry),
                !allowed.contains(tensor.type.elementType)
            else { continue }
            return "\(tensor.name) is \(tensor.type.elementType.rawValue)"
        }
        return nil
    }

    private static let activation = AdmissionRule(
        .activation, "pooling has no fused activation", source: support
    ) { entry, _ in
        switch entry.op {
        case .averagePool2D(let pool), .maxPool2D(let pool):
            pool.activation == .none ? nil : "has the fused activation \(pool.activation.rawValue)"
        default: nil
        }
    }

    private static let stride = AdmissionRule(
        .stride, "convolutions step by at most 3", source: support
    ) { entry, _ in
        let stride: Extent2D
        switch entry.op {
        case .conv2D(let op): stride = op.stride
        case .depthwiseConv2D(let op): stride = op.stride
        case .transposeConv(let op): stride = op.stride
        default: return nil
        }
        return max(stride.height, stride.width) > 3 ? "a stride of \(stride)" : nil
    }

    private static let dilation = AdmissionRule(
        .dilation, "convolutions have no dilation, depthwise ones only with stride 1", source: support
    ) { entry, _ in
        switch entry.op {
        case .conv2D(let op) where op.dilation != Extent2D(1): "a dilation of \(op.dilation)"
        case .depthwiseConv2D(let op) where op.dilation != Extent2D(1) && op.stride != Extent2D(1):
            "a dilation of \(op.dilation) with a stride of \(op.stride)"
        default: nil
        }
    }

    private static let multiplier = AdmissionRule(
        .multiplier, "depthwise convolutions have multiplier 1, or one input channel and no dilation", source: support
    ) { entry, listing in
        guard case .depthwiseConv2D(let op) = entry.op, op.depthMultiplier != 1 else { return nil }
        let shape = listing.input(0, of: entry)?.type.shape ?? []
        let isPlain = op.dilation == Extent2D(1) && shape.rank == 4 && shape[3] == 1
        return isPlain ? nil : "multiplier \(op.depthMultiplier) on \(shape)"
    }

    private static let filter = AdmissionRule(
        .filter, "the filter of a depthwise convolution is at least 2 high", source: support
    ) { entry, listing in
        guard case .depthwiseConv2D = entry.op, let shape = listing.input(1, of: entry)?.type.shape, shape.rank >= 2,
            shape[1] < 2
        else { return nil }
        return "the filter is \(shape[1]) high"
    }

    private static let notConstant = AdmissionRule(
        .notConstant, "operands that decide shapes, and the bias of FULLY_CONNECTED, are in the file", source: support
    ) { entry, listing in
        for index in DelegateTables.constants[entry.builtin] ?? [] {
            if let tensor = listing.input(index, of: entry), tensor.constant == nil {
                return "\(tensor.name) is not a constant"
            }
        }
        return nil
    }

    private static let perChannel = AdmissionRule(
        .perChannel, "the weights of FULLY_CONNECTED have one scale", source: support
    ) { entry, listing in
        guard case .fullyConnected = entry.op, let scales = listing.input(1, of: entry)?.type.quantization?.scales,
            scales.count > 1
        else { return nil }
        return "the weights have \(scales.count) scales"
    }

    private static let keepDimensions = AdmissionRule(
        .keepDimensions, "FULLY_CONNECTED flattens the outer extents", source: support
    ) { entry, _ in
        guard case .fullyConnected(let op) = entry.op, op.keepDimensions else { return nil }
        return "keep_num_dims is set"
    }

    private static let poolSize = AdmissionRule(
        .poolSize, "windows of MAX_POOL_2D with SAME padding are at most 12 wide and high", source: support
    ) { entry, _ in
        guard case .maxPool2D(let op) = entry.op, op.padding == .same, max(op.window.height, op.window.width) >= 13
        else { return nil }
        return "a window of \(op.window)"
    }

    private static let operands = AdmissionRule(
        .operands, "the number of operands is the delegate's", source: types
    ) { entry, _ in
        guard let pattern = DelegateTables.operands[entry.builtin], !pattern.counts.contains(entry.inputs.count) else {
            return nil
        }
        return "\(entry.inputs.count) operands"
    }

    private static let attribute = AdmissionRule(
        .attribute, "STRIDED_SLICE has neither an ellipsis nor new axes", source: support
    ) { entry, _ in
        guard case .stridedSlice(let op) = entry.op else { return nil }
        if op.ellipsisMask != 0 { return "has an ellipsis" }
        return op.newAxisMask != 0 ? "adds axes" : nil
    }
}

/// What the delegate takes that the public library has no kernel for.
enum LibraryRules {
    static let all = [
        AdmissionRule(
            .library, "the public library has a node for the operator",
            source: "nnlib interface/ops.def, ops/src/op_resizebilinear.c, ops/src/op_resizenear.c"
        ) { entry, _ in
            switch entry.op {
            case .unary(.hardSwish): "has no node QuantizedHardSwish_8"
            case .resizeBilinear(let options) where options.halfPixelCenters,
                .resizeNearestNeighbor(let options) where options.halfPixelCenters:
                "its resizes have no half-pixel centres"
            default: nil
            }
        }
    ]
}
