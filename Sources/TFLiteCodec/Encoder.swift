import CTFLite
import GraphIR
import Operators
import TensorCore

/// Writes a canonical graph as a file.
struct Encoder {
    private let graph: Graph
    private let builder: Builder
    private var tensors: [ValueID: Int32] = [:]
    private var codes: [OperatorCode: Int32] = [:]
    private var buffers = BufferTable()

    private struct OperatorCode: Hashable {
        var builtin: String
        var version: Int32
    }

    /// - Throws: `Diagnostic` when memory runs out.
    init(graph: Graph) throws {
        self.graph = graph
        builder = try Builder()
    }

    mutating func encode(metadata: [String: [UInt8]], description: String) throws -> [UInt8] {
        _ = try builder.addBuffer(CTFLSpan(data: nil, count: 0))
        let inputs = try graph.inputs.map { try tensor($0.value) }
        for node in graph.nodes {
            do {
                try add(node)
            } catch let diagnostic as Diagnostic {
                throw diagnostic.located(in: "\(node.op.name) \(node.location)")
            }
        }
        let outputs = try graph.outputs.map { try tensor($0.value) }
        try addMetadata(metadata)
        return try builder.finish(inputs: inputs, outputs: outputs, name: graph.name, description: description)
    }

    private mutating func add(_ node: Node) throws {
        let types = CodedTypes(inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
        var options = ctfl_default_options()
        if let table = Builtin.optionsTable(of: node.op.name), let type = Builtin.optionsTypes[table] {
            options.type = type
        }
        try OperatorCoding.encode(node.op, types, into: &options)
        let code = try operatorCode(node.op.name, OperatorVersion.version(of: node.op, types))
        let inputs = try node.inputs.map { try $0.map { try tensor($0) } ?? -1 }
        let outputs = try node.outputs.map { try tensor($0) }
        var dimensions: [Int32]?
        if case .squeeze(let axes) = node.op { dimensions = try axes.map(OperatorCoding.int32) }
        try builder.addOperator(code: code, inputs: inputs, outputs: outputs, options: options, dimensions: dimensions)
    }

    private mutating func operatorCode(_ builtin: String, _ version: Int32) throws -> Int32 {
        let key = OperatorCode(builtin: builtin, version: version)
        if let known = codes[key] { return known }
        guard let number = Builtin.codes[builtin] else {
            throw Diagnostic(.unsupported, at: "", "TFLite has no operator \(builtin)")
        }
        let index = try builder.addOperatorCode(number, version: version)
        codes[key] = index
        return index
    }

    private mutating func tensor(_ id: ValueID) throws -> Int32 {
        if let known = tensors[id] { return known }
        let value = graph[id]
        var buffer: Int32 = 0
        if let constant = value.constant {
            buffer = try buffers.index(of: constant.withFileBytes { Array($0) }, in: builder)
        }
        let index = try builder.addTensor(name: value.name, type: value.type, buffer: buffer)
        tensors[id] = index
        return index
    }

    private mutating func addMetadata(_ metadata: [String: [UInt8]]) throws {
        var entries = metadata
        // Runtimes expect 16 bytes.
        let version = RuntimeVersion.minimum(for: codes.keys.map { ($0.builtin, $0.version) })
        entries["min_runtime_version"] =
            Array(version.utf8) + [UInt8](repeating: 0, count: max(0, 16 - version.utf8.count))
        for (name, bytes) in entries.sorted(by: { $0.key < $1.key }) {
            let buffer = try bytes.withUnsafeBytes {
                try builder.addBuffer(CTFLSpan(data: $0.baseAddress, count: $0.count))
            }
            try builder.addMetadata(name: name, buffer: buffer)
        }
    }
}

/// Buffers by content, so that equal constants are written once.
private struct BufferTable {
    private var indices: [[UInt8]: Int32] = [:]

    mutating func index(of bytes: [UInt8], in builder: Builder) throws -> Int32 {
        if let known = indices[bytes] { return known }
        let index = try bytes.withUnsafeBytes { source in
            // A constant of no elements has data of no bytes, which is not the same as no data.
            try withUnsafePointer(to: UInt8(0)) { empty in
                try builder.addBuffer(
                    CTFLSpan(data: source.baseAddress ?? UnsafeRawPointer(empty), count: source.count))
            }
        }
        indices[bytes] = index
        return index
    }
}
