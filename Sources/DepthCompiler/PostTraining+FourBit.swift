import GraphIR
import Quantization
import Runtime
import TensorCore

/// What 4-bit files need beside what int8 files do.
extension PostTraining {
    /// Samples on which roundings and curvatures are measured.
    private static let measuredSamples = 2

    /// The widths that the precision and the names of 8-bit layers say.
    func widths(of graph: Graph) throws -> BitWidths {
        var result = BitWidths(
            weights: options.precision.isFourBit ? 4 : 8, activations: options.precision == .w4a4 ? 4 : 8)
        guard options.precision.isFourBit, options.eightBit != .none else { return result }
        result.keep8Bits(graph.endLayers().map { graph[$0].location })
        if case .named(let names) = options.eightBit {
            let found = try resolve(names, in: graph, option: "--eight-bit")
            result.keep8Bits(
                graph.nodes.filter { node in
                    found.contains(node.location) || node.outputs.contains { found.contains(graph[$0].name) }
                }.map(\.location))
        }
        return result
    }

    /// Lets the layers that 4 bits cost most keep 8, within the share that the options say; kept when the held-out error
    /// falls. Nil when nothing is to be chosen.
    ///
    /// Roundings are measured with even steps, which polishing may better afterwards.
    ///
    /// - Parameter result: `graph` quantised with 4 bits wherever they are allowed.
    func chooseWidths(
        _ quantization: inout QuantizationOptions, _ result: inout QuantizationResult, _ graph: Graph,
        _ statistics: CalibrationStatistics, _ calibration: SampleFolder
    ) throws -> MethodOutcome? {
        guard options.precision.isFourBit, case .automatic(let share) = options.eightBit, share > 0 else { return nil }
        let plan = try Plan(graph, options: run)
        var even = quantization
        even.polishing = nil
        let noise = try Quantizer.noise(
            of: Quantizer.quantize(graph, statistics: statistics, options: even).graph, reference: graph, plan: plan,
            samples: measured(calibration, graph),
            kinds: [.weights, .operands], progress: { progress("measure 4-bit layers", $0, $1) })
        let choice = BitWidths.choose(graph, noise: noise, share: share)
        guard !choice.steps.isEmpty else { return nil }
        var candidate = quantization
        candidate.widths.eightBitWeights.formUnion(choice.weights)
        candidate.widths.eightBitOperands.formUnion(choice.operands)
        let wider = try Quantizer.quantize(graph, statistics: statistics, options: candidate)
        let before = try error(of: result.graph, against: plan, calibration)
        let after = try error(of: wider.graph, against: plan, calibration)
        let kept = after.relative < before.relative
        if kept { (quantization, result) = (candidate, wider) }
        func percent(_ part: Double) -> String { "\((part * 1000).rounded() / 10) %" }
        return MethodOutcome(
            name: "sensitive layers at 8 bits", before: before.decibels, after: after.decibels, kept: kept,
            detail: "\(choice.steps.count) choices with "
                + (options.precision == .w4a4
                    ? "\(percent(choice.multiplyAccumulateShare)) of the multiply-accumulates and " : "")
                + "\(percent(choice.weightShare)) of the weights",
            steps: choice.steps)
    }

    /// A few samples among those that weights are fitted to.
    func measured(_ calibration: SampleFolder, _ graph: Graph) throws -> [[Tensor]] {
        try (0..<Self.measuredSamples).map { $0 * heldOut.lowerBound / Self.measuredSamples }.map {
            try calibration.tensors($0, for: graph)
        }
    }
}
