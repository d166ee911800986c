import GraphIR
import TensorCore

/// Convolutions over three spatial axes of which one has a window of a single element. A short axis joins the channels,
/// with weights that keep its elements apart, since that moves no data between channels-last operators; a long one joins
/// the batch.
enum TrivialAxes {
    /// Appends `mapping` for two spatial axes when one of three is trivial; nil when `node` is no such convolution.
    static func map(
        _ node: NodeContext, _ builder: GraphBuilder, _ mapping: Mapping
    ) throws -> [ValueID?]? {
        let (input, weights) = (try node.input(0), try node.input(1))
        let (shape, kernel) = (builder.shape(input), builder.shape(weights))
        guard shape.rank == 5, kernel.rank == 5, let axis = try trivialAxis(node, kernel) else { return nil }
        let position = axis + 2
        let spatial = (2..<5).filter { $0 != position }
        let flat = try builder.reshape(weights, [kernel[0], kernel[1]] + spatial.map { kernel[$0] })
        let apart = try blocks(node, builder, flat, count: shape[position])
        let front = apart == nil ? [shape[0] * shape[position], shape[1]] : [shape[0], shape[position] * shape[1]]
        let joined = try builder.reshape(
            builder.transpose(input, [0, position, 1] + spatial), front + spatial.map { shape[$0] })
        let inner = NodeContext(
            node: without(axis, node.node), inputs: [joined] + (apart ?? [flat] + node.inputs.dropFirst(2)),
            opset: node.opset,
            inputTypes: node.inputTypes)
        guard let result = try mapping(inner, builder).first.flatMap({ $0 }) else { return nil }
        let extents = builder.shape(result).dimensions
        let channels = apart == nil ? extents[1] : extents[1] / max(shape[position], 1)
        let split = try builder.reshape(result, [shape[0], shape[position], channels] + extents.dropFirst(2))
        // [N, D, M, first, second] back to [N, M, ..] with D in its place.
        var permutation = [0, 2, 3, 4]
        permutation.insert(1, at: position)
        return [try builder.transpose(split, permutation)]
    }

    /// Constant weights, and the bias, for `count` elements side by side in the channels: the weights once for every
    /// element along the diagonal, zeros elsewhere. nil when there are too many, or when channels are grouped.
    private static func blocks(
        _ node: NodeContext, _ builder: GraphBuilder, _ weights: ValueID, count: Int
    ) throws -> [ValueID?]? {
        guard 1...4 ~= count, try node.int("group", default: 1) == 1, let tensor = builder.constant(of: weights),
            tensor.elementType == .float32
        else { return nil }
        var operands: [ValueID?] = [weights]
        if count > 1 {
            let (rows, columns) = (tensor.shape[0], tensor.shape[1])
            let size = tensor.shape.dimensions.dropFirst(2).reduce(1, *)
            let source = tensor.elements(of: Float.self)
            var values = [Float](repeating: 0, count: source.count * count * count)
            for block in 0..<count {
                for row in 0..<rows {
                    let start = ((block * rows + row) * count + block) * columns * size
                    values.replaceSubrange(
                        start..<start + columns * size,
                        with: source[row * columns * size..<(row + 1) * columns * size])
                }
            }
            let shape = Shape([rows * count, columns * count] + tensor.shape.dimensions.dropFirst(2))
            operands = [builder.floats(values, shape: shape)]
        }
        if let bias = node.optional(2) {
            operands.append(
                count == 1
                    ? bias : try builder.concatenate([ValueID](repeating: bias, count: count), axis: 0))
        }
        return operands
    }

    /// The last spatial axis on which nothing happens, counted from 0.
    private static func trivialAxis(_ node: NodeContext, _ kernel: Shape) throws -> Int? {
        guard try node.string("auto_pad", default: "NOTSET") == "NOTSET", !node.has("output_shape") else { return nil }
        let strides = try node.ints("strides") ?? [1, 1, 1]
        let dilations = try node.ints("dilations") ?? [1, 1, 1]
        let pads = try node.ints("pads") ?? [0, 0, 0, 0, 0, 0]
        let extra = try node.ints("output_padding") ?? [0, 0, 0]
        guard strides.count == 3, dilations.count == 3, pads.count == 6, extra.count == 3 else { return nil }
        return (0..<3).last { axis in
            kernel[axis + 2] == 1 && strides[axis] == 1 && dilations[axis] == 1 && pads[axis] == 0
                && pads[axis + 3] == 0 && extra[axis] == 0
        }
    }

    /// The node without one spatial axis in its attributes.
    private static func without(_ axis: Int, _ node: ONNXNode) -> ONNXNode {
        var result = node
        for name in ["strides", "dilations", "pads", "output_padding", "kernel_shape"] {
            guard case .ints(var values)? = node.attributes[name] else { continue }
            if name == "pads", values.count == 6 { values.remove(at: axis + 3) }
            if axis < values.count { values.remove(at: axis) }
            result.attributes[name] = .ints(values)
        }
        return result
    }
}
