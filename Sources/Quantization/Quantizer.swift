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

    /// The values whose channels ``balanced(_:statistics:options:)`` looks at: those computed in float, and the operands
    /// of concatenations.
    public static func balanceableValues(_ graph: Graph, options: QuantizationOptions) -> Set<ValueID> {
        guard options.balanceChannels, options.activationType != .int16 else { return [] }
        let placements = placements(graph, options)
        var result = Set<ValueID>()
        for node in graph.nodes {
            if case .float = placements[node.id] { result.formUnion(node.outputs) }
        }
        for node in graph.nodes {
            guard case .concatenation = node.op, node.inputs.contains(where: { $0.map(result.contains) ?? false })
            else { continue }
            result.formUnion(node.inputs.compactMap { $0 })
        }
        return result
    }

    /// The graph to calibrate a second time and quantise instead of `graph`: the same function with balanced channels.
    /// Nil when nothing is to gain.
    public static func balanced(
        _ graph: Graph, statistics: CalibrationStatistics, options: QuantizationOptions
    ) throws -> Graph? {
        guard options.balanceChannels, options.activationType != .int16 else { return nil }
        let placements = placements(graph, options)
        return try ChannelBalancing(graph: graph, statistics: statistics, placements: placements).balanced()
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
