import Foundation
import ImageIO
import TensorCore

/// Recorded inputs and outputs of a model: the folder that docs/GOLDEN.md describes.
public struct GoldenSet: Sendable {
    /// `case.json`.
    public struct Case: Sendable, Hashable, Codable {
        /// A tensor and the file that holds it in a sample's `inputs` or `outputs` folder.
        public struct Entry: Sendable, Hashable, Codable {
            public var name: String
            public var file: String

            public init(name: String) {
                self.name = name
                file = GoldenSet.fileName(of: name)
            }
        }

        public struct NamedTolerance: Sendable, Hashable, Codable {
            public var name: Tolerance
        }

        public var model: String
        public var modelSHA256: String?
        public var producer: String
        public var producerVersion: String
        public var resolver: String?
        public var recipe: String?
        public var seed: Int?
        public var command: String?
        public var tolerance: NamedTolerance
        public var inputs: [Entry]
        public var outputs: [Entry]
        public var samples: [String]

        public init(
            model: String, producer: String, producerVersion: String, tolerance: Tolerance, inputs: [String],
            outputs: [String]
        ) {
            self.model = model
            self.producer = producer
            self.producerVersion = producerVersion
            self.tolerance = NamedTolerance(name: tolerance)
            self.inputs = inputs.map(Entry.init)
            self.outputs = outputs.map(Entry.init)
            samples = []
        }
    }

    /// The folder.
    public var path: String
    public var info: Case

    /// Opens the set in the folder `path`.
    ///
    /// - Throws: `.missingFile`; `.badData` when case.json is damaged, names no sample, or names files outside the set.
    public init(path: String) throws(Diagnostic) {
        self.path = path
        let file = "\(path)/case.json"
        let bytes = try FileBytes.read(file, limit: 1 << 24)
        do {
            info = try JSONDecoder().decode(Case.self, from: Data(bytes))
        } catch let error as DecodingError {
            throw Diagnostic(.badData, at: file, Self.describe(error), suggestion: "docs/GOLDEN.md says what it holds")
        } catch {
            throw Diagnostic(.badData, at: file, "is not JSON")
        }
        let parts = info.samples + info.inputs.map(\.file) + info.outputs.map(\.file)
        guard parts.allSatisfy({ !$0.isEmpty && !$0.contains("/") && $0 != ".." && $0 != "." }) else {
            throw Diagnostic(.badData, at: file, "a sample or file is named with a slash")
        }
        guard !info.samples.isEmpty, !info.outputs.isEmpty else {
            throw Diagnostic(.badData, at: file, "names no samples or no outputs, so that nothing would be compared")
        }
    }

    /// A set to be written with ``write(sample:inputs:outputs:)`` and then ``writeCase()``.
    public init(newAt path: String, info: Case) {
        self.path = path
        self.info = info
    }

    /// The file name of a tensor: its ``stem(of:)`` and `.npy`.
    public static func fileName(of tensor: String) -> String { stem(of: tensor) + ".npy" }

    /// A tensor's name as part of a file name: slashes become `_`, and the end of what file systems find too long (more
    /// than 240 bytes) becomes a checksum (FNV-1a).
    public static func stem(of tensor: String) -> String {
        let name = tensor.replacing("/", with: "_")
        guard name.utf8.count > 240 else { return name }
        let checksum = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let start = String(decoding: name.utf8.prefix(220), as: UTF8.self)
        return "\(start)_\(String(checksum, radix: 16))"
    }

    /// The inputs of `sample`, by tensor name.
    public func inputs(of sample: String) throws(Diagnostic) -> [String: Tensor] {
        try read(sample, "inputs", info.inputs)
    }

    /// The recorded outputs of `sample`, by tensor name.
    public func outputs(of sample: String) throws(Diagnostic) -> [String: Tensor] {
        try read(sample, "outputs", info.outputs)
    }

    private func read(_ sample: String, _ part: String, _ entries: [Case.Entry]) throws(Diagnostic) -> [String: Tensor]
    {
        var tensors: [String: Tensor] = [:]
        for entry in entries { tensors[entry.name] = try NPY.read("\(path)/\(sample)/\(part)/\(entry.file)") }
        return tensors
    }

    /// Writes the arrays of one more sample, in the order of `info.inputs` and `info.outputs`.
    public mutating func write(sample: String, inputs: [Tensor], outputs: [Tensor]) throws(Diagnostic) {
        for (entry, tensor) in zip(info.inputs, inputs) {
            try NPY.write(tensor, to: "\(path)/\(sample)/inputs/\(entry.file)")
        }
        for (entry, tensor) in zip(info.outputs, outputs) {
            try NPY.write(tensor, to: "\(path)/\(sample)/outputs/\(entry.file)")
        }
        info.samples.append(sample)
    }

    /// Writes `case.json`: the last step, so that a set without it is not a set.
    public func writeCase() throws(Diagnostic) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(info) else {
            throw Diagnostic(.internalError, at: path, "case.json cannot be encoded")
        }
        try AtomicFile.write(Array(data) + [0x0A], to: "\(path)/case.json")
    }

    private static func describe(_ error: DecodingError) -> String {
        func place(_ path: [any CodingKey]) -> String {
            path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context):
            return "'\(place(context.codingPath + [key]))' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "'\(place(context.codingPath))' has the wrong type"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty ? "is not JSON" : "'\(place(context.codingPath))' has an unknown value"
        @unknown default:
            return "is damaged"
        }
    }
}
