import Evaluation
import Foundation
import GraphIR
import Operators
import Passes
import Quantization
import Runtime
import TensorCore

/// Makes the report of a quantised model against the float one.
public struct ReportBuilder {
    /// A model and its graph in canonical form.
    public struct Party {
        public var path: String
        public var byteCount: Int
        public var graph: Graph
        /// What output number ``output`` measures; nil when nobody says so.
        public var depth: DepthOutput?
        public var output: Int

        /// Takes the first output that is known to be depth, else the first one.
        public init(path: String, byteCount: Int, graph: Graph, model: Model, recipe: Recipe?) {
            self.path = path
            self.byteCount = byteCount
            self.graph = graph
            let known = graph.outputs.firstIndex { DepthOutput($0, of: model, recipe: recipe) != nil }
            output = known ?? 0
            depth = known.flatMap { DepthOutput(graph.outputs[$0], of: model, recipe: recipe) }
        }

        /// The output's values in the layout of its source.
        func values(_ tensor: Tensor) -> [Double] {
            if let map = depth?.map(tensor) { return map.values.map(Double.init) }
            let port = graph.outputs[output]
            guard let permutation = port.sourcePermutation, permutation.count == tensor.shape.rank else {
                return tensor.realValues()
            }
            return tensor.unpermuted(permutation).realValues()
        }

        func map(_ tensor: Tensor) -> (width: Int, height: Int, values: [Float])? {
            (depth ?? DepthOutput(kind: .depth, unit: "", scale: 1)).map(tensor)
        }
    }

    /// The most samples that are looked at.
    public static let mostSamples = 4

    public var reference: Party
    public var quantized: Party
    /// Why nodes are float, by location.
    public var reasons: [String: String] = [:]
    public var methods: [MethodOutcome] = []
    public var remarks: [String] = []
    public var options: RunOptions

    public init(reference: Party, quantized: Party, options: RunOptions) {
        self.reference = reference
        self.quantized = quantized
        self.options = options
        if let curve = reference.depth?.curve {
            remarks.append(
                "the network emits the components of a \(curve.kind.rawValue) curve (order \(curve.order), depth "
                    + "\(curve.lower) to \(curve.upper)); depth here is decoded from them")
        }
    }

    /// The report of a conversion to the file at `output`; `remarks` come before what the conversion noted.
    ///
    /// - Throws: `.usage` when the conversion did not quantise.
    public init(
        _ conversion: Conversion, of model: Model, output: String, recipe: Recipe?, remarks: [String] = [],
        options: RunOptions
    ) throws(Diagnostic) {
        guard let floatGraph = conversion.floatGraph else { throw Self.needsQuantization }
        self.init(
            reference: Party(
                path: model.path, byteCount: model.byteCount, graph: floatGraph, model: model, recipe: recipe),
            quantized: Party(
                path: output, byteCount: conversion.bytes.count, graph: conversion.graph, model: model, recipe: recipe),
            options: options)
        methods = conversion.methods
        self.remarks += remarks + conversion.warnings + conversion.notes + conversion.assumptions
        for (reason, entries) in conversion.report?.floatNodes ?? [] {
            for entry in entries { reasons[entry.location] = reason.rawValue }
        }
    }

    /// What `convert --report` says when there is nothing to report on.
    public static let needsQuantization = Diagnostic(
        .usage, at: "--report", "is about a conversion that quantises a float model",
        suggestion: "--precision int8, or depthc compare --report for two files")

    /// The report of one file against another.
    ///
    /// - Throws: what bringing the graphs to canonical form throws.
    public init(
        reference: Model, quantized: Model, recipe: Recipe?, options: RunOptions
    ) throws {
        func party(_ model: Model, approximate: Bool) throws -> Party {
            var graph = model.graph
            if approximate, !graph.isQuantized { try Pipeline.floatWeights.run(on: &graph) }
            graph = try Converter.canonical(graph, keepLayout: model.format == .tflite, approximate: approximate)
            return Party(
                path: model.path, byteCount: model.byteCount, graph: graph, model: model, recipe: recipe)
        }
        self.init(
            reference: try party(reference, approximate: true), quantized: try party(quantized, approximate: false),
            options: options)
        if let options = quantized.metadata?.options { remarks.append("made with \(options.joined(separator: " "))") }
    }

