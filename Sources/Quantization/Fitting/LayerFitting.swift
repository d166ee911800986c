import GraphIR
import Operators
import Runtime
import TensorCore

/// Fits the integer weights of a quantised graph to the float graph's results, layer by layer in execution order: every
/// layer sees the inputs that the layers fitted before it give, and its bias takes the shift of the means, so that no
/// bias correction is needed behind it.
///
/// A layer is a CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV or FULLY_CONNECTED with constant int8 or int4 weights. Others keep
/// what they have.
public enum LayerFitting {
    /// Fits the layers of `quantised`.
    ///
    /// - Parameters:
    ///   - reference: the float graph that `quantised` was made of; layers are found by the names of their results.
    ///   - samples: for every sample the inputs of the float graph and those of the quantised graph. All live values of
    ///     the quantised graph are held for all samples.
    ///   - only: the names of the results of the layers that are fitted; nil for all.
    ///   - progress: told how many of how many steps are done.
    /// - Returns: one entry for every layer that was tried.
    public static func fit(
        _ quantised: inout Graph, reference: Graph, samples: [(float: [Tensor], quantised: [Tensor])],
        options: FittingOptions, run: RunOptions, only: Set<String>? = nil,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [LayerFit] {
        let graph = quantised
        func isFitted(_ node: Node) -> Bool {
            only?.contains(graph[node.outputs[0]].name) != false && Self.isFitted(node, in: graph)
        }
        let layers = graph.nodes.filter(isFitted)
        guard !samples.isEmpty, !layers.isEmpty else { return [] }
        let total = samples.count + layers.count
        var targets = try FloatTargets(
            reference, names: Set(layers.map { graph[$0.outputs[0]].name }),
            choice: RowChoice(options: options, samples: samples.count), run: run)
        for (index, sample) in samples.enumerated() {
            progress(index, total)
            try targets.collect(sample.float, index: index)
        }
        var flow = SampleFlow(graph, samples: samples.map { $0.quantised }, options: run)
        var patch = GraphPatch("fit weights", on: graph)
        var fits: [LayerFit] = []
        for node in graph.nodes {
            var operands: [SingleNode.Operand?] = node.inputs.map { $0.map(SingleNode.Operand.value) }
            if isFitted(node) {
                progress(samples.count + fits.count, total)
                if let layer = FittedLayer(node, graph, targets, samples: samples.count, options: options),
                    let result = layer.fit(flow, &targets)
                {
                    fits.append(result.summary)
                    if result.summary.isKept {
                        let place = layer.operands
                        operands += [SingleNode.Operand?](
                            repeating: nil, count: max(0, place.biasPosition + 1 - operands.count))
                        operands[place.weightPosition] = .constant(result.weights)
                        operands[place.biasPosition] = .constant(result.bias)
                        let weights = patch.addConstant(result.weights, name: graph[place.weights].name)
                        let biasName = place.bias.map { graph[$0].name } ?? "\(node.location)/bias"
                        patch.setOperand(place.weightPosition, of: node.id, to: weights)
                        patch.setOperand(
                            place.biasPosition, of: node.id, to: patch.addConstant(result.bias, name: biasName))
                    }
                }
            }
            flow.advance(over: node, results: try flow.evaluate(node, graph, operands: operands))
        }
        if !patch.isEmpty { try quantised.apply(patch) }
        progress(total, total)
        return fits
    }

    private static func isFitted(_ node: Node, in graph: Graph) -> Bool {
        guard let operands = LayerOperands(node, in: graph), LayerGeometry(node, in: graph) != nil,
            [.int4, .int8].contains(graph.type(of: operands.weights).elementType),
            [.int8, .int16].contains(graph.type(of: operands.data).elementType),
            graph.type(of: operands.data).quantization?.isPerChannel == false,
            graph.type(of: node.outputs[0]).quantization?.isPerChannel == false
        else { return false }
        return true
    }
}
