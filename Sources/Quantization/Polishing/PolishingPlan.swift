import GraphIR
import Operators
import TensorCore

/// How a value that layers with 4-bit operands read is held, and what that costs.
public struct OperandReport: Sendable, Hashable, Codable {
    /// The value's name in the source graph.
    public var name: String
    /// The layers (by location) that multiply it.
    public var layers: [String]
    /// Nil: even steps, and the products are on the 4-bit codes. Otherwise 4 bits are how the value is stored, and the
    /// products are on the int8 codes that a table expands them to.
    public var polishing: PolishingMethod?
    /// Tables that channels share; 1 when one serves all, 0 without polishing.
    public var tables: Int
    /// Expected squared error, as a share of the energy, of even steps and of the best polishing tried.
    public var plainError: Double
    public var polishedError: Double
}

/// Which operands of layers with 4-bit operands are polished.
struct PolishingPlan {
    /// What is polished, for the parameters that the value was expected to get.
    private(set) var values: [ValueID: ValuePolishing] = [:]
    private(set) var report: [OperandReport] = []

    init() {}

    /// The values whose channels' distributions decide.
    static func observed(_ graph: Graph, isNarrow: (Node) -> Bool) -> Set<ValueID> {
        Set(readers(graph, isNarrow: isNarrow).map(\.value))
    }

    /// - Parameters:
    ///   - isNarrow: true of the layers with 4-bit operands.
    ///   - parameters: those that a value gets with 8 bits and, in ``NarrowCodes``, with 4; nil when they cannot
    ///     be known.
    init(
        _ graph: Graph, statistics: CalibrationStatistics, options: PolishingOptions, isNarrow: (Node) -> Bool,
        parameters: (ValueID) -> (wide: QuantizationParameters, narrow: QuantizationParameters)?
    ) {
        for (value, layers) in Self.readers(graph, isNarrow: isNarrow) {
            guard let channels = statistics.channelRanges[value], let known = parameters(value),
                let polishing = ValuePolishing(
                    channels: channels, parameters: known.wide, plain: known.narrow,
                    importance: Self.importance(of: value, layers, in: graph), methods: options.methods)
            else { continue }
            let isKept = polishing.error < options.gate * polishing.plainError
            if isKept { values[value] = polishing }
            report.append(
                OperandReport(
                    name: graph[value].name, layers: layers.map(\.location),
                    polishing: isKept ? polishing.method : nil,
                    tables: isKept ? polishing.codebooks.count : 0, plainError: polishing.plainError,
                    polishedError: polishing.error))
        }
    }

    /// The computed values that layers with 4-bit operands multiply, in execution order, with these layers.
    private static func readers(
        _ graph: Graph, isNarrow: (Node) -> Bool
    ) -> [(value: ValueID, layers: [Node])] {
        var order: [ValueID] = []
        var layers: [ValueID: [Node]] = [:]
        for node in graph.nodes where isNarrow(node) {
            let contract = node.op.quantizationContract
            for (index, input) in node.inputs.enumerated() {
                guard let input, graph.constant(input) == nil, graph.type(of: input).elementType == .float32,
                    graph.type(of: input).shape.rank >= 2, contract.role(of: index, isConstant: false) == .activation
                else { continue }
                if layers[input] == nil { order.append(input) }
                layers[input, default: []].append(node)
            }
        }
        return order.map { ($0, layers[$0] ?? []) }
    }

    /// What a squared error in each channel of `value` adds to the squared error of the layers' results: the sum of the
    /// squares of the weights that multiply it. Nil when they are not known channel by channel.
    private static func importance(of value: ValueID, _ layers: [Node], in graph: Graph) -> [Double]? {
        let channels = graph.type(of: value).shape[-1]
        var result = [Double](repeating: 0, count: channels)
        for layer in layers {
            guard let operands = LayerOperands(layer, in: graph), operands.data == value,
                let weights = graph.constant(operands.weights), weights.elementType == .float32,
                weights.shape[-1] == channels
            else { return nil }
            weights.withElements(of: Float.self) { elements in
                for (i, weight) in elements.enumerated() where weight.isFinite {
                    result[i % channels] += Double(weight) * Double(weight)
                }
            }
        }
        return result
    }
}
