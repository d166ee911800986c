import TensorCore

/// PGM and PPM: binary (P5, P6) and text (P2, P3), up to 16 bits (binary samples above 255 are big endian).
enum PortableMap {
    /// - Throws: `.badData` for cut or contradictory files; `.unsupported` for bitmaps (P1, P4).
    static func decode(_ bytes: [UInt8]) throws(Diagnostic) -> DecodedImage {
        guard bytes.count > 2, let kind = [0x32: 1, 0x33: 3, 0x35: 1, 0x36: 3][Int(bytes[1])] else {
            throw Diagnostic(.unsupported, at: "PBM", "black and white bitmaps are not read", suggestion: "use PGM")
        }
        var scanner = HeaderScanner(bytes: bytes, position: 2)
        guard let width = scanner.number(), let height = scanner.number(), let maximum = scanner.number(),
            width > 0, height > 0, (1...65535).contains(maximum), width <= ImageFile.maximumPixels / height
        else { throw Diagnostic(.badData, at: "PGM byte \(scanner.position)", "the header is damaged or too large") }
        let count = width * height * kind
        var samples: [UInt16] = []
        samples.reserveCapacity(min(count, bytes.count))
        func cut() -> Diagnostic { Diagnostic(.badData, at: "PGM byte \(bytes.count)", "the file ends early") }
        if bytes[1] < 0x34 {
            for _ in 0..<count {
                guard let value = scanner.number(), value <= maximum else {
                    throw Diagnostic(.badData, at: "PGM byte \(scanner.position)", "a sample is missing or too large")
                }
                samples.append(UInt16(value))
            }
        } else {
            let start = scanner.position + 1
            let width = maximum > 255 ? 2 : 1
            guard start <= bytes.count, count <= (bytes.count - start) / width else { throw cut() }
            for index in 0..<count {
                let offset = start + index * width
                let sample =
                    width == 1 ? UInt16(bytes[offset]) : UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
                samples.append(sample)
            }
        }
        return DecodedImage(
            width: width, height: height, channels: kind, maximum: maximum, samples: samples)
    }
}

/// Decimal numbers and words between white space and `#` comments.
struct HeaderScanner {
    let bytes: [UInt8]
    /// After a number: the white space that ends it.
    var position: Int

    /// The next number below 10^9, or nil.
    mutating func number() -> Int? {
        guard let word = word(), word.count < 10 else { return nil }
        return Int(word)
    }

    /// The next run of printable characters, at most 64, or nil at the end.
    mutating func word() -> String? {
        while position < bytes.count {
            let byte = bytes[position]
            if byte == 0x23 {
                while position < bytes.count, bytes[position] != 0x0A { position += 1 }
            } else if byte == 0x20 || (0x09...0x0D).contains(byte) {
                position += 1
            } else {
                break
            }
        }
        let start = position
        while position < bytes.count, position - start < 64, (0x21...0x7E).contains(bytes[position]) { position += 1 }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }
}
