import GraphIR
import Operators
import TensorCore

extension Pass {
    /// Additions and products per channel behind a convolution or matrix product (a bias, a batch normalisation) become
    /// part of its weights and bias. Rounds differently than before.
    package static let affineAfterLinear = Pass("affine-after-linear") { graph, node, patch in
        guard let affine = graph.channelAffine(node), let linear = LinearOperator.before(affine.input, in: graph),
            affine.scale.count == linear.outputChannels
        else { return }
        let isScaled = affine.scale.contains { $0 != 1 }
        let weights = isScaled ? linear.scaledWeights { output, _ in Double(affine.scale[output]) } : nil
        let old = linear.biasValues ?? [Float](repeating: 0, count: linear.outputChannels)
        guard old.count == affine.scale.count else { return }
        let bias = old.indices.map { Double(old[$0]) * Double(affine.scale[$0]) + Double(affine.offset[$0]) }
        let hasBias = linear.biasValues != nil || affine.offset.contains { $0 != 0 }
        try linear.replace(
            node, weights: weights, bias: hasBias ? bias : nil, activation: affine.activation, in: graph, &patch)
        patch.remove(linear.node.id)
    }

    /// Additions and products per channel in front of a convolution or matrix product become part of its weights and
    /// bias; additions only where no padding is involved. Rounds differently than before.
    package static let affineBeforeLinear = Pass("affine-before-linear") { graph, node, patch in
        guard let linear = LinearOperator(node, in: graph), let input = node.inputs[linear.input],
            graph.hasSingleUse(input), let producer = graph.producer(of: input),
            let affine = graph.channelAffine(producer), affine.activation == .none,
            affine.scale.count == linear.inputChannels
        else { return }
        let isShifted = affine.offset.contains { $0 != 0 }
        guard !isShifted || linear.seesNoPadding else { return }
        if case .fullyConnected = node.op, linear.weightTensor.shape[1] != linear.inputChannels { return }
        var bias: [Double]?
        if isShifted {
            let old = linear.biasValues ?? [Float](repeating: 0, count: linear.outputChannels)
            bias = zip(old, linear.products(with: affine.offset)).map { Double($0) + $1 }
        }
        let isScaled = affine.scale.contains { $0 != 1 }
        try linear.replace(
            node, weights: isScaled ? linear.scaledWeights { _, input in Double(affine.scale[input]) } : nil,
            bias: bias, activation: linear.activation, input: affine.input, in: graph, &patch)
        patch.remove(producer.id)
    }

    /// A matrix product with one constant matrix on the right becomes FULLY_CONNECTED.
    package static let constantProducts = Pass("constant-products") { graph, node, patch in
        guard case .batchMatMul(let op) = node.op, !op.adjointLeft, let left = node.inputs[0],
            let right = node.inputs[1],
            graph.isFloat(left), graph.constant(left) == nil, let tensor = graph.constant(right),
            tensor.elementType == .float32, tensor.shape.rank >= 2,
            tensor.shape.dimensions.dropLast(2).allSatisfy({ $0 == 1 }),
            tensor.shape.rank <= graph.type(of: left).shape.rank
        else { return }
        var matrix = tensor.retyped(TensorType(.float32, Shape(Array(tensor.shape.dimensions.suffix(2)))))
        if !op.adjointRight { matrix = matrix.permuted(by: Permutation([1, 0])) }
        let weights = patch.addConstant(matrix, name: graph[right].name)
        try patch.replace(
            node, with: .fullyConnected(FullyConnected(keepDimensions: true)), [left, weights, nil], in: graph)
    }
}
