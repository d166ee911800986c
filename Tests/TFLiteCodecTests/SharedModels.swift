import Foundation

/// Other people's models, in the folder that DEPTHC_SHARED names, and the foreign runtime that runs them.
enum SharedModels {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let folder: URL? = ProcessInfo.processInfo.environment["DEPTHC_SHARED"]
        .map { URL(fileURLWithPath: $0).appendingPathComponent("models/tflite") }

    /// Paths of all `.tflite` files below ``folder``, relative to it.
    static let files: [String] = {
        guard let folder else { return [] }
        let found = FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String]
        return (found ?? []).filter { $0.hasSuffix(".tflite") }.sorted()
    }()

    /// Those whose import every other part of the project builds on.
    static let depthFiles = files.filter { $0.hasPrefix("depth/") }

    static func bytes(_ file: String) throws -> [UInt8] {
        guard let folder else { throw CocoaError(.fileNoSuchFile) }
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(file)))
    }

    /// The refused files with the code and the reason they must give.
    static func refused() throws -> [String: (code: String, reason: String)] {
        let list = root.appendingPathComponent("Tests/TFLiteCodecTests/refused.txt")
        var result: [String: (code: String, reason: String)] = [:]
        for line in try String(contentsOf: list, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 2).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 3 { result[parts[0]] = (parts[1], parts[2]) }
        }
        return result
    }

    /// The interpreter of the virtual environment that tools/setup makes; nil where there is none.
    static let python: URL? = {
        let given = ProcessInfo.processInfo.environment["DEPTHC_PYTHON"].map { URL(fileURLWithPath: $0) }
        let python = given ?? root.appendingPathComponent(".venv/bin/python")
        return FileManager.default.isExecutableFile(atPath: python.path) ? python : nil
    }()

    /// Runs a script of tools/ and returns its exit status and standard output.
    static func run(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        guard let python else { throw CocoaError(.fileNoSuchFile) }
        let process = Process()
        process.executableURL = python
        process.arguments = [root.appendingPathComponent("tools/\(script)").path] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
