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
    /// Matrix products become flat ones with one weight scale; movements of five axes run over four.
    case matrices
    /// GELU becomes `x * sigmoid(1.702 x)`, an approximation.
    case gelu
    /// Fused activations that the range of the codes enforces go, so that the DSP rounds once.
    case clamps

    var form: DelegateForm? { DelegateForm(rawValue: rawValue) }
}

/// The DSP that a conversion is for.
public struct DelegateTarget: Sendable {
    public var delegate: DSPDelegate
    public var rewrites: Set<DelegateRewrite>
    /// Keeps rewrites even where they lower the share of the multiply-accumulates on the DSP, as the delegate's choice of
    /// the partitions with the most operators can make them do.
    public var keepsAll: Bool

    /// - Parameter rewrites: nil: all that do not lower the share on the DSP, and of those that approximate only what raises
    ///   it.
    public init(delegate: DSPDelegate, rewrites: Set<DelegateRewrite>? = nil) {
        self.delegate = delegate
        self.rewrites = rewrites ?? Set(DelegateRewrite.allCases)
        keepsAll = rewrites != nil
    }
}

/// How much of a file the delegate takes.
private struct Coverage {
    private let inspection: DSPInspection

    init(_ graph: Graph, _ delegate: DSPDelegate) throws {
        inspection = try DSPInspection(graph, profile: delegate.profile)
    }

    var share: Double { inspection.delegatedShare }

    var text: String {
        let percent = (inspection.delegatedIntegerShare * 1000).rounded() / 10
        return
            "\(inspection.delegatedOperators) of \(inspection.operators.count) operators and \(percent) % of the integer "
            + "multiply-accumulates on the DSP in \(inspection.partitions.count) partitions"
    }
}

extension PostTraining {
    /// The float graph in forms that the delegate admits, the options that go with it, and for every rewrite that changed
    /// something what it does to the error of the quantised network and to what runs on the DSP.
    func rewritten(
        _ source: Graph, for target: DelegateTarget, _ calibration: SampleFolder, _ quantization: QuantizationOptions
    ) throws -> (Graph, QuantizationOptions, [MethodOutcome]) {
        let plan = try Plan(source, options: run)
        /// The graph with ranges from a few samples, its error, and what of it runs on the DSP.
        func measured(
            _ graph: Graph, _ quantization: QuantizationOptions
        ) throws -> (error: OutputError, coverage: Coverage) {
            let statistics = try calibrate(
                graph, calibration, "rewrite for the DSP", quantization, count: Self.equalizationSamples)
            let quantized = try Quantizer.quantize(graph, statistics: statistics, options: quantization).graph
            return (
                try error(of: quantized, against: plan, calibration), try Coverage(quantized, target.delegate)
            )
        }
        var graph = source
        var options = quantization
        var before: (error: OutputError, coverage: Coverage)?
        var outcomes: [MethodOutcome] = []
        for rewrite in DelegateRewrite.allCases where target.rewrites.contains(rewrite) {
            guard let form = rewrite.form else { continue }
            var candidate = graph
            try Pipeline.delegateForms([form]).run(on: &candidate)
            var candidateOptions = options
            if rewrite == .matrices, candidate.nodes.contains(where: \.op.isFullyConnected) {
                candidateOptions.perTensorMatrices = true
            }
            guard candidate.nodes.map(\.op) != graph.nodes.map(\.op) || candidateOptions != options else { continue }
            let base = try before ?? measured(graph, options)
            let after = try measured(candidate, candidateOptions)
            let gain = after.coverage.share - base.coverage.share
            let isKept = target.keepsAll || gain > 0 || (gain == 0 && rewrite != .gelu)
            outcomes.append(
                MethodOutcome(
                    name: "DSP rewrite \(rewrite.rawValue)", before: base.error.decibels,
                    after: after.error.decibels, kept: isKept,
                    detail: "\(base.coverage.text) -> \(after.coverage.text); ranges only, \(heldOut.count) held-out "
                        + "samples"))
            before = isKept ? after : base
            if isKept { (graph, options) = (candidate, candidateOptions) }
        }
        return (graph, options, outcomes)
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

extension Operator {
    fileprivate var isFullyConnected: Bool { if case .fullyConnected = self { true } else { false } }
}
