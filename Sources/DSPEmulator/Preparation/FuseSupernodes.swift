import TensorCore

extension PreparationGraph {
    /// A product, its 32-bit bias, its requantisation and a clamp that alone reads it become one node:
    /// - QuantizedMatMul_8x8to32 with constant weights, an input depth in steps of 16 and an output depth in steps of 16 from
    ///   32 on: SuperFC_8x8p32to8;
    /// - QuantizedConv2d_8x8to32, with scales of channels or without (made of transposed convolutions): the supernode, or
    ///   SuperFC when its filter covers a whole input.
    ///
    /// The sum is then requantised with the supernode's rounding instead of Requantize_32to8's. Source: nnlib
    /// hexagon/src/prepare.c, `try_make_supernode_flavored`, `matmult_extrachecks`.
    mutating func fuseSupernodes() {
        rewriteEach { graph, id in
            let node = graph[id]
            switch node.op {
            case .matMul:
                if graph.isFusible(matrixProduct: node) { graph.fuse(node, as: .superFullyConnected, operands: 6) }
            case .conv2D: graph.fuse(node, as: .supernode, operands: 7)
            default: break
            }
        }
    }

    private func isFusible(matrixProduct node: HexagonNode) -> Bool {
        guard let weights = constant(node.inputs[1])?.shape.dimensions else { return false }
        return weights[2] % 16 == 0 && weights[3] % 16 == 0 && weights[3] >= 32
    }

    private mutating func fuse(_ product: HexagonNode, as op: HexagonOperator, operands: Int) {
        var last = product
        var chain = [product.id]
        var scales: HexagonReference?
        if product.op == .conv2D, let scaling = onlyReader(of: product.id, among: [.channelScale]) {
            let isWired =
                scaling.inputs.count == 4
                && zip([0, 2, 3], 0...).allSatisfy { slot, output in
                    scaling.inputs[slot] == HexagonReference(product.id, output)
                }
            guard isWired, constant(scaling.inputs[1]) != nil else { return }
            scales = scaling.inputs[1]
            last = scaling
            chain.append(scaling.id)
        }
        guard let bias = onlyReader(of: last.id, among: [.biasAdd]),
            let requantisation = onlyReader(of: bias.id, among: [.requantize32To8])
        else { return }
        chain += [bias.id, requantisation.id]
        last = requantisation
        var range = [requantisation.inputs[3], requantisation.inputs[4]]
        if let clamp = onlyReader(of: requantisation.id, among: [.relu, .reluX]) {
            range[0] = addScalar(0)
            if clamp.op == .reluX { range[1] = clamp.inputs[3] }
            chain.append(clamp.id)
            last = clamp
        }
        var inputs = Array(product.inputs[..<operands])
        inputs += [bias.inputs[1], bias.inputs[4], bias.inputs[5]] + range
        if let scales { inputs.append(scales) }
        var fused = HexagonNode(
            id: last.id, op: op, padding: product.padding, inputs: inputs, outputs: last.outputs,
            source: product.source)
        if op == .supernode, scales == nil, coversWholeInput(fused) {
            fused.op = .superFullyConnected
            fused.inputs.remove(at: 6)
        }
        replace(chain, with: [fused])
    }

    /// Whether a convolution is a matrix product. The library looks at the height of the result alone, because it reads the
    /// width from the range's shape. Source: `maybe_morph_supernode_to_superfc`.
    private func coversWholeInput(_ node: HexagonNode) -> Bool {
        guard let filter = constant(node.inputs[1])?.shape.dimensions else { return false }
        let result = node.outputs[0].shape
        let input = declared(node.inputs[0]).shape
        let depth = filter[0] * filter[1] * filter[2]
        return result[0] == 1 && result[1] == 1
            && (filter[0] == 1 && filter[1] == 1 || node.padding == .valid)
            && filter[3] % 16 == 0 && filter[3] >= 32 && depth % 16 == 0 && depth >= 32
            && input[1] == filter[0] && input[2] == filter[1]
    }
}
