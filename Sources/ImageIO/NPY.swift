import TensorCore

/// NumPy's array files, format versions 1 to 3, little endian, C and Fortran order.
///
/// Source: numpy.lib.format's description of the format.
public enum NPY {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// The array in the file at `path`.
    ///
    /// - Throws: `.missingFile`; `.badData` for damaged or cut files; `.unsupported` for other element types.
    public static func read(_ path: String) throws(Diagnostic) -> Tensor {
        let bytes = try FileBytes.read(path, limit: 1 << 33)
        do {
            return try decode(bytes)
        } catch {
            throw error.located(in: path)
        }
    }

    /// Writes `tensor` whole or not at all; see ``AtomicFile``.
    public static func write(_ tensor: Tensor, to path: String) throws(Diagnostic) {
        try AtomicFile.write(encode(tensor), to: path)
    }

    /// The file of `tensor`, version 1.0, C order, data aligned to 64 bytes. `int4` becomes `int8`.
    public static func encode(_ tensor: Tensor) -> [UInt8] {
        let dimensions = tensor.shape.dimensions
        let extents = dimensions.map(String.init).joined(separator: ", ") + (dimensions.count == 1 ? "," : "")
        var header =
            "{'descr': '\(descriptor(tensor.elementType))', 'fortran_order': False, 'shape': (\(extents)), }"
        let unpadded = magic.count + 4 + header.utf8.count + 1
        header += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
        let length = header.utf8.count
        var bytes = magic + [1, 0, UInt8(truncatingIfNeeded: length), UInt8(truncatingIfNeeded: length >> 8)]
        bytes += header.utf8
        tensor.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// The array in `bytes`; bytes after it are refused. See ``read(_:)``.
    public static func decode(_ bytes: [UInt8]) throws(Diagnostic) -> Tensor {
        guard bytes.starts(with: magic) else {
            throw Diagnostic(.badData, at: "byte 0", "is not an .npy file", suggestion: "write it with numpy.save")
        }
        let reader = ByteReader(bytes[...])
        guard let version = reader.byte(at: 6), (1...3).contains(version) else {
            throw Diagnostic(.unsupported, at: "byte 6", "is not of .npy version 1, 2 or 3")
        }
        let start = version == 1 ? 10 : 12
        guard let length = version == 1 ? reader.word(at: 8) : reader.long(at: 8), length <= 1 << 20,
            start + length <= bytes.count
        else { throw Diagnostic(.badData, at: "byte 8", "the header is longer than the file") }
        let header = try NPYHeader(String(decoding: bytes[start..<(start + length)], as: UTF8.self))

        let dataStart = start + length
        let available = bytes.count - dataStart
        let shape = Shape(header.shape)
        guard let count = shape.checkedElementCount(), count <= available / header.elementType.byteCount else {
            throw Diagnostic(
                .badData, at: "byte \(bytes.count)",
                "the file ends early: \(header.elementType.rawValue) \(shape) does not fit in \(available) bytes")
        }
        guard count * header.elementType.byteCount == available else {
            throw Diagnostic(
                .badData, at: "byte \(dataStart)", "\(available) bytes follow where \(shape) was announced")
        }
        let storedShape = header.isFortranOrder ? Shape(header.shape.reversed()) : shape
        let stored = bytes.withUnsafeBytes { buffer in
            Tensor(
                TensorType(header.elementType, storedShape),
                bytes: UnsafeRawBufferPointer(rebasing: buffer[dataStart...]))
        }
        guard let stored else { throw Diagnostic(.internalError, at: "byte \(dataStart)", "the array was misread") }
        return header.isFortranOrder ? reversedAxes(stored) : stored
    }

    private static func descriptor(_ type: ElementType) -> String {
        switch type {
        case .float16: "<f2"
        case .float32: "<f4"
        case .float64: "<f8"
        case .int4, .int8: "|i1"
        case .int16: "<i2"
        case .int32: "<i4"
        case .int64: "<i8"
        case .uint8: "|u1"
        case .uint16: "<u2"
        case .uint32: "<u4"
        case .uint64: "<u8"
        case .bool: "|b1"
        }
    }

    /// The transpose of `tensor` over all axes.
    private static func reversedAxes(_ tensor: Tensor) -> Tensor {
        let shape = Shape(tensor.shape.dimensions.reversed())
        var result = Tensor(zeros: TensorType(tensor.elementType, shape))
        let size = tensor.elementType.byteCount
        let sourceStrides = Array(tensor.shape.strides.reversed())
        let count = tensor.count
        result.withUnsafeMutableBytes { to in
            tensor.withUnsafeBytes { from in
                var index = [Int](repeating: 0, count: shape.rank)
                var source = 0
                for position in 0..<count {
                    for byte in 0..<size { to[position * size + byte] = from[source * size + byte] }
                    var axis = shape.rank - 1
                    while axis >= 0 {
                        index[axis] += 1
                        source += sourceStrides[axis]
                        if index[axis] < shape.dimensions[axis] { break }
                        source -= index[axis] * sourceStrides[axis]
                        index[axis] = 0
                        axis -= 1
                    }
                }
            }
        }
        return result
    }
}
