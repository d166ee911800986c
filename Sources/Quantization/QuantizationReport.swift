import GraphIR
import Operators
import TensorCore

/// What quantisation decided, node by node.
public struct QuantizationReport: Sendable {
    public struct Entry: Sendable {
        public var location: String
        public var operatorName: String
        public var placement: NodePlacement
        public var multiplyAccumulates: Int
    }

    public var entries: [Entry]
    /// Parameters of the values computed on integers, by value name.
    public var parameters: [String: QuantizationParameters]
    /// How the operands of layers with 4-bit operands are held; empty when no polishing was asked for.
    public var operands: [OperandReport] = []

    init(source: Graph, placements: [NodeID: NodePlacement], ranges: [ValueID: QuantizationParameters]) {
        entries = source.nodes.map { node in
            Entry(
                location: node.location, operatorName: node.op.name, placement: placements[node.id] ?? .untouched,
                multiplyAccumulates: Cost.multiplyAccumulates(
                    of: node.op, inputs: source.inputTypes(of: node), outputs: source.outputTypes(of: node)))
        }
        parameters = [:]
        for (value, chosen) in ranges { parameters[source[value].name] = chosen }
    }

    /// Share of the multiply-accumulates with integer weights and activations, in [0, 1].
    public var integerShare: Double {
        let all = entries.reduce(0) { $0 + $1.multiplyAccumulates }
        let integer = entries.reduce(0) { $0 + ($1.placement == .integer ? $1.multiplyAccumulates : 0) }
        return all == 0 ? 1 : Double(integer) / Double(all)
    }

    /// The nodes left in float, grouped by reason.
    public var floatNodes: [(reason: NodePlacement.FloatReason, entries: [Entry])] {
        NodePlacement.FloatReason.allCases.compactMap { reason in
            let matching = entries.filter { $0.placement == .float(reason) }
            return matching.isEmpty ? nil : (reason, matching)
        }
    }
}
