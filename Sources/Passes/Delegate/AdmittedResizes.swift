import GraphIR
import Operators
import TensorCore

extension Pass {
    /// Writes RESIZE_BILINEAR with half-pixel centers, whole factors and no aligned corners as operators that every
    /// Hexagon library has: nearest neighbours, an edge-replicating border, and a depthwise convolution.
    ///
    /// Enlarging by `f` repeats every element `f` times; averaging `f` neighbours of that (an even `f`: `f + 1`, the two
    /// outermost by half) is linear interpolation between the centers of the elements. The same function up to rounding
    /// of floats.
    package static let admittedResizes = Pass("admitted-resizes") { graph, node, patch in
        guard case .resizeBilinear(let options) = node.op, options.halfPixelCenters, !options.alignCorners,
            let input = node.inputs[0], graph.isFloat(input)
        else { return }
        let (from, to) = (graph.type(of: input).shape, graph.type(of: node.outputs[0]).shape)
        guard from[1] > 0, from[2] > 0, to[1] % from[1] == 0, to[2] % from[2] == 0 else { return }
        let factors = (height: to[1] / from[1], width: to[2] / from[2])
        guard (2...4).contains(factors.height), (2...4).contains(factors.width) else { return }
        let rows = interpolationWeights(factors.height)
        let columns = interpolationWeights(factors.width)
        let channels = from[3]
        let weights = rows.flatMap { row in columns.flatMap { [Float](repeating: row * $0, count: channels) } }
        let name = graph[node.outputs[0]].name
        let nearest = try patch.addSingle(
            .resizeNearestNeighbor(ResizeOptions(alignCorners: false, halfPixelCenters: false)),
            [input, node.inputs[1]], in: graph, name: "\(name)/nearest", location: node.location)
        let (border, side) = (rows.count / 2, columns.count / 2)
        let paddings = patch.addConstant(
            Tensor([0, 0, border, border, side, side, 0, 0].map(Int32.init), shape: [4, 2]), name: "\(name)/paddings")
        let bordered = try patch.addSingle(
            .mirrorPad(.symmetric), [nearest, paddings], in: graph, name: "\(name)/bordered", location: node.location)
        let kernel = patch.addConstant(
            Tensor(weights, shape: [1, rows.count, columns.count, channels]), name: "\(name)/weights")
        let bias = patch.addConstant(
            Tensor([Float](repeating: 0, count: channels), shape: [channels]), name: "\(name)/bias")
        try patch.replace(
            node, with: .depthwiseConv2D(DepthwiseConv2D(padding: .valid)), [bordered, kernel, bias], in: graph)
    }

    /// What turns elements repeated `factor` times into a linear interpolation; an odd number of weights with sum 1.
    private static func interpolationWeights(_ factor: Int) -> [Float] {
        let whole = [Float](repeating: 1 / Float(factor), count: factor % 2 == 0 ? factor - 1 : factor)
        return factor % 2 == 0 ? [0.5 / Float(factor)] + whole + [0.5 / Float(factor)] : whole
    }
}
