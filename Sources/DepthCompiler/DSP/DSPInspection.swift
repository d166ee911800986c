import DSPEmulator
import GraphIR
import Operators
import TFLiteCodec
import TensorCore

/// Where the operators of a model run under a DSP delegate, and why.
public struct DSPInspection: Sendable, Codable {
    /// One operator of the file.
    public struct Operator: Sendable, Codable {
        public var index: Int
        public var builtin: String
        /// The name of its first result.
        public var name: String
        public var version: Int
        /// Number of the partition on the DSP, from 1 in execution order; nil on the CPU.
        public var partition: Int?
        /// Every rule that it breaks, the deciding one first.
        public var refusals: [Refusal]
        public var multiplyAccumulates: Int
    }

    /// Why an operator stays on the CPU.
    public struct Refusal: Sendable, Codable {
        public var code: String
        /// What of this operator breaks the rule.
        public var detail: String
        public var rule: String
        /// Where the rule stands.
        public var source: String
    }

    /// Operators that the DSP runs as one.
    public struct Partition: Sendable, Codable {
        /// In the order in which the delegate builds them.
        public var operators: [Int]
        /// Tensors that cross to the DSP and back at every run.
        public var inputs: [String]
        public var outputs: [String]
        public var inputBytes: Int
        public var outputBytes: Int
        public var multiplyAccumulates: Int
    }

    /// What would become of the partitions if the delegate took some operators.
    public struct Hint: Sendable, Codable {
        public var operators: [Int]
        public var text: String
        public var delegatedAfter: Int
    }

    /// A sentence of what the profile stands for.
    public struct Statement: Sendable, Codable {
        /// `fact`, `inferred` or `assumed`.
        public var evidence: String
        public var text: String
    }

    public var profile: String
    public var statements: [Statement]
    public var operators: [Operator]
    /// In execution order.
    public var partitions: [Partition]
    /// What could have run on the DSP but was not chosen: the operators of each such group.
    public var notChosen: [[Int]]
    public var hints: [Hint]
    /// Why the delegate takes nothing of the file: the operator whose result has extents that are known at run time only.
    public var refusedFor: String?
    /// Operators on the DSP.
    public var delegatedOperators: Int
    /// Share of the multiply-accumulates that runs on the DSP.
    public var delegatedShare: Double
    /// Share of the multiply-accumulates on codes that runs on the DSP.
    public var delegatedIntegerShare: Double

    public init(_ model: Model, delegate: DSPDelegate) throws {
        let compilation = try DSPCompilation(model, delegate: delegate)
        self.init(compilation.listing, compilation.placement, compilation.profile)
    }

    /// The library's graphs of every partition as text, each as the delegate builds it and as the library prepares it.
    public static func loweredGraphs(of model: Model, delegate: DSPDelegate) throws -> [String] {
        try DSPCompilation(model, delegate: delegate).parts.enumerated().flatMap { number, part in
            [
                "partition \(number + 1) as the delegate builds it\n\(part.built.debugText)",
                "partition \(number + 1) as the library runs it\n\(part.prepared.debugText)",
            ]
        }
    }

    /// What the delegate would take of the file that `graph` is written to.
    init(_ graph: Graph, profile: DSPProfile) throws {
        let listing = TFLiteCodec.listing(of: try TFLiteCodec.canonical(graph))
        self.init(listing, DSPPlacement(listing, profile: profile), profile)
    }

    private init(_ listing: OperatorListing, _ placement: DSPPlacement, _ profile: DSPProfile) {
        self.profile = profile.name
        statements = profile.statements.map { Statement(evidence: $0.evidence.rawValue, text: $0.text) }
        var home: [Int: Int] = [:]
        for (number, partition) in placement.delegated.enumerated() {
            for index in partition.operators { home[index] = number + 1 }
        }
        let costs = listing.operators.map { entry in
            Cost.multiplyAccumulates(
                of: entry.op, inputs: entry.inputs.map { $0.map { listing[tensor: $0].type } },
                outputs: entry.outputs.map { listing[tensor: $0].type })
        }
        operators = listing.operators.enumerated().map { index, entry in
            Operator(
                index: index, builtin: entry.builtin, name: listing.location(of: entry), version: entry.version,
                partition: home[index],
                refusals: placement.refusals[index].map {
                    Refusal(code: $0.code.rawValue, detail: $0.detail, rule: $0.rule, source: $0.source)
                }, multiplyAccumulates: costs[index])
        }
        partitions = placement.delegated.map { partition in
            let boundary = listing.boundary(of: partition)
            return Partition(
                operators: partition.operators, inputs: boundary.inputs.map { listing[tensor: $0].name },
                outputs: boundary.outputs.map { listing[tensor: $0].name },
                inputBytes: listing.byteCount(of: boundary.inputs),
                outputBytes: listing.byteCount(of: boundary.outputs),
                multiplyAccumulates: partition.operators.reduce(0) { $0 + costs[$1] })
        }
        let chosen = Set(placement.chosen)
        notChosen = placement.candidates.indices.filter { !chosen.contains($0) }.map {
            placement.candidates[$0].operators
        }
        hints = placement.hints(listing, limits: profile.limits).map { hint in
            Hint(
                operators: hint.operators, text: Self.text(of: hint, listing), delegatedAfter: hint.delegatedAfter)
        }
        refusedFor = placement.openShape.map {
            "\(listing.operators[$0].builtin) at \(listing.location(of: listing.operators[$0]))"
        }
        delegatedOperators = placement.delegatedCount
        let all = costs.reduce(0, +)
        let delegated = home.keys.reduce(0) { $0 + costs[$1] }
        delegatedShare = all > 0 ? Double(delegated) / Double(all) : 0
        let integers = listing.operators.indices.reduce(0) { sum, index in
            let result = listing.operators[index].outputs.first.map { listing[tensor: $0].type }
            return sum + (result?.quantization != nil ? costs[index] : 0)
        }
        delegatedIntegerShare = integers > 0 ? Double(delegated) / Double(integers) : 0
    }

    private static func text(of hint: PartitionHint, _ listing: OperatorListing) -> String {
        let place = hint.operators.first.map { listing.location(of: listing.operators[$0]) } ?? ""
        let what =
            hint.operators.count == 1
            ? "\(hint.builtin) at \(place)" : "\(hint.operators.count) \(hint.builtin), such as the one at \(place)"
        let merges = hint.merged.map { group in
            "merge what is now \(group.count) groups (\(group.map { "\($0 + 1)" }.joined(separator: ", ")))"
        }
        let effect = merges.isEmpty ? "" : merges.joined(separator: " and ") + " and "
        return
            "changing \(what) (\(hint.code.rawValue)) would \(effect)put \(hint.delegatedAfter) operators on the DSP "
            + "instead of \(hint.delegatedBefore)"
    }
}
