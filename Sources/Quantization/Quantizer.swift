import GraphIR
import Operators
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
    /// Values (by name) whose range what they mean decides, not what calibration saw.
    public var fixedRanges: [String: ClosedRange<Float>]
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
        var analysis = PlacementAnalysis(graph, pinned: options.pinned)
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
        var values = observedValues(graph, options: options)
        guard options.balanceChannels, options.activationType != .int16 else {
            return CalibrationRequest(values: values, channels: [], histograms: options.range.needsHistogram)
        }
        let balanced = ChannelBalancing.observed(graph, placements(graph, options))
        values.formUnion(balanced.all)
        return CalibrationRequest(
            values: values, channels: balanced.all, channelDistributions: balanced.movable,
            histograms: options.range.needsHistogram)
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
        let report = QuantizationReport(source: graph, placements: placements, ranges: lowering.chosen)
        return QuantizationResult(graph: lowering.target, report: report)
    }
}
