import GraphIR
import Operators
import TensorCore

extension Pass {
    /// Writes LEAKY_RELU and PRELU with slopes in [0, 1], and ABS, as the larger of two values: `max(x, slope * x)`,
    /// `max(x, -x)`. The same bits.
    package static let admittedActivations = Pass("admitted-activations") { graph, node, patch in
        guard let input = node.inputs.first ?? nil, graph.isFloat(input) else { return }
        let name = graph[node.outputs[0]].name
        let other: ValueID
        switch node.op {
        case .leakyRelu(let slope) where (0...1).contains(slope):
            let factor = patch.addConstant(Tensor([slope], shape: [1]), name: "\(name)/slope")
            other = try patch.addSingle(
                .binary(Binary(.mul)), [input, factor], in: graph, name: "\(name)/scaled", location: node.location)
        case .prelu:
            guard let slopes = graph.floats(node.inputs[1]), slopes.allSatisfy({ (0...1).contains($0) }) else { return }
            other = try patch.addSingle(
                .binary(Binary(.mul)), [input, node.inputs[1]], in: graph, name: "\(name)/scaled",
                location: node.location)
        case .unary(.abs):
            other = try patch.addSingle(
                .unary(.neg), [input], in: graph, name: "\(name)/negated", location: node.location)
        default: return
        }
        try patch.replace(node, with: .binary(Binary(.maximum)), [input, other], in: graph)
    }

    /// Writes GELU as `x * sigmoid(1.702 x)`, which is at most 0.021 away from it.
    ///
    /// Source: Hendrycks and Gimpel, arXiv 1606.08415, section 2.
    package static let logisticGELU = Pass("logistic-gelu") { graph, node, patch in
        guard case .gelu = node.op, let input = node.inputs[0], graph.isFloat(input) else { return }
        let name = graph[node.outputs[0]].name
        let factor = patch.addConstant(Tensor([1.702 as Float], shape: [1]), name: "\(name)/factor")
        let scaled = try patch.addSingle(
            .binary(Binary(.mul)), [input, factor], in: graph, name: "\(name)/scaled", location: node.location)
        let gate = try patch.addSingle(
            .unary(.logistic), [scaled], in: graph, name: "\(name)/gate", location: node.location)
        try patch.replace(node, with: .binary(Binary(.mul)), [input, gate], in: graph)
    }

    /// Takes away fused activations that the codes' own range enforces, so that a delegate that clamps to the
    /// activation's bounds first and to the codes' range after that rounds once instead of twice. The same integers on
    /// the CPU.
    package static let redundantActivations = Pass("redundant-activations") { graph, node, patch in
        guard let activation = node.op.fusedActivation, activation != Activation.none else { return }
        let type = graph.type(of: node.outputs[0])
        guard let parameters = type.quantization, !parameters.isPerChannel, let codes = type.elementType.integerRange
        else { return }
        // The codes that the activation clamps to, as kernels compute them: TFLite's CalculateActivationRangeQuantized.
        func code(_ bound: Float?) -> Int? {
            bound.map { Int(parameters.zeroPoint) + Int(($0 / parameters.scale).rounded()) }
        }
        if let lower = code(activation.bounds.lower), lower > Int(codes.lowerBound) { return }
        if let upper = code(activation.bounds.upper), upper < Int(codes.upperBound) { return }
        patch.setOperator(of: node.id, to: node.op.settingActivation(.none))
    }
}
