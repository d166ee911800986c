import GraphIR
import Operators
import Runtime
import TensorCore

/// What post-training quantisation is asked to do.
public struct QuantizationOptions: Sendable, Hashable {
    /// int8, or int16 for 16-bit activations with 8-bit weights.
    public var activationType: ElementType
    public var range: RangeMethod
    /// True: inputs and outputs are integer codes; false: they stay float, bridged inside the graph.
    public var integerPorts: Bool
    /// Nodes (by source name) or values (by name) that stay float.
    public var pinned: Set<String>
    /// Nodes (by location) that stay float because that is where a budget of time buys the most.
    public var floatNodes: Set<String> = []
    /// Nodes (by location) that mixed precision leaves on integers, because a curve head takes their place; the rounding of
    /// their results and of all that is computed from them does not count.
    public var headNodes: Set<String> = []
    /// Values (by name) whose range what they mean decides, not what calibration saw.
    public var fixedRanges: [String: ClosedRange<Float>]
    /// One weight scale for each FULLY_CONNECTED instead of one for every row, as delegates ask that have no other kernel.
    public var perTensorMatrices = false
    /// Where 4 bits take the place of 8; with int8 activations only.
    public var widths = BitWidths()
    /// How 4-bit operands may be polished; nil: they have even steps.
    public var polishing: PolishingOptions?
    /// Moves powers of two from the channels of float operands into the weights of the convolution that reads them.
    public var balanceChannels: Bool

    public init(
        activationType: ElementType = .int8, range: RangeMethod = .meanSquaredError, integerPorts: Bool = false,
        pinned: Set<String> = [], fixedRanges: [String: ClosedRange<Float>] = [:], balanceChannels: Bool = true
    ) {
        self.activationType = activationType
        self.range = range
        self.integerPorts = integerPorts
        self.pinned = pinned
        self.fixedRanges = fixedRanges
        self.balanceChannels = balanceChannels
    }
}

/// A quantised graph and what was decided on the way.
public struct QuantizationResult: Sendable {
    public var graph: Graph
    public var report: QuantizationReport
}

/// Turns a float graph into a quantised one from calibration statistics.
public enum Quantizer {
    private static func placements(_ graph: Graph, _ options: QuantizationOptions) -> [NodeID: NodePlacement] {
        var analysis = PlacementAnalysis(
            graph, pinned: options.pinned, chosen: options.floatNodes,
            floatShare: options.floatNodes.isEmpty ? 0.03 : 0)
        return analysis.placements(activationType: options.activationType)
    }

    /// The values whose distribution quantisation asks for: operands and results of the nodes that will compute on
    /// integers.
    public static func observedValues(_ graph: Graph, options: QuantizationOptions) -> Set<ValueID> {
        let placements = placements(graph, options)
        var result = Set<ValueID>()
        for node in graph.nodes where placements[node.id] == .integer {
            result.formUnion(node.outputs)
            result.formUnion(node.inputs.compactMap { $0 })
        }
        return result
    }

    /// What calibration has to gather of `graph` for ``balanced(_:statistics:options:)`` and
    /// ``quantize(_:statistics:options:)``.
    public static func request(_ graph: Graph, options: QuantizationOptions) -> CalibrationRequest {
        let placements = placements(graph, options)
        var result = CalibrationRequest(
            values: observedValues(graph, options: options), channels: [], histograms: options.range.needsHistogram)
        if options.balanceChannels, options.activationType != .int16 {
            let balanced = ChannelBalancing.observed(graph, placements)
            result.values?.formUnion(balanced.all)
            result.channels = balanced.all
            result.channelDistributions = balanced.movable
        }
        if options.polishing != nil {
            let polished = PolishingPlan.observed(graph) {
                placements[$0.id] == .integer && options.widths.hasNarrowOperands($0)
            }
            result.channelDistributions.formUnion(polished)
            if !polished.isEmpty { result.histograms = true }
        }
        return result
    }

    /// What a statistics file holds: all float values with their channels, so that ranges of every method and
    /// activation type can be chosen later; distributions by channel for those that int8 can balance.
    public static func completeRequest(_ graph: Graph) -> CalibrationRequest {
        let options = QuantizationOptions()
        return CalibrationRequest(
            channelDistributions: ChannelBalancing.observed(graph, placements(graph, options)).movable)
    }

