import TensorCore

extension PreparationGraph {
    /// Replaces flat nodes by those of the depth-32 layout, with conversions before and after them.
    ///
    /// A replaced node keeps its id; its readers read the conversion back, except for the ends of its range. Integers change
    /// where the two kernels round differently. Source: nnlib hexagon/src/prepare.c, `do_convert_to_depth32`,
    /// `do_convert_concat_depth32`, `do_convert_to_short_conv`.
    mutating func convertToDepth32() {
        rewriteEach { graph, id in
            guard let replacement = graph.depth32Replacement(of: graph[id]) else { return }
            graph.replace(id, by: replacement)
            graph.padForLargeFilter(id)
        }
    }

    private mutating func replace(_ id: Int, by replacement: Depth32Replacement) {
        var node = self[id]
        node.op = replacement.op
        var conversions: [HexagonNode] = []
        for input in replacement.converted {
            let (reference, conversion) = inDepth32(node.inputs[input])
            node.inputs[input] = reference
            if let conversion { conversions.append(conversion) }
        }
        var returns: [HexagonNode] = []
        if replacement.convertsResult {
            let results = replacement.op == .splitDepth32 ? node.outputs.count - 2 : 1
            for output in 0..<results {
                let result = HexagonReference(id, output)
                let conversion = conversion(.convertFromDepth32, of: result, shape: node.outputs[output].shape)
                redirect(result, to: HexagonReference(conversion.id), movesValues: false)
                returns.append(conversion)
            }
        }
        replace(id, with: conversions + [node] + returns)
    }

    /// `reference` in the depth-32 layout: what a conversion back has read, what another reader has already converted, or a
    /// new conversion. Source: `need_convert_to_d32`.
    private mutating func inDepth32(_ reference: HexagonReference) -> (HexagonReference, HexagonNode?) {
        let producer = producer(reference)
        if producer.op == .convertFromDepth32 { return (producer.inputs[0], nil) }
        let existing = readers(of: reference.node).first {
            $0.op == .convertToDepth32 && $0.inputs == [reference]
        }
        if let existing { return (HexagonReference(existing.id), nil) }
        let new = conversion(.convertToDepth32, of: reference, shape: producer.outputs[reference.output].shape)
        return (HexagonReference(new.id), new)
    }

    private mutating func conversion(
        _ op: HexagonOperator, of reference: HexagonReference, shape: [Int]
    ) -> HexagonNode {
        HexagonNode(
            id: newID(), op: op, inputs: [reference], outputs: [HexagonOutput(shape, elementSize: 1)],
            source: producer(reference).source)
    }

    /// Convert_from_d32 -> Convert_to_d32: readers of the second read what the first reads. Source:
    /// `do_remove_unnecessary_d32_converts`.
    mutating func removeConversionPairs() {
        rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .convertToDepth32 else { return }
            let source = graph.producer(node.inputs[0])
            guard source.op == .convertFromDepth32 else { return }
            graph.redirect(HexagonReference(id), to: source.inputs[0])
        }
    }
}
