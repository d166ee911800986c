import TensorCore

extension PreparationGraph {
    /// Const -> cast becomes a constant.
    ///
    /// The casts are of the newer binary library, whose preparation is not public. It must do this, because the expansion of
    /// transposed convolutions reads their weights, which the delegate casts: an assumption that changes no integers.
    mutating func foldConstantCasts() {
        rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .castInt8ToUInt8, let source = graph.constant(node.inputs[0]) else { return }
            let flipped = source.withUnsafeBytes { $0.map { $0 ^ 0x80 } }
            let folded = graph.addConstant(Tensor(flipped, shape: source.shape))
            graph.redirect(HexagonReference(id, 0), to: folded)
            graph.redirect(HexagonReference(id, 1), to: node.inputs[1])
            graph.redirect(HexagonReference(id, 2), to: node.inputs[2])
        }
    }

    /// Const -> Transpose_8 with a constant order becomes a constant. Source: nnlib hexagon/src/prepare.c,
    /// `do_transpose_consts`.
    mutating func foldConstantTransposes() throws {
        try rewriteEach { graph, id in
            let node = graph[id]
            guard node.op == .transpose, let source = graph.constant(node.inputs[0]),
                let order = graph.constant(node.inputs[1])
            else { return }
            let unused = Tensor([Float(0)], shape: [1, 1, 1, 1])
            let results: [Tensor]
            do {
                results = try HexagonKernels.evaluate(node, [source, order, unused, unused], architecture: .v66)
            } catch let problem as Diagnostic {
                throw Diagnostic(problem.code, at: node.location, problem.message)
            }
            let folded = graph.addConstant(results[0])
            graph.redirect(HexagonReference(id, 0), to: folded)
            graph.redirect(HexagonReference(id, 1), to: node.inputs[2])
            graph.redirect(HexagonReference(id, 2), to: node.inputs[3])
        }
    }
}
