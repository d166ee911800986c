import Foundation

/// The depthc program that was built with the tests, run as a process of its own.
struct Program {
    struct Outcome {
        var code: Int32
        var output: String
        var errors: String

        /// Standard error without what was assumed.
        var errorLines: [Substring] {
            errors.split(separator: "\n").filter { !$0.hasPrefix("assumed: ") && !$0.hasPrefix("warning: ") }
        }
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("depthc")

    /// Runs `depthc` in the repository's folder and waits for its end.
    static func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    static func run(_ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.currentDirectoryURL = root
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = ["out", "err"].map { URL(fileURLWithPath: "\(folder)/\($0)") }
        for file in files { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        try process.run()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus, output: try String(contentsOf: files[0], encoding: .utf8),
            errors: try String(contentsOf: files[1], encoding: .utf8))
    }

    static func temporaryFolder() throws -> String {
        let path = NSTemporaryDirectory() + "depthc-cli-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
