import GraphIR
import Operators
import TensorCore

extension Pass {
    /// RELU, RELU6 and RELU_N1_TO_1 behind a float operator that TFLite lets carry one become its activation.
    package static let activations = Pass("activations") { graph, node, patch in
        guard case .unary(let kind) = node.op, let activation = kind.activation, let input = node.inputs[0],
            graph.isFloat(input), graph.hasSingleUse(input), let producer = graph.producer(of: input),
            let op = producer.op.with(activation)
        else { return }
        try patch.replace(node, with: op, producer.inputs, in: graph)
        patch.remove(producer.id)
    }

    /// MINIMUM and MAXIMUM with constants become RELU, RELU6 or RELU_N1_TO_1. NaN may come out otherwise.
    package static let clips = Pass("clips") { graph, node, patch in
        guard let outer = Clip(node, in: graph) else { return }
        if outer.isRelu {
            try patch.replace(node, with: .unary(.relu), [outer.input], in: graph)
            return
        }
        guard let producer = graph.producer(of: outer.input), let inner = Clip(producer, in: graph) else { return }
        let lower = [outer.lower, inner.lower].compactMap { $0 }
        let upper = [outer.upper, inner.upper].compactMap { $0 }
        guard lower.count == 1, upper.count == 1 else { return }
        let kind: Unary
        switch (lower[0], upper[0]) {
        case (0, 6): kind = .relu6
        case (-1, 1): kind = .reluN1To1
        default: return
        }
        try patch.replace(node, with: .unary(kind), [inner.input], in: graph)
    }

    /// One bound on a value.
    private struct Clip {
        let input: ValueID
        var lower: Float?
        var upper: Float?
        let isUnary: Bool
        var isRelu: Bool { !isUnary && lower == 0 && upper == nil }

        init?(_ node: Node, in graph: Graph) {
            if case .unary(.relu) = node.op, let source = node.inputs[0], graph.isFloat(source) {
                input = source
                lower = 0
                isUnary = true
                return
            }
            guard case .binary(let op) = node.op, let left = node.inputs[0], let right = node.inputs[1],
                graph.isFloat(node.outputs[0])
            else { return nil }
            isUnary = false
            let bound: Float
            if let value = graph.uniformFloat(right), graph.constant(left) == nil {
                (input, bound) = (left, value)
            } else if let value = graph.uniformFloat(left), graph.constant(right) == nil {
                (input, bound) = (right, value)
            } else {
                return nil
            }
            guard graph.type(of: input).shape == graph.type(of: node.outputs[0]).shape else { return nil }
            switch op.kind {
            case .maximum: lower = bound
            case .minimum: upper = bound
            default: return nil
            }
        }
    }
}

extension Unary {
    /// The fused form of this function.
    var activation: Activation? {
        switch self {
        case .relu: .relu
        case .relu6: .relu6
        case .reluN1To1: .reluN1To1
        default: nil
        }
    }
}

extension Operator {
    /// The activation in the operator's payload; nil where TFLite has no room for one.
    var fusedActivation: Activation? {
        switch self {
        case .conv2D(let op): op.activation
        case .depthwiseConv2D(let op): op.activation
        case .transposeConv(let op): op.activation
        case .fullyConnected(let op): op.activation
        case .averagePool2D(let op): op.activation
        case .maxPool2D(let op): op.activation
        case .binary(let op) where [.add, .sub, .mul, .div].contains(op.kind): op.activation
        default: nil
        }
    }

    /// The operator with `activation` in the place of its own; itself where there is no room for one.
    func settingActivation(_ activation: Activation) -> Operator {
        guard fusedActivation != nil else { return self }
        switch self {
        case .conv2D(var op):
            op.activation = activation
            return .conv2D(op)
        case .depthwiseConv2D(var op):
            op.activation = activation
            return .depthwiseConv2D(op)
        case .transposeConv(var op):
            op.activation = activation
            return .transposeConv(op)
        case .fullyConnected(var op):
            op.activation = activation
            return .fullyConnected(op)
        case .averagePool2D(var op):
            op.activation = activation
            return .averagePool2D(op)
        case .maxPool2D(var op):
            op.activation = activation
            return .maxPool2D(op)
        case .binary(var op):
            op.activation = activation
            return .binary(op)
        default: return self
        }
    }

    /// The operator with `activation` behind it; nil where it has one already or TFLite has no room for it.
    func with(_ activation: Activation) -> Operator? {
        fusedActivation == Activation.none ? settingActivation(activation) : nil
    }
}
