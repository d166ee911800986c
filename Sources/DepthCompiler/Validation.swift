import Evaluation
import GraphIR
import TensorCore

/// How one output of a model compares with its reference, over all samples.
public struct OutputComparison: Sendable, Codable {
    public var name: String
    public var type: String
    /// In codes when both sides are integers of the same type, else in real values.
    public var statistics: ErrorStatistics
    public var comparesCodes: Bool
    /// Place of the largest error: sample, and index along every axis of the reference.
    public var worstSample: String
    public var worstIndex: [Int]
    public var depthKind: String?
    public var unit: String?
    public var depth: DepthMetrics?
    /// Why it is outside the tolerance; nil when it is inside.
    public var failure: String?
}

/// How a model's outputs compare with recorded ones.
public struct ValidationReport: Sendable, Codable {
    public var model: String
    public var reference: String
    public var producer: String
    public var samples: Int
    /// The tolerance's name, or the least SQNR asked for.
    public var tolerance: String
    public var outputs: [OutputComparison]
    /// What was assumed to compare them, one sentence each.
    public var assumptions: [String]

    public var passed: Bool { outputs.allSatisfy { $0.failure == nil } }
}

/// What decides whether an output is near enough.
public enum Criterion: Sendable, Hashable {
    case tolerance(Tolerance)
    /// At least so many dB of SQNR.
    case leastSQNR(Double)

    public var description: String {
        switch self {
        case .tolerance(let tolerance): tolerance.rawValue
        case .leastSQNR(let decibels): "SQNR of at least \(decibels) dB"
        }
    }

    func judge(_ statistics: ErrorStatistics, codes: Bool, magnitude: Double) -> String? {
        switch self {
        case .tolerance(let tolerance): tolerance.judge(statistics, codes: codes, magnitude: magnitude)
        case .leastSQNR(let decibels):
            statistics.sqnr >= decibels && statistics.maximum < .infinity
                ? nil : "the SQNR is below \(decibels) dB"
        }
    }
}

/// Collects one output's values over samples.
struct OutputCollector {
    let port: GraphIR.Port
    private(set) var reference: [Double] = []
    private(set) var candidate: [Double] = []
    private var parts: [(sample: String, start: Int, shape: Shape)] = []
    private var comparesCodes = true
    private var type: TensorType?

    init(_ port: GraphIR.Port) { self.port = port }

    /// Adds a pair; `actual` is in the graph's layout and is brought to the source's when the port has another.
    mutating func add(sample: String, expected: Tensor, actual: Tensor) throws(Diagnostic) {
        var actual = actual
        if let permutation = port.sourcePermutation, permutation.count == actual.shape.rank {
            actual = actual.unpermuted(permutation)
        }
        guard expected.shape == actual.shape else {
            throw Diagnostic(
                .badData, at: "output \(port.sourceName)",
                "sample \(sample) has a reference of \(expected.type), the model gives \(actual.type)")
        }
        comparesCodes = comparesCodes && expected.elementType == actual.elementType && !actual.elementType.isFloat
        type = actual.type
        parts.append((sample, reference.count, expected.shape))
        if comparesCodes {
            reference += expected.doubles()
            candidate += actual.doubles()
        } else {
            reference += expected.realValues()
            candidate += actual.realValues()
        }
    }

    /// Precondition: something was added.
    func comparison(_ criterion: Criterion, depth: DepthOutput?) -> OutputComparison {
        let statistics = ErrorStatistics(reference: reference, candidate: candidate)
        let worst = parts.last { $0.start <= statistics.worstIndex }
        let magnitude = reference.lazy.filter(\.isFinite).map(abs).max() ?? 0
        var result = OutputComparison(
            name: port.sourceName, type: type.map { "\($0)" } ?? "", statistics: statistics,
            comparesCodes: comparesCodes, worstSample: worst?.sample ?? "",
            worstIndex: worst.map { Self.index(statistics.worstIndex - $0.start, in: $0.shape) } ?? [],
            failure: criterion.judge(statistics, codes: comparesCodes, magnitude: magnitude))
        // Components of a curve are compared as they are; they are no depth.
        if let depth, depth.curve == nil {
            let parameters = comparesCodes ? type?.quantization : nil
            func real(_ values: [Double]) -> [Double] {
                guard let parameters else { return values.map { $0 * depth.scale } }
                return values.map { Double(parameters.scale) * ($0 - Double(parameters.zeroPoint)) * depth.scale }
            }
            result.depthKind = depth.kind.rawValue
            result.unit = depth.unit
            result.depth = DepthMetrics(reference: real(reference), prediction: real(candidate))
        }
        return result
    }

    private static func index(_ position: Int, in shape: Shape) -> [Int] {
        zip(shape.strides, shape.dimensions).map { $0.1 > 0 ? position / $0.0 % $0.1 : 0 }
    }
}

/// Holds a model against recorded outputs.
public enum Validator {
    /// Runs `session` on every sample of `golden` and compares.
    ///
    /// - Throws: `.badData` when the set's tensors are not the model's; what running throws.
    public static func validate(
        _ session: Session, against golden: GoldenSet, criterion: Criterion, recipe: Recipe? = nil,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> ValidationReport {
        var assumptions = [session.assumption].compactMap { $0 }
        let pairs = try matches(session, golden, &assumptions)
        var collectors = pairs.map { OutputCollector($0.port) }
        for (number, sample) in golden.info.samples.enumerated() {
            progress(number, golden.info.samples.count)
            let recorded = try golden.inputs(of: sample)
            let inputs = try session.inputs(
                named: recorded.filter { name, _ in
                    session.graph.inputs.contains { $0.sourceName == name || session.graph[$0.value].name == name }
                }, inSourceLayout: true)
            let outputs = try session.run(inputs)
            let expected = try golden.outputs(of: sample)
            for (index, pair) in pairs.enumerated() {
                guard let reference = expected[pair.recorded] else { continue }
                try collectors[index].add(sample: sample, expected: reference, actual: outputs[pair.position])
            }
        }
        progress(golden.info.samples.count, golden.info.samples.count)
        let compared = collectors.map {
            $0.comparison(criterion, depth: DepthOutput($0.port, of: session.model, recipe: recipe))
        }
        return ValidationReport(
            model: session.model.path, reference: golden.path,
            producer: "\(golden.info.producer) \(golden.info.producerVersion)", samples: golden.info.samples.count,
            tolerance: criterion.description, outputs: compared, assumptions: assumptions)
    }

    private static func matches(
        _ session: Session, _ golden: GoldenSet, _ assumptions: inout [String]
    ) throws -> [(recorded: String, position: Int, port: GraphIR.Port)] {
        let ports = session.graph.outputs
        var result: [(recorded: String, position: Int, port: GraphIR.Port)] = []
        for (number, entry) in golden.info.outputs.enumerated() {
            let found = ports.firstIndex { $0.sourceName == entry.name || session.graph[$0.value].name == entry.name }
            if let found {
                result.append((entry.name, found, ports[found]))
            } else if ports.count == golden.info.outputs.count {
                assumptions.append(
                    "output \(ports[number].sourceName) is the recorded \(entry.name), by its position")
                result.append((entry.name, number, ports[number]))
            } else {
                let names = ports.map(\.sourceName).joined(separator: ", ")
                throw Diagnostic(
                    .badData, at: golden.path, "records the output \(entry.name), which the model does not have",
                    suggestion: "its outputs are \(names)")
            }
        }
        return result
    }
}
