import GraphIR
import Quantization
import Runtime
import TensorCore

extension PostTraining {
    /// Fits the weights of `graph` as the options say and keeps the result when it brings the outputs for held-out
    /// samples closer to those of `reference`.
    func fitWeights(
        of graph: inout Graph, towards reference: Graph, _ calibration: SampleFolder
    ) throws -> MethodOutcome {
        let count = max(1, min(Self.fittingSamples, heldOut.lowerBound))
        let samples = try (0..<count).map { index in
            (
                float: try calibration.tensors(index, for: reference),
                quantised: try calibration.tensors(index, for: graph)
            )
        }
        var fitted = graph
        let fits = try LayerFitting.fit(
            &fitted, reference: reference, samples: samples,
            options: fittingOptions(for: reference, calibration), run: run
        ) { progress("fit weights", $0, $1) }
        let kept = fits.filter(\.isKept)
        let grouped = kept.filter { $0.groupSize != nil }.count
        var detail = "\(kept.count) of \(fits.count) layers"
        if grouped > 0 { detail += " (\(grouped) with groups, stored as int8)" }
        var outcome = try keep(
            fitted, insteadOf: &graph, try Plan(reference, options: run), calibration,
            method: "weights by \(options.weights.rawValue)\(options.compensation ? " with compensation" : "")",
            detail: detail, margin: Self.fittingMargin)
        outcome.steps = fits.compactMap { fit in fit.warning.map { "poor evidence for \(fit.location): \($0)" } }
        return outcome
    }

    /// What the rounding of weights is to know of the network behind every layer.
    private func fittingOptions(for reference: Graph, _ calibration: SampleFolder) throws -> FittingOptions {
        var result = FittingOptions(rounding: options.weights, compensation: options.compensation)
        result.groupSize = options.groupSize
        if options.weights == .kfac {
            result.curvature = try OutputCurvature.estimate(
                graph: reference, samples: measured(calibration, reference), run: run,
                options: CurvatureOptions(scope: options.curvatureScope)
            ) { progress("measure curvature", $0, $1) }
        }
        return result
    }
}
