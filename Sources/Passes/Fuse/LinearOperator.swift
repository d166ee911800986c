import GraphIR
import Operators
import TensorCore

/// A convolution or product with constant float weights, as fusions see it.
struct LinearOperator {
    let node: Node
    /// Positions of the operands.
    let input: Int
    let weights: Int
    let bias: Int
    let activation: Activation
    /// float32 weights.
    let weightTensor: Tensor
    let biasValues: [Float]?
    let outputChannels: Int
    let inputChannels: Int

    /// nil for other operators, for weights that are not constant float32, and for a bias that is not constant.
    init?(_ node: Node, in graph: Graph) {
        self.node = node
        switch node.op {
        case .conv2D(let op): (input, weights, bias, activation) = (0, 1, 2, op.activation)
        case .depthwiseConv2D(let op): (input, weights, bias, activation) = (0, 1, 2, op.activation)
        case .fullyConnected(let op): (input, weights, bias, activation) = (0, 1, 2, op.activation)
        case .transposeConv(let op): (input, weights, bias, activation) = (2, 1, 3, op.activation)
        default: return nil
        }
        guard let source = node.inputs[input], graph.isFloat(source), let tensor = graph.constant(node.inputs[weights]),
            tensor.elementType == .float32
        else { return nil }
        weightTensor = tensor
        if bias < node.inputs.count, let value = node.inputs[bias] {
            guard let values = graph.floats(value) else { return nil }
            biasValues = values
        } else {
            biasValues = nil
        }
        outputChannels = graph.type(of: node.outputs[0]).shape.dimensions.last ?? 1
        inputChannels = graph.type(of: source).shape.dimensions.last ?? 1
    }

    /// The operator with another activation.
    func op(with activation: Activation) -> Operator {
        switch node.op {
        case .conv2D(var op):
            op.activation = activation
            return .conv2D(op)
        case .depthwiseConv2D(var op):
            op.activation = activation
            return .depthwiseConv2D(op)
        case .fullyConnected(var op):
            op.activation = activation
            return .fullyConnected(op)
        case .transposeConv(var op):
            op.activation = activation
            return .transposeConv(op)
        default: return node.op
        }
    }

    /// True when every window lies inside the input, so that an offset of the input is an offset of the result.
    var seesNoPadding: Bool {
        let window = weightTensor.shape.rank == 4 ? weightTensor.shape.dimensions[1...2].max() ?? 1 : 1
        switch node.op {
        case .conv2D(let op): return op.padding == .valid || window == 1
        case .depthwiseConv2D(let op): return op.padding == .valid || window == 1
        case .fullyConnected: return inputChannels == weightTensor.shape[1]
        default: return false
        }
    }

    /// Weights with `factor(output channel, input channel)` multiplied in; in double precision, rounded once.
    func scaledWeights(_ factor: (Int, Int) -> Double) -> Tensor {
        var result = weightTensor
        result.withMutableElements(of: Float.self) { elements in
            forEachWeight { index, output, input in
                elements[index] = Float(Double(elements[index]) * factor(output, input))
            }
        }
        return result
    }

    /// For every output channel the sum of weights times `values` of their input channels.
    func products(with values: [Float]) -> [Double] {
        var sums = [Double](repeating: 0, count: outputChannels)
        weightTensor.withElements(of: Float.self) { elements in
            forEachWeight { index, output, input in
                sums[output] += Double(elements[index]) * Double(values[input])
            }
        }
        return sums
    }

    private func forEachWeight(_ body: (_ index: Int, _ output: Int, _ input: Int) -> Void) {
        let shape = weightTensor.shape
        let depth = shape[-1]
        if case .depthwiseConv2D(let op) = node.op {
            for index in 0..<shape.elementCount { body(index, index % depth, index % depth / op.depthMultiplier) }
            return
        }
        let groups = max(1, inputChannels / max(depth, 1))
        let perOutput = shape[0] == 0 ? 0 : shape.elementCount / shape[0]
        let perGroup = max(1, shape[0] / groups)
        for output in 0..<shape[0] {
            let first = node.op.name == "CONV_2D" ? output / perGroup * depth : 0
            for i in 0..<perOutput { body(output * perOutput + i, output, first + i % depth) }
        }
    }

