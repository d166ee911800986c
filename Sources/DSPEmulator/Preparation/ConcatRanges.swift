import TensorCore

extension PreparationGraph {
    /// Concatenations with a range of their own behind those of the operands lose it.
    ///
    /// The delegate makes these of depthwise convolutions that it splits, for the newer binary library; the public one takes
    /// no such inputs. That all operands have this range, and that they are then joined as they are, does not depend on what
    /// the newer library does with it.
    ///
    /// - Throws: `Diagnostic` (.unsupported) for a concatenation with another number of inputs than the library's, or with a
    ///   range that is not that of its operands.
    mutating func dropRangesOfConcatenations() throws {
        try rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .concat, node.inputs.count % 3 != 1 else { return }
            let count = (node.inputs.count - 3) / 3
            let range = Array(node.inputs.suffix(2))
            let areAlike = node.inputs.dropFirst().prefix(max(count, 0)).allSatisfy { operand in
                let producer = graph.producer(operand)
                return producer.op == .depthwiseSupernode && Array(producer.inputs[10...11]) == range
            }
            guard node.inputs.count == 3 * count + 3, count > 0, areAlike else {
                throw Diagnostic(.unsupported, at: node.location, "has a range that is not that of its operands")
            }
            graph[id].inputs.removeLast(2)
        }
    }
}