    /// The graph to quantise instead of `graph`: the same function with balanced channels, and the statistics of its
    /// values. Nil when nothing is to gain.
    public static func balanced(
        _ graph: Graph, statistics: CalibrationStatistics, options: QuantizationOptions
    ) throws -> (graph: Graph, statistics: CalibrationStatistics)? {
        guard options.balanceChannels, options.activationType != .int16 else { return nil }
        var balancing = ChannelBalancing(
            graph: graph, statistics: statistics, placements: placements(graph, options))
        return try balancing.balanced()
    }

    /// The values whose channel extrema ``equalized(_:statistics:)`` looks at; empty when no channel can be scaled.
    public static func equalizableValues(_ graph: Graph) -> Set<ValueID> {
        CrossLayerEqualization.scalableValues(graph)
    }

    /// The same function with equalised channels, see ``CrossLayerEqualization``; nil when nothing is to gain.
    public static func equalized(
        _ graph: Graph, statistics: CalibrationStatistics, options: QuantizationOptions
    ) throws -> Graph? {
        let placements = placements(graph, options)
        return try CrossLayerEqualization(graph: graph, statistics: statistics) { placements[$0.id] != .integer }
            .equalized()
    }

    /// What every rounding of `quantized`, alone, does to the outputs of `reference`, the graph that it was made of.
    ///
    /// - Parameters:
    ///   - plan: runs `reference`.
    ///   - samples: inputs of `reference`.
    ///   - kinds: which roundings are measured.
    public static func noise(
        of quantized: Graph, reference: Graph, plan: Plan, samples: [[Tensor]],
        kinds: Set<NoiseSource.Kind> = [.activation, .weights], progress: (Int, Int) -> Void
    ) throws -> [NoiseSource] {
        try NoiseSensitivity(reference: reference, quantized: quantized, plan: plan)
            .measure(samples: samples, kinds: kinds, progress: progress)
    }

    /// The operators to keep in float and the activations to split so that the error falls the most while the latency that
    /// ``LatencyModel`` expects grows by at most `budget` (0.07 for 7 %), and at most 7 % of the multiply-accumulates are
    /// float.
    ///
    /// - Parameters:
    ///   - graph: what `noise` was measured on.
    ///   - base: `graph` before its channels were equalised.
    ///   - statistics: channel extrema of `base`, see ``equalizableValues(_:)``.
    public static func mixedPrecision(
        _ graph: Graph, noise: [NoiseSource], base: Graph, statistics: CalibrationStatistics, budget: Double,
        options: QuantizationOptions
    ) -> MixedPrecisionChoice {
        let placements = placements(graph, options)
        let splittings = base.nodes.compactMap { node in
            placements[node.id] == .integer ? ChannelSplitting(node, in: base, statistics: statistics) : nil
        }
        let heads = Set(graph.nodes.filter { options.headNodes.contains($0.location) }.map(\.id))
        return MixedPrecisionSearch(
            graph: graph, noise: noise, placements: placements, splittings: splittings, heads: heads
        )
        .run(budget: budget)
    }

    /// `graph` with the results of some operators split, see ``ChannelSplitting``.
    ///
    /// - Parameters:
    ///   - splits: parts by location.
    ///   - statistics: channel extrema of `graph`.
    public static func split(
        _ graph: Graph, splits: [String: Int], statistics: CalibrationStatistics
    ) throws -> Graph {
        var result = graph
        for node in graph.nodes {
            guard let parts = splits[node.location],
                let splitting = ChannelSplitting(result[node.id], in: result, statistics: statistics)
            else { continue }
            result = try splitting.split(parts: parts)
        }
        return result
    }

    /// Quantises `graph`. Every value computed on integers gets parameters by its producer's contract: calibrated,
    /// its operands', or fixed; where operands must share parameters and do not, QUANTIZE bridges them.
    ///
    /// - Throws: `Diagnostic` (.badData) when a value has no statistics.
    public static func quantize(
        _ graph: Graph, statistics: CalibrationStatistics, options: QuantizationOptions
    ) throws -> QuantizationResult {
        let placements = placements(graph, options)
        var lowering = QuantizationLowering(
            source: graph, statistics: statistics, options: options, placements: placements)
        try lowering.run()
        var report = QuantizationReport(source: graph, placements: placements, ranges: lowering.chosen)
        report.operands = lowering.polishing.report
        return QuantizationResult(graph: lowering.target, report: report)
    }
}
