import GraphIR
import Operators
import TensorCore

/// The public rules of the tensor processor from v68 on, as far as quantised networks need them.
enum HTPRules {
    static let all: [AdmissionRule] = [rank, operatorKind, elementType, weights]

    private static let plugin = "litert/vendors/qualcomm/compiler/Qualcomm_QNN_Compiler.md"

    private static let rank = AdmissionRule(
        .rank, "operands and results have at most five extents", source: "QNN operator definitions for HTP"
    ) { entry, listing in DelegateRules.rankObjection(entry, listing, limit: 5) }

    private static let operatorKind = AdmissionRule(
        .operatorKind, "the compiler plugin legalises the operator", source: "\(plugin), supported operations"
    ) { entry, _ in
        operators.contains(entry.builtin) ? nil : "the compiler plugin does not have \(entry.builtin)"
    }

    private static let elementType = AdmissionRule(
        .elementType, "data are quantised codes of 8 or 16 bits, indices int32",
        source: "\(plugin), supported data types"
    ) { entry, listing in
        let weights = weightOperands(of: entry.op)
        let data = entry.inputs.indices.filter { !weights.contains($0) }
        let tensors = data.compactMap { listing.input($0, of: entry) } + entry.outputs.map { listing[tensor: $0] }
        return tensors.first { tensor in
            switch tensor.type.elementType {
            case .uint8, .int8, .int16: tensor.type.quantization == nil
            case .int32, .bool: false
            case .int64: tensor.constant == nil
            default: true
            }
        }.map { "\($0.name) is \($0.type)" }
    }

    private static let weights = AdmissionRule(
        .notConstant, "the weights of convolutions are constants of 4 or 8 bits",
        source: "QNN guidelines for int4 weights on HTP"
    ) { entry, listing in
        guard let index = weightOperands(of: entry.op).first, let tensor = listing.input(index, of: entry) else {
            return nil
        }
        if tensor.constant == nil { return "\(tensor.name) is not a constant" }
        let isSmall = [.int4, .int8, .uint8].contains(tensor.type.elementType) && tensor.type.quantization != nil
        return isSmall ? nil : "\(tensor.name) is \(tensor.type)"
    }

    /// Weights and bias of an operator that has them, else nothing.
    private static func weightOperands(of op: Operator) -> [Int] {
        switch op {
        case .conv2D, .depthwiseConv2D, .fullyConnected: [1, 2]
        case .transposeConv: [1, 3]
        default: []
        }
    }

    /// Those of the plugin's list that the reader of files has too.
    private static let operators: Set<String> = [
        "ABS", "ADD", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "BATCH_MATMUL", "BATCH_TO_SPACE_ND", "BROADCAST_TO",
        "CAST", "CEIL", "CONCATENATION", "CONV_2D", "COS", "CUMSUM", "DEPTH_TO_SPACE", "DEPTHWISE_CONV_2D",
        "DEQUANTIZE", "DIV", "ELU", "EQUAL", "EXP", "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "FULLY_CONNECTED", "GATHER",
        "GATHER_ND", "GELU", "GREATER", "GREATER_EQUAL", "HARD_SWISH", "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOG",
        "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM",
        "MIRROR_PAD", "MUL", "NEG", "NOT_EQUAL", "ONE_HOT", "PACK", "PAD", "PADV2", "POW", "PRELU", "QUANTIZE",
        "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU_0_TO_1", "RELU6", "RELU_N1_TO_1",
        "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "ROUND", "RSQRT", "SELECT",
        "SELECT_V2", "SIGN", "SIN", "SLICE", "SOFTMAX", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V",
        "SQUARE", "SQUARED_DIFFERENCE", "SQRT", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TILE", "TOPK_V2", "TRANSPOSE",
        "TRANSPOSE_CONV", "UNPACK",
    ]
}
