import TensorCore

/// What the library does to a graph between building and running it, in its order.
///
/// Source: nnlib hexagon/src/prepare.c, `optimize`. Every pass has a file of its own that names its function. Left out are
/// the passes over operators that the delegate never makes, and passes that change neither operators nor integers:
/// - float operators, and quantisation from and to them: ranges found at run time, automatic quantisation, depthwise
///   convolution of floats, quantise and dequantise pairs;
/// - grouped and dilated convolution operators (the delegate refuses groups and dilates by itself), and transposed
///   convolutions with groups, with 8-bit biases or of 16 bits;
/// - biases of 8 bits, 32-bit additions, products scaled by a constant and requantised to a range found at run time, and
///   products followed by a bias (batch normalisation);
/// - shuffles of channels and axes, image transforms, custom and vendor operators, loops;
/// - flat convolutions of other kinds than the two supernodes, with 1x1 depthwise filters among them;
/// - moving a clamp at zero back into the convolutions before it: the delegate declares every range by a constant, so that
///   the clamp's range never leads to a convolution;
/// - sharing of prepared weights and memory (hexagon/src/const_prep_share.c, allocate.c), debug output.
package enum HexagonPreparation {
    /// The graph that the library runs for `graph`.
    ///
    /// Node ids stay; new nodes have new ones. ``HexagonGraph/values`` keeps what is still computed.
    ///
    /// - Throws: `Diagnostic` at the node: .badModel for a graph out of order, .unsupported for what the library refuses.
    package static func prepare(_ graph: HexagonGraph) throws -> HexagonGraph {
        var graph = try PreparationGraph(graph)
        graph.foldConstantCasts()
        try graph.dropRangesOfConcatenations()
        try graph.foldConstantTransposes()
        try graph.expandTransposedConvolutions()
        graph.removeRepeatedRequantisations()
        graph.removeDeadNodes()
        graph.boundClampsByRequantisation()
        graph.gatherConstants()
        graph.fuseSupernodes()
        graph.specialiseSmallConvolutions()
        graph.convertToDepth32()
        graph.removeDeadNodes()
        try graph.scaleWeightsByChannel()
        graph.removeConversionPairs()
        graph.removeDeadNodes()
        try graph.placeConcatenations()
        graph.removeDeadNodes()
        graph.gatherConstants()
        return graph.graph
    }
}
