import Foundation
import GraphIR
import ONNXImporter
import Operators
import Passes
import TensorCore
import Testing

/// Third-party models under `DEPTHC_SHARED`: how many transposes are left, and that a second run changes nothing.
@Suite struct SharedModelTests {
    static let folder = ProcessInfo.processInfo.environment["DEPTHC_SHARED"]

    /// Model, and the TRANSPOSE operators that its source itself asks for: HITNet reorders tiles of 4x4 elements five
    /// times.
    static let models = [
        ("onnx/depth/hitnet_240x320_fp32.onnx", 5),
        ("onnx/depth/lite-mono-tiny_640x192_decoder.onnx", 0),
        ("onnx/depth/lite-mono-small_640x192_decoder.onnx", 0),
        ("onnx/depth/lite-mono-8m_640x192_decoder.onnx", 0),
    ]

    @Test(.enabled(if: folder != nil, "DEPTHC_SHARED is not set"), arguments: models)
    func onlyRequestedTransposesAreLeft(path: String, transposes: Int) throws {
        let file = "\(SharedModelTests.folder ?? "")/models/\(path)"
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        var graph = try bytes.withUnsafeBytes {
            try ONNXImporter.importModel(bytes: $0, path: path, options: .init()).graph
        }
        let constants = graph.valueIDs.compactMap { graph.constant($0)?.type.byteCount }.reduce(0, +)
        let pipeline = Pipeline.canonical(keepLayout: false)
        try pipeline.run(on: &graph)
        try graph.verify()
        #expect(graph.count("TRANSPOSE") == transposes)
        var again = graph
        try pipeline.run(on: &again)
        #expect(again.firstDifference(from: graph) == nil)
        // Folding does not inflate the model: 64 KiB is room for shapes and axes.
        let used = Set(graph.nodes.flatMap(\.inputs).compactMap { $0 })
        let after = used.compactMap { graph.constant($0)?.type.byteCount }.reduce(0, +)
        #expect(after <= constants + 65536)
    }
}
