import TensorCore

/// Operands of an operator: which element types each may have, and how many there are.
struct OperandPattern: Sendable {
    private var listed: [Set<ElementType>]
    private var repeats = false
    var counts: ClosedRange<Int>

    /// Exactly these operands; `optional` of the last may be missing.
    init(_ listed: [Set<ElementType>], optional: Int = 0) {
        self.listed = listed
        counts = listed.count - optional...listed.count
    }

    /// One operand or more, all of them alike.
    init(all types: Set<ElementType>) {
        listed = [types]
        repeats = true
        counts = 1...Int.max
    }

    /// The types of operand `index`; nil when any will do.
    func types(of index: Int) -> Set<ElementType>? {
        if repeats { return listed.first }
        guard index < listed.count, !listed[index].isEmpty else { return nil }
        return listed[index]
    }
}

/// The delegate's tables of operators.
enum DelegateTables {
    private static let code: Set<ElementType> = [.uint8, .int8]
    private static let int32: Set<ElementType> = [.int32]
    private static let index: Set<ElementType> = [.int32, .int64]

    /// Operators of the delegate with their operands. Source: hexagon/utils.cc, IsNodeSupportedByHexagon.
    static let operands: [String: OperandPattern] = {
        var result: [String: OperandPattern] = [
            "MEAN": OperandPattern([code, int32]), "MIRROR_PAD": OperandPattern([code, int32]),
            "PAD": OperandPattern([code, int32]), "FULLY_CONNECTED": OperandPattern([code, code, int32]),
            "CONCATENATION": OperandPattern(all: code), "PACK": OperandPattern(all: code),
            "TRANSPOSE_CONV": OperandPattern([int32, code, code, int32], optional: 1),
            "CONV_2D": OperandPattern([code, code, int32]), "DEPTHWISE_CONV_2D": OperandPattern([code, code, int32]),
            // Of the new shape nothing is asked.
            "RESHAPE": OperandPattern([code, []], optional: 1),
            "RESIZE_NEAREST_NEIGHBOR": OperandPattern([code, int32]),
            "RESIZE_BILINEAR": OperandPattern([code, int32]), "ARG_MAX": OperandPattern([code, int32]),
            "ARG_MIN": OperandPattern([code, int32]), "SPLIT": OperandPattern([int32, code]),
            "TRANSPOSE": OperandPattern([code, int32]), "SLICE": OperandPattern([code, index, index]),
            "STRIDED_SLICE": OperandPattern([code, int32, int32, int32]),
            "SQUARED_DIFFERENCE": OperandPattern([[.int8], [.int8]]), "RSQRT": OperandPattern([[.int8]]),
        ]
        for name in ["ADD", "MUL", "SUB", "MINIMUM", "MAXIMUM"] { result[name] = OperandPattern([code, code]) }
        for name in [
            "MAX_POOL_2D", "AVERAGE_POOL_2D", "SOFTMAX", "HARD_SWISH", "RELU", "RELU6", "TANH", "LOGISTIC", "NEG",
            "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "QUANTIZE",
        ] { result[name] = OperandPattern([code]) }
        return result
    }()

    /// Operators whose case in the source refuses always.
    static let disabled: Set<String> = ["SUM"]

    /// Operands that have to be constants of the file, by operator. Source: hexagon/utils.cc, IsNodeSupportedByHexagon.
    static let constants: [String: [Int]] = [
        "MEAN": [1], "MIRROR_PAD": [1], "PAD": [1], "RESIZE_NEAREST_NEIGHBOR": [1], "RESIZE_BILINEAR": [1],
        "SPLIT": [0], "SLICE": [1, 2], "STRIDED_SLICE": [1, 2, 3], "FULLY_CONNECTED": [2],
    ]

    /// Source: hexagon/utils.cc, CheckOpVersion.
    static func versions(of builtin: String) -> ClosedRange<Int> { knownVersions[builtin] ?? 1...1 }

    private static let knownVersions: [String: ClosedRange<Int>] = {
        var result: [String: ClosedRange<Int>] = [
            "SQUARED_DIFFERENCE": 2...2, "RELU": 2...2, "RSQRT": 2...2, "FULLY_CONNECTED": 1...4,
        ]
        for name in [
            "CONV_2D", "DEPTHWISE_CONV_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE_CONV",
        ] { result[name] = 1...3 }
        for name in [
            "ADD", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "CONCATENATION", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D",
            "MEAN", "MINIMUM", "MIRROR_PAD", "MUL", "PACK", "PAD", "QUANTIZE", "RELU6", "SLICE", "SOFTMAX",
            "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPLIT", "STRIDED_SLICE", "SUB", "TANH", "TRANSPOSE",
        ] { result[name] = 1...2 }
        return result
    }()
}

extension DSPProfile {
    /// The builtins that the Hexagon delegate takes at all.
    package static var delegateOperators: Set<String> { Set(DelegateTables.operands.keys) }
}
