import Foundation
import GraphIR
import Operators
import Quantization

/// What a conversion did, for people and for JSON.
public struct ConversionSummary: Sendable, Codable {
    /// Nodes that stay in float, by reason.
    public struct FloatGroup: Sendable, Codable {
        public var reason: String
        /// Operator names and how often each occurs.
        public var operators: [String: Int]
        public var nodes: [String]
        public var multiplyAccumulates: Int
    }

    public var source: String
    public var sourceBytes: Int
    public var output: String
    public var outputBytes: Int
    public var precision: String
    public var seconds: Double
    /// The most memory the process has held, in bytes; nil where the system does not tell.
    public var peakMemoryBytes: Int?
    public var operators: Int
    public var transposes: Int
    public var multiplyAccumulates: Int
    /// Share of the multiply-accumulates with integer weights and activations; nil when nothing was quantised.
    public var integerShare: Double?
    public var float: [FloatGroup]
    /// How every operand of layers with 4-bit operands is held; empty unless polishing was asked for.
    public var operands: [OperandReport]
    /// How many operators of each kind have weights of each type; empty without int4 weights.
    public var weights: [String: Int]
    /// What each method of post-training quantisation did; empty when nothing was quantised.
    public var methods: [MethodOutcome]
    /// Why the result may be worse than it needs to be.
    public var warnings: [String]
    /// What the page of `--report` shows; nil without it.
    public var report: AccuracyReport?

    public init(model: Model, conversion: Conversion, output: String, precision: Precision, seconds: Double) {
        let graph = conversion.graph
        source = model.path
        sourceBytes = model.byteCount
        self.output = output
        outputBytes = conversion.bytes.count
        self.precision = precision.rawValue
        self.seconds = seconds
        peakMemoryBytes = Self.peakMemory()
        operators = graph.nodes.count
        transposes = graph.nodes.count { if case .transpose = $0.op { true } else { false } }
        multiplyAccumulates = graph.nodes.reduce(0) { sum, node in
            sum
                + Cost.multiplyAccumulates(
                    of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
        }
        integerShare = conversion.report?.integerShare
        methods = conversion.methods
        weights = graph.weightTypes
        warnings = conversion.warnings
        operands = conversion.report?.operands ?? []
        float = (conversion.report?.floatNodes ?? []).map { reason, entries in
            var counts: [String: Int] = [:]
            for entry in entries { counts[entry.operatorName, default: 0] += 1 }
            return FloatGroup(
                reason: reason.rawValue, operators: counts, nodes: entries.map(\.location),
                multiplyAccumulates: entries.reduce(0) { $0 + $1.multiplyAccumulates })
        }
    }

    /// The summary as lines of text.
    public var lines: [String] {
        var lines = [
            "\(output): \(outputBytes) bytes (source \(sourceBytes)), \(operators) operators, \(transposes) transposes, "
                + String(format: "%.3f", Double(multiplyAccumulates) / 1e9) + " G multiply-accumulates",
            String(format: "%.1f s", seconds)
                + (peakMemoryBytes.map { String(format: ", %.0f MB of memory at most", Double($0) / 1e6) } ?? ""),
        ]
        if !weights.isEmpty {
            let counts = weights.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            lines.append("weights: \(counts.joined(separator: ", "))")
        }
        guard let integerShare else { return lines }
        lines.append(String(format: "%.2f %% of the multiply-accumulates are integer", integerShare * 100))
        for group in float {
            let names = group.operators.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            lines.append("float, \(group.reason): \(names.joined(separator: ", "))")
        }
        return lines + operandLines + methods.map(\.line)
    }

    /// Which layers multiply 4-bit codes and which only store them.
    private var operandLines: [String] {
        guard !operands.isEmpty else { return [] }
        var lines: [String] = []
        let even = operands.filter { $0.polishing == nil }
        if !even.isEmpty {
            let layers = Set(even.flatMap(\.layers)).sorted().joined(separator: ", ")
            lines.append("multiply 4-bit codes of \(even.count) values: \(layers)")
        }
        for method in PolishingMethod.allCases {
            let values = operands.filter { $0.polishing == method }
            guard !values.isEmpty else { continue }
            let layers = Set(values.flatMap(\.layers)).sorted().joined(separator: ", ")
            let ratio = values.reduce(0) { $0 + log(max($1.polishedError, 1e-12) / max($1.plainError, 1e-12)) }
            lines.append(
                "store 4-bit codes of \(values.count) values by \(method.rawValue) and multiply int8, squared error "
                    + String(format: "%.2f of even steps'", exp(ratio / Double(values.count))) + ": \(layers)")
        }
        return lines
    }

    private static func peakMemory() -> Int? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
        else { return nil }
        return line.split(separator: " ").compactMap { Int($0) }.first.map { $0 * 1024 }
    }
}
