import CTFLite
import TensorCore

/// A file under construction: Swift types over the C interface.
final class Builder {
    private let handle: OpaquePointer

    init() throws {
        guard let handle = ctfl_builder_create() else { throw Self.failure }
        self.handle = handle
    }

    deinit { ctfl_builder_destroy(handle) }

    private static var failure: Diagnostic {
        Diagnostic(.unsupported, at: "", "the file would be larger than the format's 2 GiB")
    }

    private func check(_ index: Int32) throws -> Int32 {
        if index < 0 { throw Self.failure }
        return index
    }

    private func check(_ status: CTFLStatus) throws {
        if status != CTFLOk { throw Self.failure }
    }

    func addBuffer(_ span: CTFLSpan) throws -> Int32 { try check(ctfl_builder_add_buffer(handle, span)) }

    func addOperatorCode(_ builtin: Int32, version: Int32) throws -> Int32 {
        try check(ctfl_builder_add_operator_code(handle, builtin, version))
    }

    func addTensor(name: String, type: TensorType, buffer: Int32) throws -> Int32 {
        let shape = try type.shape.dimensions.map(OperatorCoding.int32)
        let scales = type.quantization?.scales ?? []
        let zeroPoints = (type.quantization?.zeroPoints ?? []).map { Int64($0) }
        return try withSpan(Array(name.utf8)) { name in
            try withSpan(shape) { shape in
                try withSpan(scales) { scales in
                    try withSpan(zeroPoints) { zeroPoints in
                        var tensor = CTFLTensor()
                        tensor.name = name
                        tensor.shape = shape
                        tensor.type = type.elementType.tfliteType
                        tensor.buffer = UInt32(buffer)
                        tensor.hasQuantization = type.quantization != nil
                        tensor.scales = scales
                        tensor.zeroPoints = zeroPoints
                        tensor.quantizedDimension = try OperatorCoding.int32(type.quantization?.axis ?? 0)
                        return try check(ctfl_builder_add_tensor(handle, &tensor))
                    }
                }
            }
        }
    }

    func addOperator(
        code: Int32, inputs: [Int32], outputs: [Int32], options: CTFLOptions, dimensions: [Int32]?
    ) throws {
        try withSpan(inputs) { inputs in
            try withSpan(outputs) { outputs in
                try withSpan(dimensions ?? []) { dimensions in
                    var options = options
                    options.dimensions = dimensions
                    var operation = CTFLOperator()
                    operation.codeIndex = UInt32(code)
                    operation.inputs = inputs
                    operation.outputs = outputs
                    operation.options = options
                    try check(ctfl_builder_add_operator(handle, &operation))
                }
            }
        }
    }

    func addMetadata(name: String, buffer: Int32) throws {
        try check(ctfl_builder_add_metadata(handle, name, UInt32(buffer)))
    }

    func finish(inputs: [Int32], outputs: [Int32], name: String, description: String) throws -> [UInt8] {
        try withSpan(inputs) { inputs in
            try withSpan(outputs) { outputs in
                var bytes = CTFLSpan()
                try check(ctfl_builder_finish(handle, inputs, outputs, name, description, &bytes))
                return Array(bytes.bytes)
            }
        }
    }
}

/// Calls `body` with the elements of `array` as a span.
private func withSpan<T: BitwiseCopyable, R>(_ array: [T], _ body: (CTFLSpan) throws -> R) rethrows -> R {
    try array.withUnsafeBytes { try body(CTFLSpan(data: $0.baseAddress, count: array.count)) }
}
