import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private let hasGenerators = ["protoc-c", "flatc"].allSatisfy { program in
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
    }
}

@Suite struct GeneratedCodeTests {
    @Test(.enabled(if: hasGenerators, "protoc-c and flatc are installed"))
    func checkedInCodeIsWhatTheSchemaGives() throws {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("schemas-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        let process = Process()
        process.executableURL = root.appendingPathComponent("tools/generate-schemas")
        process.arguments = [scratch.path]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        for file in ["Sources/CONNX/onnx.pb-c.c", "Sources/CONNX/include/onnx.pb-c.h"] {
            let fresh = try Data(contentsOf: scratch.appendingPathComponent(file))
            #expect(try Data(contentsOf: root.appendingPathComponent(file)) == fresh, "\(file) is out of date")
        }
    }
}
