import Foundation
import GraphIR
import TensorCore
import TFLiteCodec
import Testing

@Suite(.enabled(if: SharedModels.folder != nil, "DEPTHC_SHARED is not set"))
struct ForeignModelTests {
    @Test func noFileGoesUnnoticed() throws {
        #expect(SharedModels.files.count >= 211)
        #expect(try SharedModels.refused().count <= 49)
        #expect(SharedModels.depthFiles.count >= 7)
    }

    @Test(arguments: SharedModels.files)
    func roundTripsOrIsRefusedByName(_ file: String) throws {
        let bytes = try SharedModels.bytes(file)
        if let refusal = try SharedModels.refused()[file] {
            #expect {
                _ = try TFLiteCodec.decode(bytes: bytes, path: file)
            } throws: { error in
                guard let diagnostic = error as? Diagnostic else { return false }
                return diagnostic.code.rawValue == refusal.code && diagnostic.location.hasPrefix(file)
                    && "\(diagnostic)".contains(refusal.reason)
            }
            return
        }
        let model = try TFLiteCodec.decode(bytes: bytes, path: file)
        try model.graph.verify()
        let written = try TFLiteCodec.encode(model.graph, metadata: model.metadata)
        let read = try TFLiteCodec.decode(bytes: written, path: file)
        #expect(read.graph.firstDifference(from: try TFLiteCodec.canonical(model.graph)) == nil)
        #expect(try TFLiteCodec.encode(read.graph, metadata: read.metadata) == written)
        // Buffers are aligned and the minimum runtime version is written; nothing else may grow.
        #expect(written.count <= bytes.count + bytes.count / 100 + 512)
    }

    @Test func outputShapeGivenAsInputCanBeFixed() throws {
        let file = "tflite-micro/seanet/transpose_conv/transpose_conv0.tflite"
        let name = "streamable_model_10/unet_0/decoder_4/conv2dtranspose_3x4/conv/stack"
        let shape = Tensor([Int32(1), 3, 12, 64], shape: [4])
        let model = try TFLiteCodec.decode(
            bytes: try SharedModels.bytes(file), path: file, fixedInputs: [name: shape])
        #expect(model.graph.type(of: model.graph.outputs[0].value).shape == [1, 3, 12, 64])
    }

    /// LiteRT's reference kernels give the same bytes for a file and for its re-export. One process for all files.
    @Test(.enabled(if: SharedModels.python != nil, "no Python environment: run tools/setup"))
    func reexportsRunAlikeInLiteRT() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("depthc-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let refused = try SharedModels.refused()
        var count = 0
        for file in SharedModels.files where refused[file] == nil {
            let model = try TFLiteCodec.decode(bytes: try SharedModels.bytes(file), path: file)
            let target = folder.appendingPathComponent(file)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(try TFLiteCodec.encode(model.graph)).write(to: target)
            count += 1
        }
        let original = try #require(SharedModels.folder)
        let (status, output) = try SharedModels.run("compare_reexport.py", [original.path, folder.path])
        let lines = output.split(separator: "\n")
        #expect(status == 0, "\(lines.filter { $0.contains(": different") }.joined(separator: "\n"))")
        #expect(lines.count == count)
        #expect(lines.filter { $0.contains(": same") }.count >= count - 3)
    }
}

@Suite(.enabled(if: SharedModels.python != nil, "no Python environment: run tools/setup"))
struct LiteRTLoadTests {
    /// Every operator in every form that is tested here is a file that LiteRT loads and runs. One process for all.
    @Test func everyOperatorLoads() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("depthc-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (index, model) in OneOperatorModels.all.enumerated() {
            let bytes = try TFLiteCodec.encode(model.graph)
            try Data(bytes).write(to: folder.appendingPathComponent("\(index).tflite"))
        }
        let (status, output) = try SharedModels.run("compare_reexport.py", [folder.path, folder.path])
        let failures = output.split(separator: "\n").filter { !$0.contains(": same") }.map { line -> String in
            let index = Int(line.prefix { $0.isNumber }) ?? 0
            return "\(OneOperatorModels.all[index]): \(line)"
        }
        #expect(status == 0)
        #expect(failures == [])
    }
}
