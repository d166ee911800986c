import GraphIR
import Operators
import TensorCore

extension Pass {
    /// A STRIDED_SLICE with steps of 1 and no axes put in or taken out becomes SLICE; a SLICE of a SLICE reads the first
    /// one's operand; sizes are written out.
    package static let slices = Pass("slices") { graph, node, patch in
        guard let source = node.inputs.first ?? nil, node.outputs.count == 1 else { return }
        let shape = graph.type(of: source).shape
        let name = graph[node.outputs[0]].name
        switch node.op {
        case .stridedSlice(let op):
            guard op.newAxisMask == 0, op.shrinkAxisMask == 0, let begin = graph.integers(node.inputs[1]),
                let end = graph.integers(node.inputs[2]), let strides = graph.integers(node.inputs[3]),
                let slice = ResolvedSlice(op, input: shape, begin: begin, end: end, strides: strides),
                slice.step.allSatisfy({ $0 == 1 }), slice.count.allSatisfy({ $0 > 0 })
            else { return }
            let operands = [
                source, patch.addVector(slice.begin, name: "\(name)_begin"),
                patch.addVector(slice.count, name: "\(name)_size"),
            ]
            try patch.replace(node, with: .slice, operands, in: graph)
        case .slice:
            guard let begin = graph.integers(node.inputs[1]), let size = graph.integers(node.inputs[2]) else { return }
            let result = graph.type(of: node.outputs[0]).shape.dimensions
            if let inner = graph.producer(of: source), inner.op == .slice, let origin = inner.inputs[0],
                let first = graph.integers(inner.inputs[1]),
                graph.type(of: origin).quantization == graph.type(of: source).quantization
            {
                patch.setOperand(0, of: node.id, to: origin)
                let sum = zip(first, begin).map { $0 + $1 }
                patch.setOperand(1, of: node.id, to: patch.addVector(sum, name: "\(name)_begin"))
                patch.setOperand(2, of: node.id, to: patch.addVector(result, name: "\(name)_size"))
            } else if size != result {
                patch.setOperand(2, of: node.id, to: patch.addVector(result, name: "\(name)_size"))
            }
        default: return
        }
    }
}
