import TensorCore

/// A bounded walk over the wire format of an ONNX file, done before protobuf-c sees the bytes.
///
/// protobuf-c recurses without a limit and allocates for every field it meets, so the walk proves first that messages
/// nest at most ``maximumDepth`` deep, that every length lies inside its parent, that known fields have the wire type
/// of the schema, and that the memory protobuf-c will take stays within ``memoryLimit``.
struct WireScan {
    static let maximumDepth = 64

    private let bytes: UnsafeRawBufferPointer
    /// Bytes that unpacking may allocate: a fixed allowance and a multiple of the file's size.
    private let memoryLimit: Int
    private var memory = 0

    private init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        memoryLimit = (64 << 20) + 16 * bytes.count
    }

    /// Throws `.badModel` with the byte offset of the first violation.
    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        var scan = WireScan(bytes)
        try scan.walk(.model, from: 0, to: bytes.count, depth: 0)
    }

    private mutating func walk(_ message: WireMessage, from start: Int, to end: Int, depth: Int) throws {
        guard depth < Self.maximumDepth else {
            throw failure(start, "messages nest more than \(Self.maximumDepth) deep")
        }
        try account(256, at: start)
        var position = start
        while position < end {
            let fieldStart = position
            let key = try varint(&position, end)
            let number = key >> 3
            guard number > 0, number < 1 << 29 else { throw failure(fieldStart, "field number \(number) is not valid") }
            try account(48, at: fieldStart)
            let field = message.field(number)
            switch key & 7 {
            case 0:
                switch field {
                case nil, .varint, .varints: break
                default: throw mismatch(fieldStart, message, number)
                }
                _ = try varint(&position, end)
            case 1:
                switch field {
                case nil, .fixed64, .fixed64s: break
                default: throw mismatch(fieldStart, message, number)
                }
                try skip(8, &position, end, fieldStart)
            case 5:
                switch field {
                case nil, .fixed32, .fixed32s: break
                default: throw mismatch(fieldStart, message, number)
                }
                try skip(4, &position, end, fieldStart)
            case 2:
                let length = try varint(&position, end)
                guard length <= UInt64(end - position) else {
                    throw failure(fieldStart, "a field of \(length) bytes overruns its message")
                }
                let fieldEnd = position + Int(length)
                try lengthDelimited(field, message, number, fieldStart, position, fieldEnd, depth)
                position = fieldEnd
            default:
                throw failure(fieldStart, "wire type \(key & 7) is not used by ONNX")
            }
        }
    }

    private mutating func lengthDelimited(
        _ field: WireField?, _ message: WireMessage, _ number: UInt64, _ fieldStart: Int, _ start: Int, _ end: Int,
        _ depth: Int
    ) throws {
        switch field {
        case nil, .bytes:
            try account(end - start + 16, at: fieldStart)
        case .message(let inner):
            try walk(inner, from: start, to: end, depth: depth + 1)
        case .varints:
            var position = start
            while position < end {
                _ = try varint(&position, end)
            }
            try account(8 * (end - start), at: fieldStart)
        case .fixed32s, .fixed64s:
            let width = if case .fixed32s = field { 4 } else { 8 }
            guard (end - start) % width == 0 else {
                throw failure(fieldStart, "\(end - start) bytes are not a whole number of \(width)-byte elements")
            }
            try account(end - start, at: fieldStart)
        case .varint, .fixed32, .fixed64:
            throw mismatch(fieldStart, message, number)
        }
    }

    private func varint(_ position: inout Int, _ end: Int) throws -> UInt64 {
        let start = position
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end, shift < 70 {
            let byte = bytes[position]
            position += 1
            value |= shift < 64 ? UInt64(byte & 0x7F) << shift : 0
            if byte < 0x80 { return value }
            shift += 7
        }
        throw failure(start, shift >= 70 ? "a number takes more than 10 bytes" : "the data ends inside a number")
    }

    private func skip(_ count: Int, _ position: inout Int, _ end: Int, _ fieldStart: Int) throws {
        guard end - position >= count else { throw failure(fieldStart, "the data ends inside a field") }
        position += count
    }

    private mutating func account(_ count: Int, at offset: Int) throws {
        memory += count
        if memory > memoryLimit {
            throw failure(offset, "the file would unpack to far more memory than a model of its size needs")
        }
    }

    private func failure(_ offset: Int, _ message: String) -> Diagnostic {
        Diagnostic(.badModel, at: "byte \(offset)", message, suggestion: "the file is damaged or not an ONNX model")
    }

    private func mismatch(_ offset: Int, _ message: WireMessage, _ number: UInt64) -> Diagnostic {
        failure(offset, "field \(number) of a \(message.rawValue) message has the wrong wire type")
    }
}
