import Foundation
import Testing

/// The allowed imports, lowest target first: a target may import only those named for it.
private let allowed: [(target: String, imports: Set<String>)] = [
    ("TensorCore", []),
    ("ImageIO", ["TensorCore", "CImageIO", "CPNG", "CJPEG", "Foundation"]),
    ("Operators", ["TensorCore"]),
    ("ReferenceKernels", ["TensorCore", "Operators"]),
    ("GraphIR", ["TensorCore", "Operators"]),
    ("ONNXImporter", ["TensorCore", "Operators", "ReferenceKernels", "GraphIR", "CONNX", "CProtobufC"]),
    ("TFLiteCodec", ["TensorCore", "Operators", "GraphIR", "CTFLite"]),
    ("Runtime", ["TensorCore", "Operators", "ReferenceKernels", "GraphIR", "CKernels"]),
    ("Passes", ["TensorCore", "Operators", "ReferenceKernels", "GraphIR"]),
    ("Quantization", ["TensorCore", "Operators", "GraphIR", "Runtime", "Passes", "CKernels", "CLAPACK"]),
    ("CurveHead", ["TensorCore", "Operators", "GraphIR"]),
    ("DSPEmulator", ["TensorCore", "Operators", "GraphIR"]),
    ("Evaluation", ["TensorCore", "ImageIO", "Operators", "GraphIR", "Runtime", "Foundation"]),
    (
        "DepthCompiler",
        [
            "TensorCore", "ImageIO", "Operators", "ReferenceKernels", "GraphIR", "ONNXImporter", "TFLiteCodec",
            "Runtime", "Passes", "Quantization", "CurveHead", "DSPEmulator", "Evaluation", "Yams", "Foundation",
        ]
    ),
    (
        "depthc",
        ["DepthCompiler", "ArgumentParser", "Foundation"]
    ),
]
/// What every target may import for mathematics and threads.
private let platform: Set<String> = ["Glibc", "Darwin", "Dispatch", "Synchronization"]

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private func swiftFiles(in target: String) -> [URL] {
    let folder = root.appendingPathComponent("Sources/\(target)")
    let found = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects as? [URL]
    return (found ?? []).filter { $0.pathExtension == "swift" }
}

@Suite struct ImportTests {
    @Test(arguments: allowed.map(\.target))
    func importsOnlyWhatIsBelow(target: String) throws {
        let permitted = try #require(allowed.first { $0.target == target }).imports.union(platform)
        let files = swiftFiles(in: target)
        #expect(!files.isEmpty, "no sources found for \(target)")
        for file in files {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                guard let keyword = words.firstIndex(of: "import"), keyword <= 1, words.count > keyword + 1 else {
                    continue
                }
                guard keyword == 0 || words[0].hasPrefix("@") || words[0] == "public" || words[0] == "package" else {
                    continue
                }
                let module = words.last?.split(separator: ".").first.map(String.init) ?? ""
                #expect(permitted.contains(module), "\(file.lastPathComponent) imports \(module)")
            }
        }
    }

    @Test func everySwiftTargetIsListed() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("Sources").path)
        let swift = Set(folders.filter { !swiftFiles(in: $0).isEmpty })
        #expect(swift == Set(allowed.map(\.target)))
    }
}
