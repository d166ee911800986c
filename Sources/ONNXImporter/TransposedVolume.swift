import GraphIR
import Operators
import TensorCore

/// Transposed convolutions over three spatial axes, as a sum of two-dimensional ones: one for every plane of the kernel,
/// put at its place along the first axis.
enum TransposedVolume {
    static func map(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?]? {
        let (input, weights) = (try node.input(0), try node.input(1))
        let (shape, kernel) = (builder.shape(input), builder.shape(weights))
        guard shape.rank == 5, kernel.rank == 5 else { return nil }
        let groups = try node.int("group", default: 1)
        guard 1...256 ~= groups, shape[1] == kernel[0], shape[1] % groups == 0 else {
            throw node.bad("weights \(kernel) in \(groups) groups do not fit an input of \(shape)")
        }
        guard kernel[2] <= 1 << 6 else { throw node.unsupported("a kernel of \(kernel[2]) planes") }
        var planes = try TransposedGeometry(
            node, kernel: Array(kernel.dimensions.dropFirst(2)), input: Array(shape.dimensions.dropFirst(2)))
        let depth = planes.removeFirst()
        guard depth.full * max(depth.stride, 1) < 1 << 24 else { throw node.unsupported("an output of \(depth.full)") }

        let volume = try builder.transpose(input, [0, 2, 3, 4, 1])
        let images = try builder.reshape(volume, [shape[0] * shape[2], shape[3], shape[4], shape[1]])
        let size = kernel[0] / groups
        let parts = try (0..<groups).map { group -> ValueID in
            let image = try builder.slice(images, axis: 3, group * size, (group + 1) * size)
            let filters = try builder.slice(weights, axis: 0, group * size, (group + 1) * size)
            let slices = try (0..<kernel[2]).map { plane -> ValueID in
                let filter = try builder.reshape(
                    builder.slice(filters, axis: 2, plane, plane + 1), [size, kernel[1], kernel[3], kernel[4]])
                let spread = try Convolutions.dilate(filter, planes.dilations, node, builder)
                let result = try planes.apply(image, builder.transpose(spread, [1, 2, 3, 0]), nil, builder)
                return try place(result, batch: shape[0], plane * depth.dilation, depth, builder)
            }
            return try slices.dropFirst().reduce(slices[0]) { try builder.add($0, $1) }
        }
        var result = try builder.concatenate(parts, axis: 3)
        if let bias = node.optional(2) {
            result = try builder.add(result, builder.reshape(bias, [kernel[1] * groups]))
        }
        let extents = [shape[0], depth.output] + planes.output + [kernel[1] * groups]
        return [try builder.transpose(builder.reshape(result, extents), [0, 4, 1, 2, 3])]
    }

    /// The planes `[N*D,H,W,O]` of a volume, spread over the full depth from `offset` on and cut to the result:
    /// `[N,depth,H*W,O]`.
    private static func place(
        _ images: ValueID, batch: Int, _ offset: Int, _ depth: TransposedGeometry.Axis, _ builder: GraphBuilder
    ) throws -> ValueID {
        let shape = builder.shape(images)
        let (area, channels) = (shape[1] * shape[2], shape[3])
        var volume = try builder.reshape(images, [batch, depth.input, area, channels])
        if depth.stride > 1 {
            let apart = try builder.reshape(volume, [batch * depth.input, 1, area, channels])
            let spread = try builder.pad(apart, before: [0, 0, 0, 0], after: [0, depth.stride - 1, 0, 0])
            volume = try builder.reshape(spread, [batch, depth.input * depth.stride, area, channels])
            volume = try builder.slice(volume, axis: 1, 0, (depth.input - 1) * depth.stride + 1)
        }
        let length = (depth.input - 1) * depth.stride + 1
        let after = max(depth.full, depth.before + depth.output) - offset - length
        volume = try builder.pad(volume, before: [0, offset, 0, 0], after: [0, after, 0, 0])
        return try builder.slice(volume, axis: 1, depth.before, depth.before + depth.output)
    }
}
