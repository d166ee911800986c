import TensorCore

/// Windows bitmaps without compression: 8-bit palette, 24-bit and 32-bit (whose fourth byte is not read).
enum BMP {
    /// - Throws: `.badData` for cut or contradictory files; `.unsupported` for compression and other depths.
    static func decode(_ bytes: [UInt8]) throws(Diagnostic) -> DecodedImage {
        let reader = ByteReader(bytes[...])
        func cut() -> Diagnostic { Diagnostic(.badData, at: "BMP", "the file ends early") }
        guard let dataOffset = reader.long(at: 10), let headerSize = reader.long(at: 14),
            let width = reader.signedLong(at: 18), let signedHeight = reader.signedLong(at: 22),
            let depth = reader.word(at: 28), let compression = reader.long(at: 30),
            let usedColors = reader.long(at: 46)
        else { throw cut() }
        let height = abs(signedHeight)
        guard headerSize >= 40, width > 0, height > 0, width <= ImageFile.maximumPixels / height else {
            throw Diagnostic(.badData, at: "BMP", "the size \(width)x\(signedHeight) is not possible or too large")
        }
        let hasMasks = compression == 3 && depth == 32
        guard [8, 24, 32].contains(depth), compression == 0 || hasMasks else {
            throw Diagnostic(
                .unsupported, at: "BMP", "\(depth) bits with compression \(compression) is not supported",
                suggestion: "save it as PNG")
        }
        if hasMasks {
            guard reader.long(at: 54) == 0xFF0000, reader.long(at: 58) == 0xFF00, reader.long(at: 62) == 0xFF else {
                throw Diagnostic(.unsupported, at: "BMP", "the colour masks are not supported", suggestion: "use PNG")
            }
        }
        let rowBytes = (width * depth + 31) / 32 * 4
        guard dataOffset >= 0, dataOffset <= bytes.count, rowBytes <= (bytes.count - dataOffset) / height else {
            throw cut()
        }
        let palette = 14 + headerSize
        let colors = depth == 8 ? (usedColors == 0 ? 256 : usedColors) : 0
        guard colors <= 256, colors == 0 || palette + 4 * colors <= bytes.count else { throw cut() }

        var samples: [UInt16] = []
        samples.reserveCapacity(width * height * 3)
        for y in 0..<height {
            let row = dataOffset + rowBytes * (signedHeight > 0 ? height - 1 - y : y)
            for x in 0..<width {
                var offset = row + x * depth / 8
                if depth == 8 {
                    guard bytes[offset] < colors else {
                        throw Diagnostic(.badData, at: "BMP", "colour \(bytes[offset]) is not in the palette")
                    }
                    offset = palette + 4 * Int(bytes[offset])
                }
                for channel in 0..<3 { samples.append(UInt16(bytes[offset + 2 - channel])) }
            }
        }
        return DecodedImage(width: width, height: height, channels: 3, maximum: 255, samples: samples)
    }
}
