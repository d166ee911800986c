import GraphIR
import Operators
import TensorCore

extension NarrowCodes {
    /// True when all codes of an int8 value are 4-bit ones because of what computes it, and for a value that is clamped to
    /// them wherever it is read.
    static func hold(_ value: ValueID, in graph: Graph) -> Bool {
        guard let parameters = parameters(value, in: graph), let producer = graph.producer(of: value) else {
            return false
        }
        let users = graph.users(of: value)
        if !users.isEmpty, !graph.isOutput(value), users.allSatisfy({ clamps(graph[$0], in: graph) }) { return true }
        if clamps(producer, in: graph) { return true }
        if producer.op.passesCodes {
            return producer.inputs.allSatisfy { input in
                guard let input, graph.constant(input) == nil, graph.type(of: input).quantization != nil else {
                    return true
                }
                return hold(input, in: graph)
            }
        }
        guard parameters.zeroPoint == lowest else { return false }
        if producer.op.clampsAtZero { return true }
        // Codes at or above real 0 stay there.
        if case .quantize = producer.op, let input = producer.inputs[0], graph.type(of: input).elementType == .int8 {
            return graph.type(of: input).quantization?.zeroPoint == -128
        }
        return false
    }

    /// Those of an int8 value whose real 0 is a 4-bit code.
    private static func parameters(_ value: ValueID, in graph: Graph) -> QuantizationParameters? {
        let type = graph.type(of: value)
        guard type.elementType == .int8, let parameters = type.quantization, !parameters.isPerChannel,
            parameters.zeroPoint >= lowest
        else { return nil }
        return parameters
    }

    private static func clamps(_ node: Node, in graph: Graph) -> Bool {
        guard case .binary(let op) = node.op, op.kind == .maximum, parameters(node.outputs[0], in: graph) != nil else {
            return false
        }
        return node.inputs.contains { input in
            guard let constant = graph.constant(input), constant.elementType == .int8 else { return false }
            return constant.elements(of: Int8.self).allSatisfy { $0 >= lowest }
        }
    }
}
