/// Writes protobuf fields, so that tests can make ONNX files byte by byte.
struct Message {
    private(set) var bytes: [UInt8] = []

    static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var result: [UInt8] = []
        while rest >= 0x80 {
            result.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return result + [UInt8(rest)]
    }

    func adding(_ field: UInt64, _ value: Int) -> Message {
        append(Self.varint(field << 3) + Self.varint(UInt64(bitPattern: Int64(value))))
    }

    func adding(_ field: UInt64, _ content: [UInt8]) -> Message {
        append(Self.varint(field << 3 | 2) + Self.varint(UInt64(content.count)) + content)
    }

    func adding(_ field: UInt64, _ text: String) -> Message { adding(field, Array(text.utf8)) }
    func adding(_ field: UInt64, _ message: Message) -> Message { adding(field, message.bytes) }
    func adding(_ field: UInt64, _ messages: [Message]) -> Message {
        messages.reduce(self) { $0.adding(field, $1) }
    }

    func adding(_ field: UInt64, _ value: Float) -> Message {
        append(Self.varint(field << 3 | 5) + Self.littleEndian(value.bitPattern))
    }

    static func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private func append(_ more: [UInt8]) -> Message {
        var copy = self
        copy.bytes += more
        return copy
    }
}

/// Parts of ONNX files.
enum ONNX {
    static func value(_ name: String, _ elementType: Int, _ dimensions: [String]) -> Message {
        let shape = dimensions.reduce(Message()) { shape, dimension in
            let entry = Int(dimension).map { Message().adding(1, $0) } ?? Message().adding(2, dimension)
            return shape.adding(1, entry)
        }
        let tensor = Message().adding(1, elementType).adding(2, shape)
        return Message().adding(1, name).adding(2, Message().adding(1, tensor))
    }

    static func value(_ name: String, _ elementType: Int, _ dimensions: [Int]) -> Message {
        value(name, elementType, dimensions.map(String.init))
    }

    static func tensor(_ name: String, _ elementType: Int, _ dimensions: [Int]) -> Message {
        dimensions.reduce(Message()) { $0.adding(1, $1) }.adding(2, elementType).adding(8, name)
    }

    static func node(
        _ type: String, _ inputs: [String], _ outputs: [String], domain: String = "", attributes: [Message] = []
    ) -> Message {
        let names = inputs.reduce(Message()) { $0.adding(1, $1) }
        let results = outputs.reduce(names) { $0.adding(2, $1) }
        return results.adding(4, type).adding(5, attributes).adding(7, domain)
    }

    static func attribute(_ name: String, _ value: Int) -> Message {
        Message().adding(1, name).adding(3, value).adding(20, 2)
    }

    static func attribute(_ name: String, _ value: String) -> Message {
        Message().adding(1, name).adding(4, value).adding(20, 3)
    }

    static func attribute(_ name: String, _ values: [Int]) -> Message {
        values.reduce(Message().adding(1, name)) { $0.adding(8, $1) }.adding(20, 7)
    }

    static func attribute(_ name: String, graph: Message) -> Message {
        Message().adding(1, name).adding(6, graph).adding(20, 5)
    }

    static func graph(
        _ nodes: [Message], inputs: [Message] = [], outputs: [Message], initializers: [Message] = []
    ) -> Message {
        Message().adding(1, nodes).adding(2, "test").adding(5, initializers).adding(11, inputs).adding(12, outputs)
    }

    static func model(_ graph: Message, opset: Int = 17) -> [UInt8] {
        Message().adding(1, 8).adding(7, graph).adding(8, Message().adding(1, "").adding(2, opset)).bytes
    }

    /// int64 values as `raw_data`.
    static func int64s(_ name: String, _ values: [Int]) -> Message {
        tensor(name, 7, [values.count]).adding(9, values.flatMap { Message.littleEndian(Int64($0)) })
    }

    /// float32 values as `raw_data`.
    static func floats(_ name: String, _ values: [Float], _ dimensions: [Int]? = nil) -> Message {
        tensor(name, 1, dimensions ?? [values.count])
            .adding(9, values.flatMap { Message.littleEndian($0.bitPattern) })
    }
}
