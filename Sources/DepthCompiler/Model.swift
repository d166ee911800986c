import Foundation
import GraphIR
import ImageIO
import ONNXImporter
import TFLiteCodec
import TensorCore

/// A model as it was read from a file.
public struct Model: Sendable {
    public enum Format: String, Sendable { case onnx, tflite }

    public var path: String
    public var format: Format
    public var graph: Graph
    /// What a runtime sees of a flatbuffer, with the nodes and values of ``graph``; nil for other files.
    package var listing: OperatorListing?
    /// What was assumed where the file or the options leave room, one sentence each.
    public var assumptions: [String]
    /// What is wrong with the file but does not keep it from being shown, one sentence each.
    public var warnings: [String]
    /// What depthc wrote into an exported file: the source's names, layouts and units.
    public var metadata: ExportMetadata?
    /// What the two codes of an exact head's components stand for, when the file returns them; see `DecodeTable`.
    public var decodeTable: [Float]?
    /// FNV-1a hash of the file's bytes, 16 hexadecimal digits.
    public var sourceHash: String
    public var byteCount: Int
    /// Inputs of the file that were given and became constants, so that the graph no longer has them.
    public var consumedInputs: Set<String> = []
    /// Operators of the source by name and how often each occurs, before anything was rewritten; empty when not known.
    public var sourceOperators: [String: Int] = [:]
}

/// What the caller fixes before a model is read.
public struct LoadOptions: Sendable {
    /// Shapes of inputs, for models with symbolic dimensions.
    public var shapes: [String: Shape] = [:]
    /// Inputs that become constants.
    public var fixed: [String: Tensor] = [:]
    /// Inputs that become constants only when they decide a shape, an axis or the like.
    public var available: [String: Tensor] = [:]
    /// Show what can be shown of a model that cannot run, instead of refusing it.
    public var lenient = false

    public init(
        shapes: [String: Shape] = [:], fixed: [String: Tensor] = [:], available: [String: Tensor] = [:],
        lenient: Bool = false
    ) {
        self.shapes = shapes
        self.fixed = fixed
        self.available = available
        self.lenient = lenient
    }
}

extension Model {
    /// Reads an ONNX or TFLite file, told apart by their first bytes.
    ///
    /// - Throws: `Diagnostic` (.missingFile, .badModel, .unsupported) located in the file.
    public static func load(_ path: String, _ options: LoadOptions = LoadOptions()) throws -> Model {
        _ = try FileBytes.size(of: path)
        let prefix = FileHandle(forReadingAtPath: path).flatMap { try? $0.read(upToCount: 8) } ?? Data()
        if TFLiteCodec.recognizes(prefix) { return try loadTFLite(path, options) }
        return try loadONNX(path, options)
    }

    private static func loadTFLite(_ path: String, _ options: LoadOptions) throws -> Model {
        let bytes = try FileBytes.read(path, limit: TFLiteCodec.maximumFileSize)
        let decoded = try TFLiteCodec.decode(bytes: bytes, path: path, inputShapes: options.shapes)
        var graph = decoded.graph
        try graph.fixInputs(options.fixed, at: path)
        let metadata = decoded.metadata[TFLiteCodec.metadataName].flatMap { ExportMetadata(json: $0) }
        if let metadata { graph.restoreSources(of: metadata) }
        let hasTable = metadata?.outputs.contains { $0.isDecodedByTable == true } ?? false
        return Model(
            path: path, format: .tflite, graph: graph, listing: decoded.listing, assumptions: decoded.assumptions,
            warnings: [],
            metadata: metadata,
            decodeTable: hasTable ? decoded.metadata[Converter.decodeTableName].flatMap(decodeTable) : nil,
            sourceHash: hash(bytes), byteCount: bytes.count,
            consumedInputs: Set(options.fixed.keys))
    }

    /// 65,536 little-endian binary32 numbers; nil for another number of bytes.
    private static func decodeTable(_ bytes: [UInt8]) -> [Float]? {
        guard bytes.count == 4 << 16 else { return nil }
        return bytes.withUnsafeBytes { raw in
            (0..<65536).map {
                Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
    }

    private static func loadONNX(_ path: String, _ options: LoadOptions) throws -> Model {
        let bytes = try FileBytes.read(path, limit: ONNXImporter.maximumFileSize)
        let imported = try bytes.withUnsafeBytes { buffer in
            try ONNXImporter.importModel(
                bytes: buffer, path: path,
                options: ONNXImporter.Options(
                    shapes: options.shapes.mapValues(\.dimensions), fixedInputs: options.fixed,
                    availableInputs: options.available, allowMissingData: options.lenient))
        }
        return Model(
            path: path, format: .onnx, graph: imported.graph, assumptions: imported.assumptions,
            warnings: imported.warnings, metadata: nil, sourceHash: hash(bytes), byteCount: bytes.count,
            consumedInputs: Set(imported.fixedInputs), sourceOperators: imported.sourceOperators)
    }
}

extension Graph {
    /// Turns the named inputs into constants.
    ///
    /// - Throws: `Diagnostic` (.usage) for a name that is no input or a tensor of another type.
    mutating func fixInputs(_ tensors: [String: Tensor], at path: String) throws {
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            guard let port = inputs.first(where: { $0.sourceName == name }) else {
                throw Diagnostic(
                    .usage, at: path, "has no input \(name)",
                    suggestion: "its inputs are \(inputs.map(\.sourceName).joined(separator: ", "))")
            }
            let type = type(of: port.value)
            guard tensor.shape == type.shape, tensor.elementType == type.elementType else {
                throw Diagnostic(.usage, at: "input \(name)", "is \(type), the given tensor \(tensor.type)")
            }
            setConstant(port.value, tensor.retyped(type))
        }
    }
}

extension Graph {
    /// Gives the ports the names and layouts that they had in the source which an exported file was made from. Entries
    /// that do not fit the graph are left out.
    mutating func restoreSources(of metadata: ExportMetadata) {
        func restore(_ port: GraphIR.Port, _ entries: [ExportMetadata.Port]) -> GraphIR.Port {
            guard let entry = entries.first(where: { $0.name == self[port.value].name }) else { return port }
            var result = port
            result.sourceName = entry.sourceName
            let rank = type(of: port.value).shape.rank
            if let permutation = entry.permutation, permutation.sorted() == Array(0..<rank) {
                result.sourcePermutation = permutation
            }
            return result
        }
        inputs = inputs.map { restore($0, metadata.inputs) }
        outputs = outputs.map { restore($0, metadata.outputs) }
    }
}

extension Model {
    /// FNV-1a, 64 bits, as 16 hexadecimal digits.
    static func hash(_ bytes: some Sequence<UInt8>) -> String {
        let digits = String(bytes.fnv1a, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
