import GraphIR
import Operators
import TensorCore

extension ExactHead {
    /// A graph's last linear operator before a scalar output, with nothing behind it.
    public struct Accumulator: Sendable {
        /// Computes the operator's real result before its fused activation, float32, as its only output: for a quantised
        /// graph the dequantised accumulator.
        public var graph: Graph
        /// The operator's node, as the source calls it.
        public var location: String
        /// The name of the operator's result.
        public var resultName: String
        /// Of a quantised graph: the real interval that the result's codes and the fused activation leave.
        public var range: ClosedRange<Double>?
    }

    /// - Throws: `Diagnostic` (.unsupported) naming the operator that stands in the way of a curve head.
    public static func accumulator(of output: ValueID, in graph: Graph) throws -> Accumulator {
        let node = graph[try DepthTail(of: output, in: graph).head]
        let isFloat = graph.type(of: node.outputs[0]).elementType.isFloat
        let positions = HeadAccumulator.positions(node.op)
        var builder = HeadBuilder(graph: graph, name: "accumulator")
        var operands = node.inputs
        var range: ClosedRange<Double>?
        if !isFloat {
            let accumulator = try HeadAccumulator(node, in: graph)
            range = accumulator.lowest * accumulator.unit...accumulator.highest * accumulator.unit
            if let input = node.inputs[positions.input] {
                operands[positions.input] = try builder.node("features", .dequantize, [input])
            }
            let scale = accumulator.unit / Double(accumulator.inputScale)
            operands[1] = builder.constant(
                "weights",
                Tensor(
                    accumulator.weights.elements(of: Int8.self).map { Float(Double($0) * scale) },
                    shape: accumulator.weights.shape))
            if positions.bias < operands.count, operands[positions.bias] != nil {
                operands[positions.bias] = builder.constant(
                    "bias", Tensor([Float(Double(accumulator.bias) * accumulator.unit)], shape: [1]))
            }
        }
        let result = try builder.nodes("result", node.op.withoutActivation, operands)[0]
        var alone = builder.graph
        alone.outputs = [Port(value: result, sourceName: "accumulator")]
        alone.removeUnused()
        return Accumulator(
            graph: alone, location: node.location, resultName: graph[node.outputs[0]].name, range: range)
    }
}

extension Operator {
    /// The linear operator without its fused activation.
    fileprivate var withoutActivation: Operator {
        switch self {
        case .conv2D(var op):
            op.activation = .none
            return .conv2D(op)
        case .depthwiseConv2D(var op):
            op.activation = .none
            return .depthwiseConv2D(op)
        case .transposeConv(var op):
            op.activation = .none
            return .transposeConv(op)
        case .fullyConnected(var op):
            op.activation = .none
            return .fullyConnected(op)
        default: return self
        }
    }
}
