import TensorCore

extension PreparationGraph {
    /// Requantize_32to8 -> Requantize_8to8 with the same constant range: readers of the second read the first. The integers
    /// are those of the first alone. Source: nnlib hexagon/src/prepare.c, `do_remove_unnecessary_requants`.
    mutating func removeRepeatedRequantisations() {
        rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .requantize8To8 else { return }
            let source = graph.producer(node.inputs[0])
            guard source.op == .requantize32To8, let low = graph.number(source.inputs[3]),
                let high = graph.number(source.inputs[4]), low == graph.number(node.inputs[3]),
                high == graph.number(node.inputs[4])
            else { return }
            for output in 0..<3 {
                graph.redirect(HexagonReference(id, output), to: HexagonReference(source.id, output))
            }
        }
    }

    /// Requantize_32to8 with a constant high end, read by QuantizedRelu_8 alone: the clamp becomes QuantizedReluX_8 with that
    /// end. Source: nnlib hexagon/src/prepare.c, `try_make_reluX`.
    mutating func boundClampsByRequantisation() {
        rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .requantize32To8, graph.constant(node.inputs[4]) != nil,
                let clamp = graph.onlyReader(of: id, among: [.relu])
            else { return }
            graph[clamp.id].op = .reluX
            graph[clamp.id].inputs = clamp.inputs.prefix(3) + [node.inputs[4]]
        }
    }
}
