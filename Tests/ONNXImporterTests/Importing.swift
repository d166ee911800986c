import ONNXImporter
import TensorCore
import Testing

/// Imports bytes as if they came from `test.onnx`.
func imported(
    _ bytes: [UInt8], folder: String = "", _ options: ONNXImporter.Options = .init()
) throws -> ONNXImporter.Result {
    try bytes.withUnsafeBytes { try ONNXImporter.importModel(bytes: $0, path: folder + "test.onnx", options: options) }
}

/// The diagnostic that importing `bytes` ends with.
func refusal(_ bytes: [UInt8], folder: String = "", _ options: ONNXImporter.Options = .init()) throws -> Diagnostic {
    let error = #expect(throws: Diagnostic.self) { try imported(bytes, folder: folder, options) }
    return try #require(error)
}
