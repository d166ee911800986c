import TensorCore

extension PreparationGraph {
    /// Supernodes with a 3 x 3 filter, two channels in and out, stride 1 and a constant finite range get a kernel of their
    /// own. Source: nnlib hexagon/src/prepare.c, `do_make_supernode_3322`.
    mutating func specialiseSmallConvolutions() {
        rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .supernode, node.inputs.count >= 12,
                graph.constant(node.inputs[1])?.shape.dimensions == [3, 3, 2, 2],
                let strides = graph.constant(node.inputs[6])?.shape, strides[1] == 1, strides[2] == 1,
                let low = graph.number(node.inputs[10]), let high = graph.number(node.inputs[11]),
                low != -.infinity, high != .infinity
            else { return }
            graph[id].op = .supernode3322
        }
    }

    /// Multiplies the weights of that kernel by their channels' scales, which it does not know: every weight moves towards
    /// the code of zero by a difference that is rounded half up. Source: nnlib hexagon/src/prepare_utils.c,
    /// `handle_channelscaled_supernode`; the depth of 2 takes its scalar branch.
    ///
    /// - Throws: `Diagnostic` (.unsupported) for weights, ranges or scales that are not constant or do not fit.
    mutating func scaleWeightsByChannel() throws {
        try rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .supernode3322, node.inputs.count == 13 else { return }
            guard let weights = graph.constant(node.inputs[1]), let low = graph.number(node.inputs[4]),
                let high = graph.number(node.inputs[5]), let scales = graph.constant(node.inputs[12]),
                scales.elementType == .float32, scales.count == weights.shape[3], low <= 0, low < high, high >= 0
            else {
                throw Diagnostic(.unsupported, at: node.location, "has scales of channels that its weights do not fit")
            }
            let zero = Int(RangeArithmetic.code(RangeArithmetic.rounded(-low * 255 / (high - low))))
            let parts = scales.elements(of: Float.self).map {
                min(max(32768 - Int(RangeArithmetic.rounded($0 * 32768)), 0), 32767)
            }
            let scaled = weights.elements(of: UInt8.self).enumerated().map { index, code in
                let difference = ((Int(code) - zero) * parts[index % parts.count] + 16384) >> 15
                return UInt8(min(max(Int(code) - difference, 0), 255))
            }
            graph[id].inputs[1] = graph.addConstant(Tensor(scaled, shape: weights.shape))
            graph[id].inputs[12] = graph.addScalar(1)
        }
    }
}
