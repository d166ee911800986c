import GraphIR
import Operators
import TensorCore

extension Pass {
    /// SQUEEZE, EXPAND_DIMS and PACK of one value become RESHAPE; a RESHAPE of a RESHAPE reads the first one's operand.
    package static let reshapes = Pass("reshapes") { graph, node, patch in
        guard node.outputs.count == 1, let source = node.inputs.first ?? nil else { return }
        let output = node.outputs[0]
        let shape = graph.type(of: output).shape
        switch node.op {
        case .squeeze, .expandDims: break
        case .pack(_, 1): break
        case .reshape:
            if let inner = graph.producer(of: source), inner.op == .reshape, let origin = inner.inputs[0] {
                if graph.type(of: origin).quantization != graph.type(of: source).quantization { return }
                let target = patch.addVector(shape.dimensions, name: "\(graph[output].name)_shape")
                patch.setOperand(0, of: node.id, to: origin)
                patch.setOperand(1, of: node.id, to: target)
            } else if let target = node.inputs[1],
                graph.integers(target) ?? [] != shape.dimensions
                    || graph.type(of: target).elementType != .int32
            {
                let target = patch.addVector(shape.dimensions, name: graph[target].name)
                patch.setOperand(1, of: node.id, to: target)
            }
            return
        default: return
        }
        let target = patch.addVector(shape.dimensions, name: "\(graph[output].name)_shape")
        try patch.replace(node, with: .reshape, [source, target], in: graph)
    }

    /// A TRANSPOSE that moves only axes of extent 1 becomes RESHAPE. Comes behind the choice of layout, for which it is a
    /// transpose like any other.
    package static let memoryOrder = Pass("memory-order") { graph, node, patch in
        guard let permutation = graph.permutation(of: node), !permutation.isIdentity, let source = node.inputs[0],
            permutation.keepsMemoryOrder(of: graph.type(of: source).shape)
        else { return }
        let output = node.outputs[0]
        let shape = graph.type(of: output).shape
        let target = patch.addVector(shape.dimensions, name: "\(graph[output].name)_shape")
        try patch.replace(node, with: .reshape, [source, target], in: graph)
    }

    /// A TRANSPOSE of a TRANSPOSE reads the first one's operand.
    package static let transposes = Pass("transposes") { graph, node, patch in
        guard let outer = graph.permutation(of: node), let source = node.inputs[0],
            let inner = graph.producer(of: source), let first = graph.permutation(of: inner),
            let origin = inner.inputs[0],
            graph.type(of: origin).quantization == graph.type(of: source).quantization
        else { return }
        let both = first.then(outer)
        let axes = patch.addVector(both.axes, name: "\(graph[node.outputs[0]].name)_axes")
        patch.setOperand(0, of: node.id, to: origin)
        patch.setOperand(1, of: node.id, to: axes)
    }
}