    /// Puts the operator with other weights, bias and activation in the place of `replaced`, the node at the end of what
    /// is fused.
    func replace(
        _ replaced: Node, weights newWeights: Tensor?, bias newBias: [Double]?, activation: Activation,
        input newInput: ValueID? = nil, in graph: Graph, _ patch: inout GraphPatch
    ) throws {
        var inputs = node.inputs
        let name = graph[replaced.outputs[0]].name
        if let newInput { inputs[input] = newInput }
        if let newWeights, let old = node.inputs[weights] {
            inputs[weights] = patch.addConstant(newWeights, name: graph[old].name)
        }
        if let newBias {
            while inputs.count <= bias { inputs.append(nil) }
            let oldName = node.inputs.count > bias ? node.inputs[bias].map { graph[$0].name } : nil
            inputs[bias] = patch.addConstant(
                Tensor(newBias.map(Float.init), shape: [newBias.count]), name: oldName ?? "\(name)_bias")
        }
        try patch.replace(replaced, with: op(with: activation), inputs, in: graph)
    }

    /// The operator in front of `value`, when nothing else reads its result and it has no activation of its own.
    static func before(_ value: ValueID, in graph: Graph) -> LinearOperator? {
        guard graph.hasSingleUse(value), let producer = graph.producer(of: value),
            let linear = LinearOperator(producer, in: graph), linear.activation == .none
        else { return nil }
        return linear
    }
}

extension Graph {
    /// The number for every channel of a constant that broadcasts along the last axis of `shape` only, and does not
    /// enlarge it.
    func channelValues(_ value: ValueID?, of shape: Shape) -> [Float]? {
        guard let value, let tensor = constant(value), tensor.elementType == .float32,
            let channels = shape.dimensions.last,
            tensor.shape.rank <= shape.rank, tensor.count == (tensor.shape.dimensions.last ?? 1)
        else { return nil }
        let values = tensor.elements(of: Float.self)
        guard values.allSatisfy(\.isFinite) else { return nil }
        if values.count == 1 { return [Float](repeating: values[0], count: channels) }
        return values.count == channels ? values : nil
    }

    /// The two operands of a float ADD, SUB, MUL or DIV of which one is a constant per channel.
    func channelAffine(_ node: Node) -> ChannelAffine? {
        guard case .binary(let op) = node.op, isFloat(node.outputs[0]), let left = node.inputs[0],
            let right = node.inputs[1]
        else { return nil }
        let shape = type(of: node.outputs[0]).shape
        let ones = [Float](repeating: 1, count: shape.dimensions.last ?? 1)
        let zeros = [Float](repeating: 0, count: ones.count)
        func on(_ value: ValueID, _ scale: [Float], _ offset: [Float]) -> ChannelAffine? {
            guard constant(value) == nil, type(of: value).shape == shape else { return nil }
            return ChannelAffine(input: value, scale: scale, offset: offset, activation: op.activation)
        }
        let (first, second) = (channelValues(left, of: shape), channelValues(right, of: shape))
        switch op.kind {
        case .add:
            if let second { return on(left, ones, second) }
            return first.flatMap { on(right, ones, $0) }
        case .sub:
            if let second { return on(left, ones, second.map { -$0 }) }
            return first.flatMap { on(right, ones.map { -$0 }, $0) }
        case .mul:
            if let second { return on(left, second, zeros) }
            return first.flatMap { on(right, $0, zeros) }
        case .div:
            guard let second, second.allSatisfy({ $0 != 0 }) else { return nil }
            return on(left, second.map { 1 / $0 }, zeros)
        default: return nil
        }
    }
}

/// activation(input * scale + offset), scale and offset per channel of the last axis.
struct ChannelAffine {
    let input: ValueID
    let scale: [Float]
    let offset: [Float]
    let activation: Activation
}
