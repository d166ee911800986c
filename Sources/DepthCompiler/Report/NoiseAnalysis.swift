import Evaluation
import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore

/// Where the error of a quantised graph comes from, operator by operator.
///
/// Both graphs run in lockstep, node by node: the quantised graph as it is, its ``FloatTwin`` on the same (dequantised)
/// operands, which gives every operator's own noise, and the twin on the float values, which gives the accumulated noise.
/// The own noise of the operators with the worst SQNR is then added to their results in the float graph, one operator at
/// a time, and the change of the output is measured.
public struct NoiseAnalysis: Sendable {
    /// One sample as both graphs take it.
    public struct Sample: Sendable {
        public var reference: [Tensor]
        public var quantized: [Tensor]

        public init(reference: [Tensor], quantized: [Tensor]) {
            self.reference = reference
            self.quantized = quantized
        }
    }

    /// Worst first: those with measured output error by it, then the others by their own SQNR.
    public let operators: [OperatorNoise]
    /// The operators at the head of the list and those at the graph's inputs and outputs.
    public let histograms: [ValueHistogram]
    /// For how many operators, and on how many samples (the first ones), the output error was measured.
    public let measuredCount: Int
    public let measuredSamples: Int
    /// Root mean squared error of the quantised graph's output, in its unit.
    public let outputError: Double
    /// False when the float weights could not be used, because the quantised graph is not built like the float graph:
    /// the figures then leave out what rounding the weights costs.
    public let usesFloatWeights: Bool

    /// At least so many operators' output errors are measured, on at least so many samples; more while all runs with
    /// added noise together take at most ``workLimit`` multiply-accumulates.
    static let leastMeasured = (operators: 24, samples: 2)
    static let workLimit = 100_000_000_000
    /// What the other operators of a small network cost, as multiply-accumulates of a run.
    static let leastWork = 500_000_000
    /// Operators whose distribution is kept.
    static let histogramCount = 16
    /// AC-SQNR in dB from which the twin with float weights is taken without a look at the other one.
    static let enoughAgreement = 60.0

    /// The values of an output in its unit.
    public typealias Measure = (Tensor) -> [Double]

    /// - Parameters:
    ///   - reference: the float graph that was quantised, or one with the same inputs and outputs.
    ///   - reasons: why nodes are float, by location.
    ///   - output: the output whose error counts, in both graphs.
    ///   - measures: the values of that output in one unit, in both graphs.
    /// - Throws: what running throws; `.badData` when the graphs' outputs do not match.
    public init(
        quantized graph: Graph, reference: Graph, samples: [Sample], reasons: [String: String] = [:],
        output: (quantized: Int, reference: Int) = (0, 0),
        measures: (quantized: Measure, reference: Measure) = ({ $0.realValues() }, { $0.realValues() }),
        options: RunOptions = RunOptions(), progress: (String, Int, Int) -> Void = { _, _, _ in }
    ) throws {
        guard graph.outputs.indices.contains(output.quantized), reference.outputs.indices.contains(output.reference)
        else { throw Diagnostic(.badData, at: graph.name, "the graphs have no such output") }
        let plan = try Plan(reference, options: options)
        var wanted: [[Double]] = []
        for (index, sample) in samples.enumerated() {
            progress("run in float", index, samples.count)
            wanted.append(measures.reference(try plan.run(sample.reference)[output.reference]))
        }
        let inputs = Self.inputs(graph, reference, samples)
        let twin = try Self.twin(graph, reference, inputs, wanted, options) { measures.quantized($0[output.quantized]) }
        usesFloatWeights = twin.usesFloatWeights
        let extent = Self.extent(graph, samples: samples.count)
        var pass = LockstepPass(twin: twin, inputs: inputs, samples: samples.map(\.quantized), reasons: reasons)
        try pass.run(keeping: extent.operators, options: options, progress: progress)
        var injection = try NoiseInjection(
            twin: twin, inputs: Array(inputs.prefix(extent.samples)), noise: pass.loudest, output: output.quantized,
            options: options,
            measure: measures.quantized)
        try injection.run(actual: pass.outputs.map { measures.quantized($0[output.quantized]) }, progress: progress)
        outputError = injection.total.squareRoot()
        var entries = pass.entries
        for (node, squared) in injection.squaredErrors {
            entries[node]?.outputError = squared.squareRoot()
            entries[node]?.outputShare = injection.total > 0 ? squared / injection.total : 0
        }
        measuredCount = injection.squaredErrors.count
        measuredSamples = extent.samples
        let ranked = graph.nodes.compactMap { node in entries[node.id].map { (node, $0) } }
            .enumerated().sorted { Self.isWorse($0, $1) }.map(\.element)
        operators = ranked.map(\.1)
        histograms = try injection.histograms(of: Self.shown(ranked.map(\.0), twin))
    }

