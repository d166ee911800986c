import GraphIR
import Operators
import TensorCore

/// Conversions between element types.
enum Casts {
    static let mappings: [String: Mapping] = ["Cast": cast, "CastLike": castLike]

    private static func cast(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        guard let code = try node.int("to"), let target = ONNXElementType(rawValue: Int32(clamping: code)) else {
            throw node.bad("it does not say which type to convert to")
        }
        return [try convert(node, builder, to: target)]
    }

    private static func castLike(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let like = try node.input(1)
        let known = node.inputTypes.count > 1 ? node.inputTypes[1] : nil
        let computed = builder.elementType(like)
        guard let target = known ?? ONNXElementType.allComputed.first(where: { $0.computeType == computed }) else {
            throw node.unsupported("the type to convert to is not known")
        }
        return [try convert(node, builder, to: target)]
    }

    /// Every floating-point type is float32 inside the graph.
    private static func convert(
        _ node: NodeContext, _ builder: GraphBuilder, to target: ONNXElementType
    ) throws -> ValueID {
        let value = try node.input(0)
        node.resultTypes[0] = target
        switch target {
        case .float32: return try builder.cast(value, to: .float32)
        case .float16, .float64, .bfloat16:
            builder.assume("\(target.name) is computed as float32")
            return try builder.cast(value, to: .float32)
        case .bool:
            return builder.elementType(value) == .bool ? value : try builder.compare(.notEqual, value, 0)
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
            return try builder.cast(value, to: target.storageType ?? .int32)
        default:
            throw node.unsupported("conversion to \(target.name) is not supported")
        }
    }
}

extension ONNXElementType {
    /// One source type for every type that is computed.
    static let allComputed: [ONNXElementType] = [
        .float32, .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
    ]
}
