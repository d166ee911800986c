import CTFLite
import TensorCore

/// Names and numbers of operators and options tables as the schema has them.
enum Builtin {
    /// Operator codes by name.
    static let codes: [String: Int32] = numbers(below: 256) { ctfl_builtin_name($0) }
    /// Discriminants of the options union by table name.
    static let optionsTypes: [String: Int32] = numbers(below: 256) { ctfl_options_name($0) }

    static func name(_ code: Int32) -> String {
        guard let name = ctfl_builtin_name(code), name.pointee != 0 else { return "operator code \(code)" }
        return String(cString: name)
    }

    static func typeName(_ type: Int32) -> String {
        guard let name = ctfl_type_name(type), name.pointee != 0 else { return "element type \(type)" }
        return String(cString: name)
    }

    /// The options table of an operator, nil for those that have none.
    static func optionsTable(of builtin: String) -> String? { irregularOptions[builtin] ?? regularOptions[builtin] }

    private static func numbers(below end: Int32, _ name: (Int32) -> UnsafePointer<CChar>?) -> [String: Int32] {
        var result: [String: Int32] = [:]
        for number in 0..<end {
            if let text = name(number), text.pointee != 0 { result[String(cString: text)] = number }
        }
        return result
    }

    /// Tables that are shared or not named after their operator.
    private static let irregularOptions: [String: String] = [
        "CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
        "AVERAGE_POOL_2D": "Pool2DOptions", "MAX_POOL_2D": "Pool2DOptions",
        "MEAN": "ReducerOptions", "SUM": "ReducerOptions", "REDUCE_MAX": "ReducerOptions",
        "REDUCE_MIN": "ReducerOptions", "REDUCE_PROD": "ReducerOptions", "REDUCE_ANY": "ReducerOptions",
        "REDUCE_ALL": "ReducerOptions", "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions",
        "TOPK_V2": "TopKV2Options", "BATCH_MATMUL": "BatchMatMulOptions", "ATAN2": "ATan2Options",
        "BATCH_TO_SPACE_ND": "BatchToSpaceNDOptions", "SPACE_TO_BATCH_ND": "SpaceToBatchNDOptions",
        "PADV2": "PadV2Options", "CONCATENATION": "ConcatenationOptions",
    ]

    /// Tables named after their operator: `EXPAND_DIMS` has `ExpandDimsOptions`.
    private static let regularOptions: [String: String] = {
        var result: [String: String] = [:]
        for builtin in codes.keys {
            let table = builtin.split(separator: "_").map { $0.prefix(1) + $0.dropFirst().lowercased() }.joined()
            if optionsTypes["\(table)Options"] != nil { result[builtin] = "\(table)Options" }
        }
        return result
    }()
}

extension ElementType {
    /// The element type of the schema's number; nil for those that depthc does not have.
    init?(tfliteType: Int32) {
        guard let type = Self.byTFLiteType[tfliteType] else { return nil }
        self = type
    }

    /// The schema's number.
    var tfliteType: Int32 {
        switch self {
        case .float32: 0
        case .float16: 1
        case .int32: 2
        case .uint8: 3
        case .int64: 4
        case .bool: 6
        case .int16: 7
        case .int8: 9
        case .float64: 10
        case .uint64: 12
        case .uint32: 15
        case .uint16: 16
        case .int4: 17
        }
    }

    private static let byTFLiteType = Dictionary(uniqueKeysWithValues: allCases.map { ($0.tfliteType, $0) })
}
