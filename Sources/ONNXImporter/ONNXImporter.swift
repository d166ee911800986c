import GraphIR
import Operators
import TensorCore

/// Reads ONNX models into the graph.
public enum ONNXImporter {
    /// What the caller decides about an import.
    public struct Options: Sendable {
        /// Extents of graph inputs by name, for dynamic dimensions or other sizes (`--shape`).
        public var shapes: [String: [Int]]
        /// Graph inputs that become constants (`--fix`).
        public var fixedInputs: [String: Tensor]
        /// Graph inputs that become constants only when one of them decides a shape, an axis or the like.
        public var availableInputs: [String: Tensor]
        /// A missing file of external data becomes a warning and zeros instead of an error.
        public var allowMissingData: Bool

        public init(
            shapes: [String: [Int]] = [:], fixedInputs: [String: Tensor] = [:],
            availableInputs: [String: Tensor] = [:], allowMissingData: Bool = false
        ) {
            self.shapes = shapes
            self.fixedInputs = fixedInputs
            self.availableInputs = availableInputs
            self.allowMissingData = allowMissingData
        }
    }

    /// An imported model.
    public struct Result: Sendable {
        public var graph: Graph
        /// Version of the default operator set.
        public var opset: Int
        /// Name and version of the program that wrote the file.
        public var producer: String
        /// What the file left open and how it was decided.
        public var assumptions: [String]
        /// What is wrong with the file but does not keep it from being read.
        public var warnings: [String]
        /// Graph inputs that were baked in: those of ``Options/fixedInputs`` and those of
        /// ``Options/availableInputs`` that had to be.
        public var fixedInputs: [String]
        /// How often every source operator occurs.
        public var sourceOperators: [String: Int]
    }

    /// The operator set versions of the default domain that are read.
    public static let opsets = 7...25

    /// Operators that mean the same in every operator set; a model of these alone may have an older one.
    private static let unchangedOperators: Set<String> = ["Not", "Transpose", "Shape", "Size", "Constant"]

    /// Model files are smaller than 2 GiB, as protobuf messages are.
    public static let maximumFileSize = ModelFile.sizeLimit - 1

    /// Reads the model file at `path`; external data is looked for beside it.
    ///
    /// - Throws: `Diagnostic` (.missingFile, .badModel, .unsupported, .usage for options that do not fit the model).
    public static func importModel(path: String, options: Options = Options()) throws -> Result {
        try located(path) {
            try ModelFile.withBytes(of: path) { try importModel(bytes: $0, path: path, options: options) }
        }
    }

    /// Reads a model from memory; `path` is where its bytes come from, external data is looked for beside it.
    public static func importModel(
        bytes: UnsafeRawBufferPointer, path: String, options: Options = Options()
    ) throws -> Result {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        return try located(path) { try importModel(try ModelReader.read(bytes), folder: folder, options: options) }
    }

    private static func located<R>(_ path: String, _ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let diagnostic as Diagnostic {
            throw diagnostic.location.hasPrefix(path) ? diagnostic : diagnostic.located(in: path)
        }
    }

    private static func importModel(_ model: ONNXModel, folder: String, options: Options) throws -> Result {
        let opset = try checkedOpset(model)
        var options = options
        let data = ExternalData(folder: folder, allowMissing: options.allowMissingData)
        while true {
            do {
                var session = ImportSession(model: model, opset: opset, options: options, data: data)
                return try session.run()
            } catch let needed as ConstantNeeded {
                let missing = needed.inputs.filter { options.availableInputs[$0] == nil }
                guard missing.isEmpty, !needed.inputs.isEmpty else { throw needed.diagnostic }
                for name in needed.inputs { options.fixedInputs[name] = options.availableInputs[name] }
            }
        }
    }

    private static func checkedOpset(_ model: ONNXModel) throws -> Int {
        if let function = model.functions.first {
            throw Diagnostic(
                .unsupported, at: "function \(function.name)",
                "functions that a model defines for itself are not supported",
                suggestion: "inline them when exporting the model")
        }
        guard let opset = model.opset else {
            if let other = model.operatorSets.first {
                throw Diagnostic(
                    .unsupported, at: "opset", "models of the operator set \(other.domain) alone are not supported")
            }
            throw Diagnostic(.badModel, at: "opset", "the model does not say which ONNX operator set it uses")
        }
        let isUnchanged = opset >= 1 && model.graph.nodes.allSatisfy { unchangedOperators.contains($0.operatorType) }
        guard opsets.contains(opset) || (opset < opsets.lowerBound && isUnchanged) else {
            throw Diagnostic(
                .unsupported, at: "opset", "operator set \(opset) is not supported",
                suggestion: "export the model with operator set \(opsets.lowerBound) to \(opsets.upperBound)")
        }
        return opset
    }
}

/// Thrown where an operator needs a constant and its value depends on graph inputs.
struct ConstantNeeded: Error {
    var inputs: [String]
    var diagnostic: Diagnostic
}
