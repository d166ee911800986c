import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Bytes of files: sizes are checked before anything is read.
enum ModelFile {
    /// Model files of this size and above are refused: protobuf messages cannot be longer.
    static let sizeLimit = 1 << 31

    /// Calls `body` with the bytes of a model file, mapped into memory.
    static func withBytes<R>(of path: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        try withDescriptor(path) { descriptor, size in
            guard size < sizeLimit else {
                throw Diagnostic(
                    .badModel, at: path, "the file has \(size) bytes; an ONNX model has less than 2 GiB",
                    suggestion: "keep large weights in an external data file")
            }
            return try map(descriptor, offset: 0, count: size, at: path, body)
        }
    }

    /// Calls `body` with `count` bytes from `offset` of a file; a nil count means up to the end.
    static func withBytes<R>(
        of path: String, offset: Int, count: Int?, _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        try withDescriptor(path) { descriptor, size in
            guard offset >= 0, offset <= size, (count ?? 0) >= 0, (count ?? 0) <= size - offset else {
                throw Diagnostic(
                    .badModel, at: path,
                    "\(count.map(String.init) ?? "all") bytes at offset \(offset) lie outside the file's \(size)")
            }
            return try map(descriptor, offset: offset, count: count ?? size - offset, at: path, body)
        }
    }

    private static func withDescriptor<R>(_ path: String, _ body: (Int32, Int) throws -> R) throws -> R {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw Diagnostic(.missingFile, at: path, String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Diagnostic(.badModel, at: path, "it is not a regular file")
        }
        return try body(descriptor, Int(status.st_size))
    }

    private static func map<R>(
        _ descriptor: Int32, offset: Int, count: Int, at path: String, _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        guard count > 0 else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let lead = offset % Int(sysconf(Int32(_SC_PAGESIZE)))
        guard
            let start = mmap(nil, count + lead, PROT_READ, MAP_PRIVATE, descriptor, off_t(offset - lead)),
            start != MAP_FAILED
        else {
            throw Diagnostic(.badModel, at: path, "cannot read: \(String(cString: strerror(errno)))")
        }
        defer { munmap(start, count + lead) }
        return try body(UnsafeRawBufferPointer(start: start + lead, count: count))
    }
}
