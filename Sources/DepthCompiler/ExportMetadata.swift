import CurveHead
import Foundation
import TensorCore

/// What an exported file says of itself: who wrote it, from what, and what its inputs and outputs were in the source.
public struct ExportMetadata: Codable, Sendable, Hashable {
    public struct Port: Codable, Sendable, Hashable {
        /// The tensor's name in this file.
        public var name: String
        public var sourceName: String
        /// Axis i of this file's tensor is axis `permutation[i]` of the source's; absent when they are the same.
        public var permutation: [Int]?
        /// What an output measures (disparity, inverse-depth, depth), from the recipe.
        public var kind: String?
        public var unit: String?
        /// What the output's real values are multiplied by to be in `unit`; absent when it is 1.
        public var scale: Double?
        /// The curve that an output's channels are components of; the decode table lies beside this description.
        public var curve: CurveDecoding?
        /// True when the output's two channels are codes of the decode table beside this description; absent otherwise.
        public var isDecodedByTable: Bool?
    }

    public var producer = "depthc"
    public var version: String
    /// The options that decided the bytes, in the order of the command line's help.
    public var options: [String]
    /// File name and hash of the source.
    public var source: String
    public var sourceHash: String
    public var recipe: String?
    public var inputs: [Port]
    public var outputs: [Port]
    /// How many operators of each kind have weights of each type, such as `int4 CONV_2D`; absent without int4 weights.
    public var weights: [String: Int]?

    init(
        version: String, options: [String], source: String, sourceHash: String, recipe: String?, inputs: [Port],
        outputs: [Port]
    ) {
        self.version = version
        self.options = options
        self.source = source
        self.sourceHash = sourceHash
        self.recipe = recipe
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Nil when the bytes are no such description.
    init?(json bytes: [UInt8]) {
        guard let decoded = try? JSONDecoder().decode(ExportMetadata.self, from: Data(bytes)) else { return nil }
        self = decoded
    }

    /// Deterministic JSON: sorted keys, no white space.
    func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
