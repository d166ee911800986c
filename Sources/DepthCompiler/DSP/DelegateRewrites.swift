import DSPEmulator
import GraphIR
import Operators
import Passes
import Quantization
import Runtime
import TFLiteCodec

/// What a conversion does to keep a model on the DSP.
public enum DelegateRewrite: String, Sendable, CaseIterable {
    /// Half-pixel bilinear resizes become nearest neighbours and a depthwise convolution.
    case resizes
    /// Leaky and parametric rectifiers and magnitudes become the larger of two values.
    case activations
    /// GELU becomes `x * sigmoid(1.702 x)`.
    case gelu
    /// Matrix products become flat ones with one weight scale; movements of five axes run over four.
    case matrices
    /// Fused activations that the range of the codes enforces go, so that the DSP rounds once.
    case clamps

    var form: DelegateForm? { DelegateForm(rawValue: rawValue) }
}

/// The DSP that a conversion is for.
public struct DelegateTarget: Sendable {
    public var delegate: DSPDelegate
    public var rewrites: Set<DelegateRewrite>

    public init(delegate: DSPDelegate, rewrites: Set<DelegateRewrite> = Set(DelegateRewrite.allCases)) {
        self.delegate = delegate
        self.rewrites = rewrites
    }

    /// How much of `graph`, written to a file, the delegate takes.
    func coverage(of graph: Graph) throws -> String {
        let inspection = try DSPInspection(graph, profile: delegate.profile)
        let share = (inspection.delegatedIntegerShare * 1000).rounded() / 10
        return
            "\(inspection.delegatedOperators) of \(inspection.operators.count) operators and \(share) % of the integer "
            + "multiply-accumulates on the DSP in \(inspection.partitions.count) partitions"
    }
}

extension PostTraining {
    /// The float graph in forms that the delegate admits, and for every rewrite that changed something what it does to the
    /// error of the quantised network and to what runs on the DSP.
    func rewritten(
        _ source: Graph, for target: DelegateTarget, _ calibration: SampleFolder, _ quantization: QuantizationOptions
    ) throws -> (Graph, [MethodOutcome]) {
        let plan = try Plan(source, options: run)
        /// The graph with ranges from a few samples.
        func quantized(_ graph: Graph, _ quantization: QuantizationOptions) throws -> Graph {
            let statistics = try calibrate(
                graph, calibration, "rewrite for the DSP", quantization, count: Self.equalizationSamples)
            return try Quantizer.quantize(graph, statistics: statistics, options: quantization).graph
        }
        var graph = source
        var current = quantization
        current.perTensorMatrices = false
        var before: (graph: Graph, error: OutputError)?
        var outcomes: [MethodOutcome] = []
        for rewrite in DelegateRewrite.allCases where target.rewrites.contains(rewrite) {
            guard let form = rewrite.form else { continue }
            var candidate = graph
            try Pipeline.delegateForms([form]).run(on: &candidate)
            var options = current
            options.perTensorMatrices = current.perTensorMatrices || rewrite == .matrices
            guard candidate.nodes.map(\.op) != graph.nodes.map(\.op) || options != current else { continue }
            let base =
                try before
                ?? {
                    let first = try quantized(graph, current)
                    return (first, try self.error(of: first, against: plan, calibration))
                }()
            let after = try quantized(candidate, options)
            let error = try self.error(of: after, against: plan, calibration)
            outcomes.append(
                MethodOutcome(
                    name: "DSP rewrite \(rewrite.rawValue)", before: base.error.decibels, after: error.decibels,
                    kept: true,
                    detail: "\(try target.coverage(of: base.graph)) -> \(try target.coverage(of: after)); ranges "
                        + "only, \(heldOut.count) held-out samples"))
            (graph, current, before) = (candidate, options, (after, error))
        }
        return (graph, outcomes)
    }
}

extension Conversion {
    /// Takes fused activations away that the codes' own range enforces; says how many there were.
    mutating func removeRedundantClamps(for target: DelegateTarget) throws {
        guard target.rewrites.contains(.clamps) else { return }
        let before = graph.nodes.map(\.op)
        try Pipeline([.redundantActivations]).run(on: &graph)
        let count = zip(before, graph.nodes.map(\.op)).filter { $0 != $1 }.count
        if count > 0 {
            notes.append(
                "DSP rewrite clamps: \(count) fused activations removed that the codes' range enforces; no integer changes"
            )
        }
    }
}
