import CTFLite
import TensorCore

/// A verified file: Swift types over the C interface. Valid only as long as the bytes it was made from.
struct TFLiteFile {
    private let model: CTFLModel
    let info: CTFLModelInfo

    /// - Throws: `Diagnostic` (.badModel) when the bytes are not a sound TFLite file.
    init(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count <= TFLiteCodec.maximumFileSize else {
            throw Diagnostic(.badModel, at: "", "\(bytes.count) bytes are more than the format's 2 GiB")
        }
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count > 0 else {
            throw Diagnostic(.badModel, at: "", "the file is empty")
        }
        var model = CTFLModel(root: base, bytes: base, byteCount: bytes.count)
        switch ctfl_open(base, bytes.count, &model) {
        case CTFLOk: break
        case CTFLNotTFLite:
            throw Diagnostic(
                .badModel, at: "byte 4", "not a TFLite file: the identifier TFL3 is missing",
                suggestion: "give a .tflite or .onnx file")
        default:
            throw Diagnostic(
                .badModel, at: "", "the flatbuffer is damaged: an offset or a length points outside the file")
        }
        self.model = model
        info = ctfl_model_info(model)
    }

    func operatorCode(_ index: Int) throws -> CTFLOperatorCode {
        var result = CTFLOperatorCode()
        try check(ctfl_operator_code(model, index, &result), "operator code \(index)")
        return result
    }

    func subgraph(_ index: Int) throws -> CTFLSubgraph {
        var result = CTFLSubgraph()
        try check(ctfl_subgraph(model, index, &result), "subgraph \(index)")
        return result
    }

    func tensor(_ index: Int) throws -> CTFLTensor {
        var result = CTFLTensor()
        try check(ctfl_tensor(model, 0, index, &result), "tensor \(index)")
        return result
    }

    func operation(_ index: Int) throws -> CTFLOperator {
        var result = CTFLOperator()
        try check(ctfl_operator(model, 0, index, &result), "operator \(index)")
        return result
    }

    func buffer(_ index: Int) throws -> CTFLSpan {
        var result = CTFLSpan()
        try check(ctfl_buffer(model, index, &result), "buffer \(index)")
        return result
    }

    /// Metadata entries by name; of several with one name the first counts.
    func metadata() throws -> [String: [UInt8]] {
        var entries: [String: [UInt8]] = [:]
        for index in 0..<info.metadataCount {
            var name = CTFLSpan()
            var bufferIndex: UInt32 = 0
            try check(ctfl_metadata(model, index, &name, &bufferIndex), "metadata \(index)")
            let key = name.string
            guard entries[key] == nil, key != "min_runtime_version" else { continue }
            entries[key] = Array(try buffer(Int(bufferIndex)).bytes)
        }
        return entries
    }

    private func check(_ status: CTFLStatus, _ part: String) throws {
        if status != CTFLOk {
            throw Diagnostic(.badModel, at: part, "the file refers to it, but it is missing or outside the file")
        }
    }
}

extension CTFLSpan {
    /// The bytes of a span of bytes.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : count) }

    /// The elements of a span of `T`.
    func elements<T: BitwiseCopyable>(_: T.Type) -> [T] {
        guard let data else { return [] }
        return (0..<count).map { data.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self) }
    }

    /// int32 elements as `Int`.
    var integers: [Int] { elements(Int32.self).map(Int.init) }

    /// Text; broken UTF-8 is repaired.
    var string: String { String(decoding: bytes, as: UTF8.self) }
}
