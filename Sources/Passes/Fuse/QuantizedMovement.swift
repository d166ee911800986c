import GraphIR
import Operators
import TensorCore

extension Pass {
    /// DEQUANTIZE, then operators that only move elements, then QUANTIZE with the same parameters: the codes are moved
    /// instead. Exact, since a code survives the way into reals and back.
    package static let quantizedMovement = Pass("quantized-movement") { graph, node, patch in
        guard case .quantize(let elementType) = node.op, let input = node.inputs[0] else { return }
        let result = graph.type(of: node.outputs[0])
        guard let parameters = result.quantization, !parameters.isPerChannel else { return }

        /// The codes that `value` was made from.
        func codes(_ value: ValueID) -> ValueID? {
            guard let producer = graph.producer(of: value), producer.op == .dequantize, let source = producer.inputs[0]
            else { return nil }
            let type = graph.type(of: source)
            return type.elementType == elementType && type.quantization == parameters ? source : nil
        }
        if let source = codes(input) {
            if graph.canForward(source, over: node) { patch.replace(node, with: source) }
            return
        }
        guard graph.hasSingleUse(input), let producer = graph.producer(of: input), producer.outputs.count == 1,
            let moved = movedOperands(of: producer)
        else { return }
        var operands = producer.inputs
        for index in moved {
            guard let operand = operands[index], let source = codes(operand) else { return }
            operands[index] = source
        }
        try patch.replace(node, with: producer.op, operands, in: graph)
        patch.remove(producer.id)
    }

    /// The operands whose elements an operator moves or picks without computing; nil for other operators.
    private static func movedOperands(of node: Node) -> Range<Int>? {
        switch node.op {
        case .reshape, .squeeze, .expandDims, .transpose, .slice, .stridedSlice, .tile, .broadcastTo, .gather,
            .gatherND, .reverse, .depthToSpace, .spaceToDepth, .resizeNearestNeighbor:
            0..<1
        case .maxPool2D(let op): op.activation == .none ? 0..<1 : nil
        case .concatenation(_, let activation): activation == .none ? node.inputs.indices : nil
        case .pack: node.inputs.indices
        default: nil
        }
    }
}
