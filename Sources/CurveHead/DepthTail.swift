import GraphIR
import Operators
import TensorCore

/// The last linear operator before a scalar output, and what lies between the two.
package struct DepthTail: Sendable {
    /// What happens to the head's numbers on their way to the output.
    enum Step: Sendable {
        /// Element by element.
        case function(TailFunction, NodeID)
        /// Elements are moved, repeated or left out, none is changed.
        case selection(NodeID)
        /// New numbers between neighbouring ones.
        case resampling(NodeID)
    }

    /// A convolution or matrix product with one result per pixel.
    package let head: NodeID
    /// From the head to the output.
    let steps: [Step]

    /// Follows `output` back to the head.
    ///
    /// - Throws: `Diagnostic` (.unsupported) naming the operator that a curve head cannot be put before.
    package init(of output: ValueID, in graph: Graph) throws(Diagnostic) {
        var value = output
        var reversed: [Step] = []
        while true {
            guard let node = graph.producer(of: value) else {
                throw Self.refusal(graph[value].name, "is an input or a constant, no operator computes it")
            }
            var next = node.inputs.first.flatMap { $0 }
            switch node.op {
            case .quantize, .dequantize: break
            case .reshape, .transpose, .squeeze, .expandDims, .slice, .stridedSlice, .resizeNearestNeighbor, .mirrorPad,
                .reverse, .tile, .broadcastTo:
                reversed.append(.selection(node.id))
            case .resizeBilinear, .averagePool2D: reversed.append(.resampling(node.id))
            case .conv2D, .depthwiseConv2D, .transposeConv, .fullyConnected:
                try Self.check(head: node, in: graph)
                head = node.id
                steps = reversed.reversed()
                return
            default:
                guard let function = TailFunction(node, in: graph) else {
                    throw Self.refusal(node, HeadRefusal.reason(node, in: graph))
                }
                reversed.append(.function(function, node.id))
                next = node.inputs.compactMap { $0 }.first { graph.constant($0) == nil }
            }
            guard let next else { throw Self.refusal(node, "has no operand") }
            value = next
        }
    }

    static func refusal(_ node: Node, _ reason: String) -> Diagnostic {
        refusal("\(node.op.name) \(node.location)", reason)
    }

    static func refusal(_ place: String, _ reason: String) -> Diagnostic {
        Diagnostic(.unsupported, at: place, reason, suggestion: "--head keep")
    }

    private static func check(head node: Node, in graph: Graph) throws(Diagnostic) {
        let shape = graph.type(of: node.outputs[0]).shape
        guard shape.dimensions.last == 1 else {
            throw refusal(
                node,
                "has \(shape.dimensions.last ?? 0) results per pixel; a curve head replaces an operator that has one")
        }
        if let softmax = HeadRefusal.softmax(before: node, in: graph, throughProducts: false) {
            throw refusal(
                softmax,
                "the depth is an expectation over soft-max bins; its noise is that of the 8-bit probabilities, "
                    + "which a curve head does not help")
        }
    }
}
