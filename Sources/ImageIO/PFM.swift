import TensorCore

/// Portable float maps: one or three channels of binary32, rows stored from the bottom.
public enum PFM {
    /// The file of a map of `height * width` values, rows from the top, little endian. Values keep their bits.
    public static func encode(width: Int, height: Int, values: [Float]) -> [UInt8] {
        precondition(values.count == width * height, "\(values.count) values")
        var bytes = Array("Pf\n\(width) \(height)\n-1.0\n".utf8)
        bytes.reserveCapacity(bytes.count + 4 * values.count)
        for y in stride(from: height - 1, through: 0, by: -1) {
            for value in values[(y * width)..<((y + 1) * width)] {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }

    /// A float32 tensor of shape height x width (`Pf`) or height x width x 3 (`PF`), rows from the top.
    ///
    /// - Throws: `.badData` for cut or contradictory files.
    public static func decode(_ bytes: [UInt8]) throws(Diagnostic) -> Tensor {
        var scanner = HeaderScanner(bytes: bytes, position: 0)
        guard let kind = scanner.word(), kind == "Pf" || kind == "PF", let width = scanner.number(),
            let height = scanner.number(), let scale = scanner.word().flatMap(Double.init), scale != 0, width > 0,
            height > 0, width <= ImageFile.maximumPixels / height
        else { throw Diagnostic(.badData, at: "PFM byte \(scanner.position)", "the header is damaged or too large") }
        let channels = kind == "PF" ? 3 : 1
        let start = scanner.position + 1
        let row = width * channels
        guard start <= bytes.count, height * row <= (bytes.count - start) / 4 else {
            throw Diagnostic(.badData, at: "PFM byte \(bytes.count)", "the file ends early")
        }
        var values: [Float] = []
        values.reserveCapacity(height * row)
        let reader = ByteReader(bytes[...], isLittleEndian: scale < 0)
        for y in 0..<height {
            for x in 0..<row {
                let bits = reader.long(at: start + 4 * ((height - 1 - y) * row + x)) ?? 0
                values.append(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
            }
        }
        return Tensor(values, shape: channels == 1 ? [height, width] : [height, width, 3])
    }
}
