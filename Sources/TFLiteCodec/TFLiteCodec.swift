import GraphIR
import TensorCore

/// What a `.tflite` file holds: the graph, and what the caller should know about how it was read.
package struct DecodedModel: Sendable {
    package var graph: Graph
    /// The file's operators, also those that the graph does not need.
    package var listing: OperatorListing
    /// What was assumed where the file leaves room, one sentence each.
    package var assumptions: [String]
    /// The metadata entries by name, without `min_runtime_version`, which export computes.
    package var metadata: [String: [UInt8]]
    /// The file's free text.
    package var description: String
}

/// Limits that keep a broken file from exhausting memory or time.
package struct DecodingLimits: Sendable {
    /// Largest tensor, in bytes inside depthc.
    package var tensorBytes = 1 << 31
    /// All tensors together, in bytes inside depthc.
    package var totalBytes = 1 << 36
    package var rank = 32
    package init() {}
}

/// TFLite files to graphs and back.
package enum TFLiteCodec {
    /// The largest file that flatbuffers can address.
    package static let maximumFileSize = (1 << 31) - 1

    /// The name of the metadata entry in which depthc keeps what it knows of an exported file.
    package static let metadataName = "depthc"

    /// True when `prefix`, the first bytes of a file, carries the identifier of the format.
    package static func recognizes(_ prefix: some Collection<UInt8>) -> Bool {
        prefix.dropFirst(4).prefix(4).elementsEqual("TFL3".utf8)
    }

    /// Reads the first subgraph of a file.
    ///
    /// Types and shapes come from inference; the shapes in the file are held against them. Shape arithmetic that decides
    /// a shape is computed here. Nodes that no output needs are left out.
    ///
    /// - Parameters:
    ///   - path: names the file in diagnostics.
    ///   - inputShapes: replaces the shapes of graph inputs by name.
    ///   - fixedInputs: turns graph inputs into constants by name.
    /// - Throws: `Diagnostic` (.badModel, .unsupported) with the operator or tensor where it went wrong.
    package static func decode(
        bytes: [UInt8], path: String, inputShapes: [String: Shape] = [:], fixedInputs: [String: Tensor] = [:],
        limits: DecodingLimits = DecodingLimits()
    ) throws -> DecodedModel {
        do {
            return try bytes.withUnsafeBytes { buffer in
                let file = try TFLiteFile(buffer)
                var decoder = try Decoder(
                    file: file, inputShapes: inputShapes, fixedInputs: fixedInputs, limits: limits)
                return try decoder.decode()
            }
        } catch let diagnostic as Diagnostic {
            throw diagnostic.located(in: path)
        }
    }

    /// What a runtime would see of the file that `graph` is written to.
    ///
    /// - Parameter graph: canonical; see ``canonical(_:)``.
    package static func listing(of graph: Graph) -> OperatorListing {
        OperatorListing(graph) { node in
            let types = CodedTypes(inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
            return Int(OperatorVersion.version(of: node.op, types))
        }
    }

    /// Writes `graph` as a file with one subgraph. The same graph and metadata always give the same bytes.
    ///
    /// - Throws: `Diagnostic` (.unsupported) naming what the format cannot hold.
    package static func encode(
        _ graph: Graph, metadata: [String: [UInt8]] = [:], description: String = "depthc"
    ) throws -> [UInt8] {
        var encoder = try Encoder(graph: canonical(graph))
        return try encoder.encode(metadata: metadata, description: description)
    }
}
