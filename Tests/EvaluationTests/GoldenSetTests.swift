import Evaluation
import Foundation
import TensorCore
import Testing

@Suite struct GoldenSetTests {
    static func temporaryFolder() -> String { NSTemporaryDirectory() + "depthc-golden-\(UUID().uuidString)" }

    @Test func whatIsWrittenIsRead() throws {
        let folder = Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let input = Tensor([Float(1), 2], shape: [1, 2])
        let output = Tensor([Int8(3)], shape: [1])
        var set = GoldenSet(
            newAt: folder,
            info: .init(
                model: "m.onnx", producer: "test", producerVersion: "1", tolerance: .exact, inputs: ["a/b"],
                outputs: ["c:0"]))
        try set.write(sample: "000", inputs: [input], outputs: [output])
        #expect(throws: Diagnostic.self) { _ = try GoldenSet(path: folder) }
        try set.writeCase()
        let read = try GoldenSet(path: folder)
        #expect(read.info == set.info && read.info.inputs[0].file == "a_b.npy")
        #expect(try #require(read.inputs(of: "000")["a/b"]).isIdentical(to: input))
        #expect(try #require(read.outputs(of: "000")["c:0"]).isIdentical(to: output))
    }

    @Test(arguments: [
        "", "{", "[]", "{\"model\": 1}",
        """
        {"model":"m","producer":"p","producerVersion":"1","tolerance":{"name":"loose"},"inputs":[],"outputs":[],"samples":[]}
        """,
        """
        {"model":"m","producer":"p","producerVersion":"1","tolerance":{"name":"exact"},"inputs":[],
        "outputs":[{"name":"a","file":"../a.npy"}],"samples":["000"]}
        """,
        """
        {"model":"m","producer":"p","producerVersion":"1","tolerance":{"name":"exact"},"inputs":[],
        "outputs":[{"name":"a","file":"a.npy"}],"samples":[]}
        """,
    ])
    func damagedCasesAreRefused(_ text: String) throws {
        let folder = Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/case.json"))
        #expect {
            _ = try GoldenSet(path: folder)
        } throws: {
            ($0 as? Diagnostic)?.code == .badData
        }
    }

    @Test func theProjectsOwnSetsComeFromForeignRuntimes() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("golden")
        let names = try FileManager.default.contentsOfDirectory(atPath: root.path)
            .filter { FileManager.default.fileExists(atPath: root.appendingPathComponent("\($0)/case.json").path) }
        #expect(names.count >= 1)
        for name in names {
            let set = try GoldenSet(path: root.appendingPathComponent(name).path)
            #expect(["onnxruntime", "litert"].contains(set.info.producer), "\(name)")
            for sample in set.info.samples {
                #expect(try set.inputs(of: sample).count == set.info.inputs.count)
                #expect(try set.outputs(of: sample).count == set.info.outputs.count)
            }
        }
    }
}
