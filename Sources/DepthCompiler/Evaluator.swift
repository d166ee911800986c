import Evaluation
import GraphIR
import TensorCore

/// How near a model's depth is to the truth, and to that of a reference model.
public struct EvaluationReport: Sendable, Codable {
    /// The figures of one model.
    public struct Accuracy: Sendable, Codable {
        public var model: String
        public var depth: DepthMetrics
        /// See ``SmoothnessScore``; nil when no window could be measured.
        public var smoothness: Double?
        /// Pixels with known truth at which the model's depth is not finite; the figures leave them out.
        public var notFinite: Int
    }

    public var data: String
    public var samples: Int
    public var depthKind: String
    public var unit: String
    public var alignment: DepthAlignment
    public var candidate: Accuracy
    public var reference: Accuracy?
    /// The candidate's depth against the reference's.
    public var quantization: QuantizationError?
    /// What was assumed, one sentence each.
    public var assumptions: [String]
}

/// Measures depth accuracy.
public enum Evaluator {
    /// What an evaluation is asked to do.
    public struct Options: Sendable {
        /// The folder of the truth; nil when it is beside the samples.
        public var groundTruth: String?
        public var alignment = DepthAlignment.none
        /// Smallest and largest depth; nil for those of the truth.
        public var range: ClosedRange<Double>?

        public init() {}
    }

    /// Runs `candidate`, and `reference` where given, on every sample of `data` and holds the depth against the truth.
    /// Alignment is found per sample, figures are over the pixels of all samples together.
    ///
    /// - Throws: `.badData` when a model has no known depth output or the truth has another size; `.missingFile` for
    ///   truth that is not there; what running throws.
    public static func evaluate(
        _ candidate: Session, reference: Session? = nil, data: SampleFolder, options: Options = Options(),
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> EvaluationReport {
        var measured = try Measurement(candidate, data.recipe)
        var expected = try reference.map { try Measurement($0, data.recipe) }
        var maps: [(reference: [Double], candidate: [Double], edges: [Bool])] = []
        var collector = options.range.map { QuantizationErrorCollector(range: $0.upperBound - $0.lowerBound) }
        var extremes = (low: Double.infinity, high: -Double.infinity)
        for index in 0..<data.count {
            progress(index, data.count)
            let truth = try GroundTruth.find(measured.depth.kind, of: data.place(index), in: options.groundTruth)
            let map = try measured.run(index, of: data, truth, options.alignment)
            guard let other = try expected?.run(index, of: data, truth, options.alignment) else { continue }
            let edges = DepthEdges.near(truth.values, width: truth.width)
            if collector == nil {
                for value in truth.values where value.isFinite && value > 0 {
                    extremes = (min(extremes.low, value), max(extremes.high, value))
                }
                maps.append((other, map, edges))
            } else {
                collector?.add(reference: other, candidate: map, edges: edges)
            }
        }
        progress(data.count, data.count)
        var assumptions = [candidate.assumption].compactMap { $0 }
        if reference != nil, options.range == nil, extremes.high > extremes.low {
            assumptions.append("the range is that of the truth, \(extremes.low)..\(extremes.high) (--range)")
            var collected = QuantizationErrorCollector(range: extremes.high - extremes.low)
            for map in maps { collected.add(reference: map.reference, candidate: map.candidate, edges: map.edges) }
            collector = collected
        }
        return EvaluationReport(
            data: data.path, samples: data.count, depthKind: measured.depth.kind.rawValue, unit: measured.depth.unit,
            alignment: options.alignment, candidate: try measured.accuracy(),
            reference: try expected?.accuracy(), quantization: reference == nil ? nil : collector?.result,
            assumptions: assumptions)
    }
}

/// One model's figures while samples come in.
private struct Measurement {
    let session: Session
    let depth: DepthOutput
    private let position: Int
    private var parts: [DepthMetrics] = []
    private var smoothness = SmoothnessScore()
    private var notFinite = 0

    init(_ session: Session, _ recipe: Recipe?) throws(Diagnostic) {
        self.session = session
        for (number, port) in session.graph.outputs.enumerated() {
            guard let depth = DepthOutput(port, of: session.model, recipe: recipe) else { continue }
            self.depth = depth
            position = number
            return
        }
        let names = session.graph.outputs.map(\.sourceName).joined(separator: ", ")
        throw Diagnostic(
            .badData, at: session.model.path, "none of its outputs (\(names)) is known to be depth",
            suggestion: "give a --recipe whose output names one of them")
    }

    /// The depth of one sample in `depth.unit`, not aligned.
    mutating func run(
        _ index: Int, of data: SampleFolder, _ truth: GroundTruth, _ alignment: DepthAlignment
    ) throws -> [Double] {
        let outputs = try session.run(data.tensors(index, for: session.graph))
        guard let map = depth.map(outputs[position]) else {
            throw Diagnostic(
                .badData, at: session.model.path, "the output is \(outputs[position].type), no single depth map")
        }
        guard map.width == truth.width, map.height == truth.height else {
            throw Diagnostic(
                .badData, at: truth.path,
                "is \(truth.width)x\(truth.height) pixels, the model's depth \(map.width)x\(map.height)",
                suggestion: "bring pictures and truth to the model's size first")
        }
        let values = map.values.map(Double.init)
        for (expected, value) in zip(truth.values, values) where expected.isFinite && expected > 0 && !value.isFinite {
            notFinite += 1
        }
        if let metrics = DepthMetrics(reference: truth.values, prediction: values, alignment: alignment) {
            parts.append(metrics)
        }
        smoothness.add(reference: truth.values, prediction: values, width: truth.width)
        return values
    }

    func accuracy() throws(Diagnostic) -> EvaluationReport.Accuracy {
        guard let pooled = DepthMetrics(pooling: parts) else {
            throw Diagnostic(.badData, at: session.model.path, "there is no pixel with known truth and finite depth")
        }
        return .init(
            model: session.model.path, depth: pooled, smoothness: smoothness.value, notFinite: notFinite)
    }
}
