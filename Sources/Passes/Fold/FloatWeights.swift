import GraphIR
import Operators
import ReferenceKernels
import TensorCore

extension Pass {
    /// Turns weights that are stored as integers or float16, for operators that compute in float, into float32
    /// constants: DEQUANTIZE of a constant, and the integer weights of dynamic-range operators. The float values are
    /// `scale * (code - zeroPoint)` in binary32, as DEQUANTIZE gives them.
    ///
    /// Part of a conversion to another precision only: the file grows.
    package static let floatWeights = Pass("float-weights") { graph, node, patch in
        if node.op == .dequantize, let stored = graph.constant(node.inputs[0]) {
            let type = graph.type(of: node.outputs[0])
            let tensors = try ReferenceKernels.evaluate(.dequantize, inputs: [stored], outputTypes: [type])
            try fold(node, into: tensors, graph, &patch)
            return
        }
        let contract = node.op.quantizationContract
        for (index, input) in node.inputs.enumerated() {
            guard let input, let stored = graph.constant(input), stored.type.quantization != nil,
                graph.type(of: node.outputs[0]).elementType == .float32
            else { continue }
            switch contract.role(of: index) {
            case .weight, .activation:
                let type = TensorType(.float32, stored.shape)
                let tensors = try ReferenceKernels.evaluate(.dequantize, inputs: [stored], outputTypes: [type])
                let constant = patch.addConstant(tensors[0], name: graph[input].name)
                patch.setOperand(index, of: node.id, to: constant)
            case .bias, .index: continue
            }
        }
    }
}

extension Pipeline {
    /// Brings models whose weights are stored quantised, but which compute in float, to plain float32.
    public static let floatWeights = Pipeline(steps: [.once(.floatWeights)])
}
