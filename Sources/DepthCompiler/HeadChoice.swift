import CurveHead
import GraphIR
import Quantization
import Runtime
import TensorCore

extension Converter {
    /// The curve that the noise in the head's accumulator makes worth while; nil, with a note, when none is.
    static func chosenCurve(
        _ head: ExactHeadOptions, _ conversion: inout Conversion, _ options: ConversionOptions,
        _ calibration: SampleFolder?, _ progress: (String, Int, Int) -> Void
    ) throws -> ExactCurve? {
        let noise = try noise(of: conversion.graph, head, conversion, options, calibration, progress)
        func times(_ gain: Double) -> String { "\((gain * 100).rounded() / 100)x" }
        let measured =
            "noise of \((noise.steps * 100).rounded() / 100) steps of the 8-bit output in its accumulator on "
            + "\(PostTraining.heldOut(of: calibration).count) held-out samples, so that no head lowers the RMSE more than "
            + times(noise.largestGain)
        guard let curve = noise.bestCurve else {
            conversion.notes.append("head kept: \(measured)")
            return nil
        }
        conversion.notes.append(
            "head chosen: \(curve.kind.rawValue) of order \(curve.order), predicted \(times(noise.gain(length: Double(curve.length))));"
                + " \(measured)")
        return curve
    }

    /// Fits the weights and the bias of the last linear operator to the float network's results on the quantised
    /// network's features, and keeps them when the accumulator comes closer for held-out samples.
    static func refitHead(
        _ head: ExactHeadOptions, of conversion: inout Conversion, _ options: ConversionOptions,
        _ calibration: SampleFolder?, _ progress: (String, Int, Int) -> Void
    ) throws {
        guard let reference = conversion.floatGraph, let calibration else { throw needsFloat(head) }
        let graph = conversion.graph
        let accumulator = try ExactHead.accumulator(of: graph.outputs[output(head.output, of: graph)].value, in: graph)
        let count = PostTraining.fittingCount(of: calibration)
        let samples = try (0..<count).map { index in
            (
                float: try calibration.tensors(index, for: reference),
                quantised: try calibration.tensors(index, for: graph)
            )
        }
        var fitting = FittingOptions(rounding: .gptq, compensation: true)
        fitting.leastRows = headRows
        var candidate = graph
        let fits = try LayerFitting.fit(
            &candidate, reference: reference, samples: samples, options: fitting,
            run: RunOptions(engine: options.engine, threads: options.threads), only: [accumulator.resultName]
        ) { progress("refit the head", $0, $1) }
        let before = try noise(of: graph, head, conversion, options, calibration, progress)
        let after = try noise(of: candidate, head, conversion, options, calibration, progress)
        let isKept = after.deviation < before.deviation
        if isKept { conversion.graph = candidate }
        func steps(_ noise: HeadNoise) -> String { "\((noise.steps * 1000).rounded() / 1000)" }
        conversion.methods.append(
            MethodOutcome(
                name: "refitted head", before: before.decibels, after: after.decibels, kept: isKept,
                detail: "noise in the accumulator \(steps(before)) -> \(steps(after)) steps of the 8-bit output, "
                    + "\(fits.first?.rows ?? 0) rows, \(PostTraining.heldOut(of: calibration).count) held-out samples"))
    }

    /// Pixels that a head is fitted to; it has few weights, and what they learn is the noise of whole pictures.
    private static let headRows = 32_768

    /// The noise of the head's accumulator in `graph` against the float network on held-out calibration samples.
    private static func noise(
        of graph: Graph, _ head: ExactHeadOptions, _ conversion: Conversion, _ options: ConversionOptions,
        _ calibration: SampleFolder?, _ progress: (String, Int, Int) -> Void
    ) throws -> HeadNoise {
        guard let reference = conversion.floatGraph, let calibration else { throw needsFloat(head) }
        let found = try ExactHead.accumulator(of: graph.outputs[output(head.output, of: graph)].value, in: graph)
        let wanted = try ExactHead.accumulator(
            of: reference.outputs[output(head.output, of: reference)].value, in: reference)
        guard let range = found.range else { throw needsFloat(head) }
        let run = RunOptions(engine: options.engine, threads: options.threads)
        let plans = (wanted: try Plan(wanted.graph, options: run), found: try Plan(found.graph, options: run))
        var noise = HeadNoise(range: range)
        let count = PostTraining.heldOut(of: calibration).count
        for number in 0..<count {
            progress("measure the head's noise", number, count)
            let index = calibration.count - count + number
            noise.add(
                wanted: try plans.wanted.run(calibration.tensors(index, for: wanted.graph))[0].doubles(),
                found: try plans.found.run(calibration.tensors(index, for: found.graph))[0].doubles())
        }
        progress("measure the head's noise", count, count)
        return noise
    }

    private static func needsFloat(_ head: ExactHeadOptions) -> Diagnostic {
        Diagnostic(
            .usage, at: head.curve == nil ? "--head auto" : "--refit-head",
            "compares with the float network on calibration samples, and this conversion has none",
            suggestion: "a float source with --precision int8 and --calibration DIR, or --head hilbert")
    }
}
