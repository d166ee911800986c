import GraphIR
import Operators
import TensorCore

extension Pass {
    /// exp(x - max x) / sum exp(x - max x) over the last axis becomes SOFTMAX. Rounds differently than before.
    package static let softmax = Pass("softmax") { graph, node, patch in
        guard case .binary(Binary(.div)) = node.op, let numerator = node.inputs[0], let denominator = node.inputs[1],
            let power = graph.producer(of: numerator), power.op == .unary(.exp), let exponent = power.inputs[0],
            let sum = graph.producer(of: denominator), sum.op == .reduce(Reduction(.sum, keepDimensions: true)),
            sum.inputs[0] == numerator, isLastAxis(sum, in: graph), graph.isFloat(exponent)
        else { return }
        var input = exponent
        if let shift = graph.producer(of: exponent), case .binary(Binary(.sub)) = shift.op, let value = shift.inputs[0],
            let offset = shift.inputs[1], let maximum = graph.producer(of: offset),
            maximum.op == .reduce(Reduction(.max, keepDimensions: true)), maximum.inputs[0] == value,
            isLastAxis(maximum, in: graph)
        {
            input = value
        }
        guard graph.type(of: input) == graph.type(of: node.outputs[0]) else { return }
        try patch.replace(node, with: .softmax(beta: 1), [input], in: graph)
    }

    private static func isLastAxis(_ node: Node, in graph: Graph) -> Bool {
        guard let source = node.inputs[0], let axes = graph.integers(node.inputs[1]) else { return false }
        return axes == [graph.type(of: source).shape.rank - 1] || axes == [-1]
    }
}
