import GraphIR
import Quantization
import Runtime
import TensorCore

extension Converter {
    /// Samples that fitting weights looks at; all their values at one place of the graph are in memory at once.
    static let fittingSamples = 16

    /// Fits the weights of `graph` as `options` say and keeps the result when it brings the outputs for held-out samples
    /// closer to those of `reference`.
    static func fitWeights(
        of graph: inout Graph, towards reference: Graph, _ calibration: SampleFolder, _ options: ConversionOptions,
        _ progress: (String, Int, Int) -> Void
    ) throws -> MethodOutcome {
        let heldOut = min(heldOutSamples, max(calibration.count - 1, 1))
        let count = max(1, min(fittingSamples, calibration.count - heldOut))
        let samples = try (0..<count).map { index in
            (
                float: try calibration.tensors(index, for: reference),
                quantised: try calibration.tensors(index, for: graph)
            )
        }
        var fitted = graph
        let fits = try LayerFitting.fit(
            &fitted, reference: reference, samples: samples,
            options: FittingOptions(rounding: options.weights, compensation: options.compensation),
            run: RunOptions(engine: options.engine, threads: options.threads)
        ) { progress("fit weights", $0, $1) }
        return try keep(
            fitted, insteadOf: &graph, reference, calibration, options,
            method: "weights by \(options.weights.rawValue)\(options.compensation ? " with compensation" : "")",
            detail: "\(fits.filter(\.isKept).count) of \(fits.count) layers")
    }

    /// Puts `candidate` in place of `graph` when its outputs for held-out samples are closer to those of `reference`.
    static func keep(
        _ candidate: Graph, insteadOf graph: inout Graph, _ reference: Graph, _ calibration: SampleFolder,
        _ options: ConversionOptions, method: String, detail: String
    ) throws -> MethodOutcome {
        let run = RunOptions(engine: options.engine, threads: options.threads)
        let plans = try (
            wanted: Plan(reference, options: run), before: Plan(graph, options: run),
            after: Plan(candidate, options: run)
        )
        var errors = (before: OutputError(), after: OutputError())
        let heldOut = min(heldOutSamples, max(calibration.count - 1, 1))
        for index in (calibration.count - heldOut)..<calibration.count {
            let wanted = try plans.wanted.run(calibration.tensors(index, for: reference))
            let sample = try calibration.tensors(index, for: graph)
            errors.before.add(try plans.before.run(sample), wanted: wanted)
            errors.after.add(try plans.after.run(sample), wanted: wanted)
        }
        let isCloser = errors.after.relative < errors.before.relative
        if isCloser { graph = candidate }
        return MethodOutcome(
            name: method, before: errors.before.decibels, after: errors.after.decibels, kept: isCloser,
            detail: "\(detail), \(heldOut) held-out samples")
    }
}