    /// Runs both models on the last samples of `data`, at most ``mostSamples``, and analyses the difference.
    ///
    /// - Throws: `.badData` when the outputs do not match; what running throws.
    public func build(
        data: SampleFolder, progress: (String, Int, Int) -> Void = { _, _, _ in }
    ) throws -> (report: AccuracyReport, maps: [OutputMaps]) {
        let begin = ContinuousClock.now
        let indices = Array((0..<data.count).suffix(Self.mostSamples))
        let samples = try indices.map { index in
            NoiseAnalysis.Sample(
                reference: try data.tensors(index, for: reference.graph),
                quantized: try data.tensors(index, for: quantized.graph))
        }
        let plans = (
            reference: try Plan(reference.graph, options: options),
            quantized: try Plan(quantized.graph, options: options)
        )
        var errors: [AccuracyReport.DepthError] = []
        var maps: [OutputMaps] = []
        var all: (reference: [Double], quantized: [Double]) = ([], [])
        for (number, sample) in samples.enumerated() {
            progress("run both models", number, samples.count)
            let wanted = try plans.reference.run(sample.reference)[reference.output]
            let actual = try plans.quantized.run(sample.quantized)[quantized.output]
            let values = (reference.values(wanted), quantized.values(actual))
            guard values.0.count == values.1.count else {
                throw Diagnostic(
                    .badData, at: quantized.path, "the output is \(actual.type), the float model's \(wanted.type)")
            }
            let name = data.name(indices[number])
            errors.append(.init(name, reference: values.0, candidate: values.1))
            all.reference += values.0
            all.quantized += values.1
            if let (float, codes) = reference.map(wanted).flatMap({ a in quantized.map(actual).map { (a, $0) } }),
                float.width == codes.width, float.height == codes.height
            {
                maps.append(
                    OutputMaps(
                        sample: name, width: float.width, height: float.height, float: float.values,
                        quantized: codes.values))
            }
        }
        progress("run both models", samples.count, samples.count)
        errors.append(.init("all", reference: all.reference, candidate: all.quantized))
        let analysis = try NoiseAnalysis(
            quantized: quantized.graph, reference: reference.graph, samples: samples, reasons: reasons,
            output: (quantized.output, reference.output), measures: (quantized.values, reference.values),
            options: options, progress: progress)
        let port = reference.graph.outputs[reference.output]
        let inputs = samples.first
        let report = AccuracyReport(
            reference: try side(reference, plans.reference, inputs?.reference),
            quantized: try side(quantized, plans.quantized, inputs?.quantized), threads: options.threads,
            data: data.path, output: port.sourceName, kind: reference.depth?.kind.rawValue ?? "output",
            unit: reference.depth?.unit ?? "", errors: errors, operators: analysis.operators,
            measuredOperators: analysis.measuredCount, measuredSamples: analysis.measuredSamples,
            usesFloatWeights: analysis.usesFloatWeights,
            histograms: analysis.histograms, methods: methods, remarks: remarks,
            seconds: (ContinuousClock.now - begin) / .seconds(1))
        return (report, maps)
    }

    /// Least and most runs behind a latency, and how long they go on.
    private static let runs = (least: 3, most: 9, seconds: 0.5)

    private func side(_ party: Party, _ plan: Plan, _ inputs: [Tensor]?) throws -> AccuracyReport.Side {
        var times: [Double] = []
        if let inputs {
            _ = try plan.run(inputs)
            while times.count < Self.runs.least
                || times.count < Self.runs.most && times.reduce(0, +) < Self.runs.seconds * 1000
            {
                let begin = ContinuousClock.now
                _ = try plan.run(inputs)
                times.append((ContinuousClock.now - begin) / .milliseconds(1))
            }
        }
        times.sort()
        let integer = party.graph.nodes.count { node in
            node.outputs.contains { party.graph.type(of: $0).quantization != nil }
        }
        return AccuracyReport.Side(
            path: party.path, byteCount: party.byteCount, operators: party.graph.nodes.count,
            integerOperators: integer, milliseconds: times.isEmpty ? 0 : times[times.count / 2], runs: times.count)
    }
}
