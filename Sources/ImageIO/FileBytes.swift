import Foundation
import TensorCore

/// Whole files in and out, with every failure told as a ``Diagnostic``.
public enum FileBytes {
    /// The size of the file at `path`, in bytes.
    ///
    /// - Throws: `.missingFile` when there is no such file or it is a folder.
    public static func size(of path: String) throws(Diagnostic) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw Diagnostic(.missingFile, at: path, "cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw Diagnostic(.missingFile, at: path, "is a folder, not a file")
        }
        return Int(status.st_size)
    }

    /// The bytes of the file at `path`.
    ///
    /// - Throws: `.missingFile` when there is no such file, it is a folder or it cannot be read; `.badData` when it has
    ///   more than `limit` bytes (looked up before anything is read, so that sparse files cost nothing).
    public static func read(_ path: String, limit: Int = 1 << 31) throws(Diagnostic) -> [UInt8] {
        let size = try size(of: path)
        guard size <= limit else {
            throw Diagnostic(.badData, at: path, "is too large: \(size) bytes where \(limit) are read at most")
        }
        guard let file = fopen(path, "rb") else {
            throw Diagnostic(.missingFile, at: path, "cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        if size > 0 {
            return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                count = buffer.baseAddress.map { fread($0, 1, buffer.count, file) } ?? 0
            }
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return bytes }
            bytes += chunk[0..<count]
            if bytes.count > limit {
                throw Diagnostic(.badData, at: path, "is too large: more than \(limit) bytes")
            }
        }
    }
}

/// Files that appear whole or not at all.
public enum AtomicFile {
    /// Writes `bytes` beside `path` and renames the result; an existing file is replaced. Missing folders are made.
    ///
    /// - Throws: `.cannotWrite`; then nothing is left behind and an existing file is untouched.
    public static func write(_ bytes: some Sequence<UInt8>, to path: String) throws(Diagnostic) {
        let contiguous = Array(bytes)
        let folder = (path as NSString).deletingLastPathComponent
        if !folder.isEmpty { try makeFolder(folder) }
        let name = (path as NSString).lastPathComponent
        let temporary = (folder as NSString).appendingPathComponent(
            ".\(name).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).part")
        func failed(_ what: String) -> Diagnostic {
            Diagnostic(.cannotWrite, at: path, "\(what): \(String(cString: strerror(errno)))")
        }
        guard let file = fopen(temporary, "wbx") else { throw failed("cannot be written") }
        let written = contiguous.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { fwrite($0, 1, buffer.count, file) } ?? 0
        }
        let flushed = fflush(file) == 0
        let closed = fclose(file) == 0
        guard written == contiguous.count, flushed, closed else {
            let diagnostic = failed("cannot be written whole")
            unlink(temporary)
            throw diagnostic
        }
        guard rename(temporary, path) == 0 else {
            let diagnostic = failed("cannot be put in place")
            unlink(temporary)
            throw diagnostic
        }
    }

    /// Writes `text` as UTF-8; see ``write(_:to:)``.
    public static func write(text: String, to path: String) throws(Diagnostic) { try write(text.utf8, to: path) }

    /// Makes the folder `path` and those above it.
    public static func makeFolder(_ path: String) throws(Diagnostic) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw Diagnostic(.cannotWrite, at: path, "the folder cannot be made", suggestion: "name another folder")
        }
    }
}
