import CImageIO
import TensorCore

/// Reads pictures: PNG, JPEG, BMP, PGM and PPM, told apart by their first bytes.
public enum ImageFile {
    /// The largest picture that is read, in pixels.
    public static let maximumPixels = 1 << 26
    /// The endings (lower case) of the files that ``read(_:)`` can be expected to understand.
    public static let extensions: Set<String> = ["png", "jpg", "jpeg", "bmp", "pgm", "ppm"]

    /// The picture in the file at `path`, turned upright by its EXIF orientation.
    ///
    /// - Throws: `.missingFile`; `.badData` for damaged, cut or oversized files; `.unsupported` for other formats.
    public static func read(_ path: String) throws(Diagnostic) -> DecodedImage {
        let bytes = try FileBytes.read(path, limit: 1 << 29)
        do {
            return try decode(bytes)
        } catch {
            throw error.located(in: path)
        }
    }

    /// The picture in `bytes`; see ``read(_:)``.
    public static func decode(_ bytes: [UInt8]) throws(Diagnostic) -> DecodedImage {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
            let image = try decode(bytes, as: "PNG", with: cimageio_png_decode)
            return image.oriented(ExifOrientation.inPNG(bytes))
        }
        if bytes.starts(with: [0xFF, 0xD8]) {
            let image = try decode(bytes, as: "JPEG", with: cimageio_jpeg_decode)
            return image.oriented(ExifOrientation.inJPEG(bytes))
        }
        if bytes.starts(with: [0x42, 0x4D]) { return try BMP.decode(bytes) }
        if bytes.count > 2, bytes[0] == 0x50, (0x31...0x36).contains(bytes[1]) { return try PortableMap.decode(bytes) }
        throw Diagnostic(
            .unsupported, at: "", bytes.isEmpty ? "the file is empty" : "is not a picture depthc reads",
            suggestion: "PNG, JPEG, BMP, PGM and PPM work")
    }

    private typealias Decoder = (
        UnsafePointer<UInt8>?, Int, UInt64, UnsafeMutablePointer<cimageio_image>?, UnsafeMutablePointer<CChar>?, Int
    ) -> Int32

    private static func decode(
        _ bytes: [UInt8], as format: String, with decoder: Decoder
    ) throws(Diagnostic) -> DecodedImage {
        var picture = cimageio_image()
        var text = [CChar](repeating: 0, count: 256)
        let result = decoder(bytes, bytes.count, UInt64(maximumPixels), &picture, &text, text.count)
        guard result == 0, let pixels = picture.pixels else { throw Diagnostic(.badData, at: format, message(text)) }
        defer { cimageio_free(pixels) }
        let samples: [UInt16]
        if picture.bits == 16 {
            samples = [UInt16](unsafeUninitializedCapacity: picture.byte_count / 2) { buffer, count in
                UnsafeMutableRawBufferPointer(buffer).copyMemory(
                    from: UnsafeRawBufferPointer(start: pixels, count: picture.byte_count))
                count = picture.byte_count / 2
            }
        } else {
            samples = UnsafeBufferPointer(start: pixels, count: picture.byte_count).map { UInt16($0) }
        }
        return DecodedImage(
            width: Int(picture.width), height: Int(picture.height), channels: Int(picture.channels),
            maximum: picture.bits == 16 ? 65535 : 255, samples: samples)
    }

    private static func message(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The PNG file of `image`: 16-bit when its maximum is above 255, else 8-bit. Samples are stored as they are.
    ///
    /// - Throws: `.internalError` when libpng refuses the picture (more than 2^31 - 1 rows or columns, or none).
    public static func png(_ image: DecodedImage) throws(Diagnostic) -> [UInt8] {
        let wide = image.maximum > 255
        var raw: [UInt8]
        if wide {
            raw = image.samples.withUnsafeBytes { Array($0) }
        } else {
            raw = image.samples.map { UInt8(truncatingIfNeeded: $0) }
        }
        return try encode(
            &raw, width: image.width, height: image.height, channels: image.channels, bits: wide ? 16 : 8)
    }

    /// The PNG file of `image`.
    public static func png(_ image: Image) throws(Diagnostic) -> [UInt8] {
        var raw = image.pixels
        return try encode(&raw, width: image.width, height: image.height, channels: image.channels, bits: 8)
    }

    private static func encode(
        _ raw: inout [UInt8], width: Int, height: Int, channels: Int, bits: UInt32
    ) throws(Diagnostic) -> [UInt8] {
        var text = [CChar](repeating: 0, count: 256)
        var encoded: UnsafeMutablePointer<UInt8>?
        var count = 0
        let size = raw.count
        let result = raw.withUnsafeMutableBufferPointer { buffer in
            var picture = cimageio_image(
                width: UInt32(clamping: width), height: UInt32(clamping: height), channels: UInt32(clamping: channels),
                bits: bits, pixels: buffer.baseAddress, byte_count: size)
            return cimageio_png_encode(&picture, &encoded, &count, &text, text.count)
        }
        guard result == 0, let encoded else { throw Diagnostic(.internalError, at: "PNG", message(text)) }
        defer { cimageio_free(encoded) }
        return Array(UnsafeBufferPointer(start: encoded, count: count))
    }
}
