/// How a field of `schemas/onnx.proto` is written on the wire.
enum WireField {
    case varint, fixed32, fixed64
    /// String or bytes.
    case bytes
    /// Repeated numbers: one at a time or packed.
    case varints, fixed32s, fixed64s
    case message(WireMessage)
}

/// The messages of `schemas/onnx.proto`, as far as a walk over their bytes needs them.
enum WireMessage: String {
    case model, operatorSet, stringEntry, graph, node, attribute, tensor, segment, sparseTensor, valueInfo, type
    case tensorType, elementOnlyType, mapType, shape, dimension, function

    /// The field with this number, or nil when the schema does not have it.
    func field(_ number: UInt64) -> WireField? {
        switch (self, number) {
        case (.model, 1): .varint
        case (.model, 2), (.model, 3): .bytes
        case (.model, 7): .message(.graph)
        case (.model, 8), (.function, 9): .message(.operatorSet)
        case (.model, 14): .message(.stringEntry)
        case (.model, 25): .message(.function)

        case (.operatorSet, 1): .bytes
        case (.operatorSet, 2): .varint
        case (.stringEntry, 1), (.stringEntry, 2): .bytes

        case (.graph, 1), (.function, 7): .message(.node)
        case (.graph, 2): .bytes
        case (.graph, 5): .message(.tensor)
        case (.graph, 11), (.graph, 12), (.graph, 13): .message(.valueInfo)
        case (.graph, 15): .message(.sparseTensor)

        case (.node, 1), (.node, 2), (.node, 3), (.node, 4), (.node, 7), (.node, 8): .bytes
        case (.node, 5), (.function, 11): .message(.attribute)

        case (.attribute, 1), (.attribute, 4), (.attribute, 9), (.attribute, 21): .bytes
        case (.attribute, 2): .fixed32
        case (.attribute, 3), (.attribute, 20): .varint
        case (.attribute, 5), (.attribute, 10): .message(.tensor)
        case (.attribute, 6), (.attribute, 11): .message(.graph)
        case (.attribute, 7): .fixed32s
        case (.attribute, 8): .varints

        case (.tensor, 1), (.tensor, 5), (.tensor, 7), (.tensor, 11): .varints
        case (.tensor, 2), (.tensor, 14): .varint
        case (.tensor, 3): .message(.segment)
        case (.tensor, 4): .fixed32s
        case (.tensor, 10): .fixed64s
        case (.tensor, 6), (.tensor, 8), (.tensor, 9): .bytes
        case (.tensor, 13): .message(.stringEntry)
        case (.segment, 1), (.segment, 2): .varint

        case (.sparseTensor, 1), (.sparseTensor, 2): .message(.tensor)
        case (.sparseTensor, 3): .varints

        case (.valueInfo, 1): .bytes
        case (.valueInfo, 2): .message(.type)
        case (.type, 1), (.type, 8): .message(.tensorType)
        case (.type, 4), (.type, 9): .message(.elementOnlyType)
        case (.type, 5): .message(.mapType)
        case (.tensorType, 1): .varint
        case (.tensorType, 2): .message(.shape)
        case (.elementOnlyType, 1): .message(.type)
        case (.mapType, 1): .varint
        case (.mapType, 2): .message(.type)
        case (.shape, 1): .message(.dimension)
        case (.dimension, 1): .varint
        case (.dimension, 2): .bytes

        case (.function, 1), (.function, 4), (.function, 5), (.function, 6), (.function, 10), (.function, 13): .bytes
        default: nil
        }
    }
}
