import TensorCore

/// The Python dictionary at the head of an `.npy` file: element type, order of the axes and shape.
struct NPYHeader {
    var elementType: ElementType
    var isFortranOrder: Bool
    var shape: [Int]

    /// - Throws: `.badData` when `text` is not such a dictionary; `.unsupported` for types depthc does not have.
    init(_ text: String) throws(Diagnostic) {
        guard let type = Self.value(of: "descr", in: text), let order = Self.value(of: "fortran_order", in: text),
            let extents = Self.value(of: "shape", in: text)
        else { throw Self.damaged("needs descr, fortran_order and shape") }
        elementType = try Self.elementType(type)
        switch order {
        case "True": isFortranOrder = true
        case "False": isFortranOrder = false
        default: throw Self.damaged("fortran_order is \(order.prefix(20))")
        }
        guard extents.first == "(", extents.last == ")" else { throw Self.damaged("shape is \(extents.prefix(40))") }
        shape = []
        for part in extents.dropFirst().dropLast().split(separator: ",") {
            let digits = part.filter { $0 != " " }
            if digits.isEmpty { continue }
            guard let extent = Int(digits), extent >= 0 else { throw Self.damaged("shape is \(extents.prefix(40))") }
            shape.append(extent)
        }
        guard shape.count <= 32 else { throw Self.damaged("\(shape.count) axes") }
    }

    private static func damaged(_ what: String) -> Diagnostic {
        Diagnostic(.badData, at: "header", "is damaged: \(what)")
    }

    /// What follows `'key':`, up to its end: a quoted string without its quotes, a tuple with its parentheses, a word.
    private static func value(of key: String, in text: String) -> Substring? {
        guard let keyRange = text.ranges(of: "'\(key)'").first else { return nil }
        var rest = text[keyRange.upperBound...].drop { $0 == " " }
        guard rest.first == ":" else { return nil }
        rest = rest.dropFirst().drop { $0 == " " }
        if rest.first == "'" {
            rest = rest.dropFirst()
            return rest.firstIndex(of: "'").map { rest[..<$0] }
        }
        if rest.first == "(" { return rest.firstIndex(of: ")").map { rest[...$0] } }
        return rest.prefix { $0 != "," && $0 != " " && $0 != "}" }
    }

    private static func elementType(_ descriptor: Substring) throws(Diagnostic) -> ElementType {
        let types: [Substring: ElementType] = [
            "f2": .float16, "f4": .float32, "f8": .float64, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64,
            "u1": .uint8, "u2": .uint16, "u4": .uint32, "u8": .uint64, "b1": .bool,
        ]
        guard let order = descriptor.first, let type = types[descriptor.dropFirst()] else {
            throw Diagnostic(
                .unsupported, at: "header", "elements of type '\(descriptor.prefix(20))' are not supported",
                suggestion: "floats of 16 to 64 bits, integers of 8 to 64 bits and bool work")
        }
        guard order == "<" || order == "|" || (type.byteCount == 1 && (order == ">" || order == "=")) else {
            throw Diagnostic(
                .unsupported, at: "header", "the elements are big endian ('\(descriptor.prefix(20))')",
                suggestion: "convert with array.astype(array.dtype.newbyteorder('<'))")
        }
        return type
    }
}
