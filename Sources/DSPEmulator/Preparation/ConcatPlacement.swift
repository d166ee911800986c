import TensorCore

extension PreparationGraph {
    /// Concatenations in the depth-32 layout of supernodes alone, directly or through maximum pooling: the supernodes get a
    /// common range, and where every depth is in steps of 32 they write their parts of the result themselves.
    ///
    /// The common range holds 0 and all ranges. The library changes it for a supernode behind a pooling even when others read
    /// that supernode too, and for concatenations that it then leaves in place. It relies on ranges that travel with the
    /// data. The delegate declares every range by a constant instead, and these constants stay: when the operands of a
    /// concatenation have different ranges, their codes are then read with the wrong ones. Source: nnlib
    /// hexagon/src/prepare.c, `do_remove_concats_with_placement`; hexagon/ops/src/op_fake_concat_d32.c.
    ///
    /// - Throws: `Diagnostic` (.unsupported) where the library then refuses the graph.
    mutating func placeConcatenations() throws {
        try rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .concatDepth32 else { return }
            let parts = Array(node.inputs[1...(node.inputs.count - 1) / 3])
            guard let range = graph.commonRange(of: parts),
                parts.allSatisfy({ graph.readers(of: $0.node).allSatisfy { $0.id == id } })
            else { return }
            for part in parts {
                guard let supernode = graph.rangeNode(of: part.node) else { continue }
                graph[supernode.id].inputs[10].node = range.low
                graph[supernode.id].inputs[11].node = range.high
            }
            let depths = parts.map { graph[$0.node].outputs[0].shape[3] }
            guard depths.allSatisfy({ $0 % 32 == 0 }), depths.reduce(0, +) == node.outputs[0].shape[3] else { return }
            guard Set(parts.map(\.node)).count == parts.count else {
                throw Diagnostic(
                    .unsupported, at: node.location, "joins one convolution with itself, which the library refuses")
            }
            graph[id].op = .fakeConcatDepth32
        }
    }

    /// Ids of the constants that hold the widest ends of the range of all `parts`, zero included; nil unless all have
    /// constant finite ones. Source: `update_range_minmax`.
    private mutating func commonRange(of parts: [HexagonReference]) -> (low: Int, high: Int)? {
        let zero = addScalar(0).node
        var (low, high) = (zero, zero)
        var range: (low: Float, high: Float) = (0, 0)
        for part in parts {
            guard let supernode = rangeNode(of: part.node), let partLow = number(supernode.inputs[10]),
                let partHigh = number(supernode.inputs[11])
            else { return nil }
            if partLow < range.low { (low, range.low) = (supernode.inputs[10].node, partLow) }
            if partHigh > range.high { (high, range.high) = (supernode.inputs[11].node, partHigh) }
        }
        return range.low == -.infinity || range.high == .infinity ? nil : (low, high)
    }

    /// The supernode that decides the range of a node's result. Source: `find_range_node`.
    private func rangeNode(of id: Int) -> HexagonNode? {
        var node = self[id]
        while node.op == .maxPoolDepth32 { node = producer(node.inputs[0]) }
        return node.op == .supernodeDepth32 ? node : nil
    }
}