    /// The twin's inputs for every sample: the float graph's where they fit, else the quantised graph's as reals.
    private static func inputs(_ graph: Graph, _ reference: Graph, _ samples: [Sample]) -> [[Tensor]] {
        samples.map { sample in
            graph.inputs.indices.map { index -> Tensor in
                let real = sample.quantized[index].dequantized()
                let match = reference.inputs.firstIndex { $0.sourceName == graph.inputs[index].sourceName } ?? index
                guard match < sample.reference.count, sample.reference[match].type == real.type else { return real }
                return sample.reference[match]
            }
        }
    }

    /// The twin with the float graph's constants, or with dequantised ones where these are nearer to what the float graph
    /// computes: then the quantised graph is not built like it.
    private static func twin(
        _ graph: Graph, _ reference: Graph, _ inputs: [[Tensor]], _ wanted: [[Double]], _ options: RunOptions,
        _ measure: ([Tensor]) -> [Double]
    ) throws -> FloatTwin {
        let twin = FloatTwin(of: graph, reference: reference, usesReferenceConstants: true)
        guard let first = inputs.first, let expected = wanted.first else { return twin }
        func error(of twin: FloatTwin) throws -> Double {
            let result = measure(try Plan(twin.whole().graph, options: options).run(first))
            guard result.count == expected.count else {
                throw Diagnostic(
                    .badData, at: graph.name,
                    "gives \(result.count) output values, the float graph \(expected.count)")
            }
            return -ErrorStatistics(reference: expected, candidate: result).acSQNR
        }
        if try error(of: twin) <= -enoughAgreement { return twin }
        let plain = FloatTwin(of: graph, reference: reference, usesReferenceConstants: false)
        return try error(of: plain) < error(of: twin) ? plain : twin
    }

    /// For how many operators the output error is measured, and on how many samples.
    private static func extent(_ graph: Graph, samples: Int) -> (operators: Int, samples: Int) {
        let work = graph.nodes.reduce(0) { sum, node in
            sum
                + Cost.multiplyAccumulates(
                    of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
        }
        let runs = workLimit / max(work, leastWork)
        let used = min(samples, max(leastMeasured.samples, runs / leastMeasured.operators))
        return (max(leastMeasured.operators, runs / max(used, 1)), used)
    }

    private static func isWorse(
        _ a: (offset: Int, element: (Node, OperatorNoise)), _ b: (offset: Int, element: (Node, OperatorNoise))
    ) -> Bool {
        let (first, second) = (a.element.1, b.element.1)
        if first.outputError != second.outputError {
            return (first.outputError ?? -1) > (second.outputError ?? -1)
        }
        if first.ownSQNR != second.ownSQNR { return (first.ownSQNR ?? .infinity) < (second.ownSQNR ?? .infinity) }
        return a.offset < b.offset
    }

    /// The integer operators whose distribution is kept: inputs first, then outputs, then the worst.
    private static func shown(_ ranked: [Node], _ twin: FloatTwin) -> [ValueID] {
        let graph = twin.graph
        var result: [ValueID] = []
        for port in graph.inputs {
            for user in graph.users(of: port.value) where graph[user].op.name == "QUANTIZE" {
                result += graph[user].outputs
            }
        }
        for port in graph.outputs {
            guard let producer = graph.producer(of: port.value) else { continue }
            result += producer.op == .dequantize ? producer.inputs.compactMap { $0 } : [port.value]
        }
        result += ranked.prefix(histogramCount).compactMap { $0.outputs.first }
        var seen = Set<ValueID>()
        return result.filter { twin.isCodes($0) && graph.constant($0) == nil && seen.insert($0).inserted }
    }
}
