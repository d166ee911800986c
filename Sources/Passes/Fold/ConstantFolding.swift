import GraphIR
import Operators
import ReferenceKernels
import TensorCore

extension Pass {
    /// Results up to this size are folded whatever their operands are, in bytes.
    static let foldedSizeLimit = 4096

    /// Convolutions and products with more multiply-accumulates than this are left to the runtime.
    static let foldedWorkLimit = 1 << 26

    /// Computes nodes whose operands are all constant, unless that would make the file larger: the results together
    /// exceed the operands together and 4 KiB. Weights that are stored quantised or as float16 keep their form.
    package static let constantFolding = Pass("constant-folding") { graph, node, patch in
        if case .shape(let elementType) = node.op, let input = node.inputs[0] {
            let extents = graph.type(of: input).shape.dimensions
            let tensor =
                elementType == .int64
                ? Tensor(extents.map(Int64.init), shape: [extents.count])
                : Tensor(extents.map { Int32(clamping: $0) }, shape: [extents.count])
            try fold(node, into: [tensor], graph, &patch)
            return
        }
        guard node.op != .dequantize, node.inputs.allSatisfy({ $0 == nil || graph.constant($0) != nil }) else { return }
        let results = graph.outputTypes(of: node)
        let operands = Set(node.inputs.compactMap { $0 }).reduce(0) { $0 + graph.type(of: $1).byteCount }
        let size = results.reduce(0) { $0 + $1.byteCount }
        guard size <= max(operands, foldedSizeLimit),
            Cost.multiplyAccumulates(of: node.op, inputs: graph.inputTypes(of: node), outputs: results)
                <= foldedWorkLimit
        else { return }
        guard
            let tensors = try? ReferenceKernels.evaluate(
                node.op, inputs: node.inputs.map { graph.constant($0) }, outputTypes: results)
        else { return }
        try fold(node, into: tensors, graph, &patch)
    }

    /// Puts constants in the place of a node's results. Outputs of the graph stay computed.
    static func fold(_ node: Node, into tensors: [Tensor], _ graph: Graph, _ patch: inout GraphPatch) throws {
        guard tensors.count == node.outputs.count, !node.outputs.contains(where: graph.isOutput) else { return }
        for (output, tensor) in zip(node.outputs, tensors) {
            let type = graph.type(of: output)
            guard tensor.shape == type.shape, tensor.elementType == type.elementType else { return }
        }
        for (output, tensor) in zip(node.outputs, tensors) {
            let constant = patch.addConstant(tensor.retyped(graph.type(of: output)), name: graph[output].name)
            patch.replaceUses(of: output, with: constant)
        }
        patch.remove(node.id)
    }
}
