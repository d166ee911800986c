import GraphIR
import Operators
import TensorCore

/// Convolutions over one or two spatial axes.
enum Convolutions {
    static let mappings: [String: Mapping] = [
        "Conv": { try TrivialAxes.map($0, $1, ordinary) ?? ordinary($0, $1) },
        "ConvTranspose": {
            try TrivialAxes.map($0, $1, transposed) ?? TransposedVolume.map($0, $1) ?? transposed($0, $1)
        },
        "ConvInteger": integerConvolution,
    ]

    @Sendable private static func ordinary(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        try [convolve(node, builder, node.input(0), node.input(1), bias: node.optional(2))]
    }

    /// A convolution of `[N,C,..]` by weights `[M,C/group,..]`.
    static func convolve(
        _ node: NodeContext, _ builder: GraphBuilder, _ input: ValueID, _ weights: ValueID, bias: ValueID?
    ) throws -> ValueID {
        let (shape, kernel) = (builder.shape(input), builder.shape(weights))
        try checkRanks(node, shape, kernel)
        let groups = try node.int("group", default: 1)
        guard 1...max(shape[1], 1) ~= groups, shape[1] == kernel[1] * groups, kernel[0] % groups == 0 else {
            throw node.bad("weights \(kernel) in \(groups) groups do not fit an input of \(shape)")
        }
        var window = try WindowAttributes(
            node, kernel: Array(kernel.dimensions.dropFirst(2)), input: Array(shape.dimensions.dropFirst(2)))
        var (input, weights) = (input, weights)
        if shape.rank == 3 {
            window = window.widened
            input = try builder.reshape(input, [shape[0], shape[1], 1, shape[2]])
            weights = try builder.reshape(weights, [kernel[0], kernel[1], 1, kernel[2]])
        }
        var image = try builder.channelsLast(input)
        let extents = [builder.shape(image)[1], builder.shape(image)[2]]
        var padding = window.padding(input: extents)
        if padding == nil {
            image = try builder.pad(image, before: [0] + window.before + [0], after: [0] + window.after + [0])
            padding = .valid
        }
        let channels = kernel[0]
        let bias = try bias.map { try builder.reshape($0, [channels]) }
        let result: ValueID
        if groups == shape[1], groups > 1 {
            let op = DepthwiseConv2D(
                stride: window.stride2D, dilation: window.dilation2D, padding: padding ?? .valid,
                depthMultiplier: channels / groups)
            result = try builder.emit1(
                .depthwiseConv2D(op), [image, builder.transpose(weights, [1, 2, 3, 0]), bias])
        } else {
            let op = Conv2D(stride: window.stride2D, dilation: window.dilation2D, padding: padding ?? .valid)
            result = try builder.emit1(.conv2D(op), [image, builder.channelsLast(weights), bias])
        }
        return try restore(result, rank: shape.rank, builder)
    }

    private static func checkRanks(_ node: NodeContext, _ shape: Shape, _ kernel: Shape) throws {
        guard shape.rank >= 3, kernel.rank == shape.rank else {
            throw node.bad("weights \(kernel) do not fit an input of \(shape)")
        }
        guard shape.rank <= 4 else {
            throw node.unsupported("convolutions over \(shape.rank - 2) spatial axes have no builtin operator")
        }
    }

    /// Back to `[N,C,..]`, without the height that operators on one spatial axis were given.
    private static func restore(_ value: ValueID, rank: Int, _ builder: GraphBuilder) throws -> ValueID {
        let result = try builder.channelsFirst(value)
        guard rank == 3 else { return result }
        let shape = builder.shape(result)
        return try builder.reshape(result, [shape[0], shape[1], shape[3]])
    }

    /// A convolution of integer codes without their zero points, exact in float32 up to 2^24.
    private static func integerConvolution(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        node.resultTypes[0] = .int32
        var input = try builder.cast(Quantization.raw(node.input(0), builder), to: .float32)
        var weights = try builder.cast(Quantization.raw(node.input(1), builder), to: .float32)
        if let zeroPoint = node.optional(2) { input = try builder.sub(input, builder.cast(zeroPoint, to: .float32)) }
        if let zeroPoint = node.optional(3) {
            var offset = try builder.cast(zeroPoint, to: .float32)
            if builder.shape(offset).rank == 1, builder.shape(offset)[0] > 1 {
                let rank = builder.shape(weights).rank
                offset = try builder.reshape(
                    offset, [builder.shape(offset)[0]] + [Int](repeating: 1, count: rank - 1))
            }
            weights = try builder.sub(weights, offset)
        }
        return [try builder.cast(convolve(node, builder, input, weights, bias: nil), to: .int32)]
    }

    // MARK: Transposed

    @Sendable private static func transposed(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        var (input, weights) = (try node.input(0), try node.input(1))
        let (shape, kernel) = (builder.shape(input), builder.shape(weights))
        try checkRanks(node, shape, kernel)
        let groups = try node.int("group", default: 1)
        guard 1...max(shape[1], 1) ~= groups, shape[1] == kernel[0], shape[1] % groups == 0 else {
            throw node.bad("weights \(kernel) in \(groups) groups do not fit an input of \(shape)")
        }
        var geometry = try TransposedGeometry(
            node, kernel: Array(kernel.dimensions.dropFirst(2)), input: Array(shape.dimensions.dropFirst(2)))
        if shape.rank == 3 {
            geometry.widen()
            input = try builder.reshape(input, [shape[0], shape[1], 1, shape[2]])
            weights = try builder.reshape(weights, [kernel[0], kernel[1], 1, kernel[2]])
        }
        weights = try dilate(weights, geometry.dilations, node, builder)
        let image = try builder.channelsLast(input)
        let bias = try node.optional(2).map { try builder.reshape($0, [kernel[1] * groups]) }
        guard groups <= 256 else { throw node.unsupported("a transposed convolution in \(groups) groups") }
        let size = kernel[0] / groups
        let parts = try (0..<groups).map { group -> ValueID in
            let part = try builder.slice(image, axis: 3, group * size, (group + 1) * size)
            let filter = try builder.slice(weights, axis: 0, group * size, (group + 1) * size)
            let offset = try bias.map { try builder.slice($0, axis: 0, group * kernel[1], (group + 1) * kernel[1]) }
            return try geometry.apply(part, builder.transpose(filter, [1, 2, 3, 0]), offset, builder)
        }
        return [try restore(builder.concatenate(parts, axis: 3), rank: shape.rank, builder)]
    }

    /// Weights with zeros between their elements.
    static func dilate(
        _ weights: ValueID, _ dilations: [Int], _ node: NodeContext, _ builder: GraphBuilder
    ) throws -> ValueID {
        var result = weights
        for (axis, dilation) in zip([2, 3], dilations) where dilation > 1 {
            let shape = builder.shape(result)
            let extent = shape[axis]
            guard extent * dilation < 1 << 12 else { throw node.unsupported("a dilation of \(dilation)") }
            var before = [Int](repeating: 0, count: 5)
            var dimensions = shape.dimensions
            dimensions.insert(1, at: axis + 1)
            before[axis + 1] = dilation - 1
            let spread = try builder.pad(
                builder.reshape(result, dimensions), before: [0, 0, 0, 0, 0], after: before)
            dimensions.remove(at: axis + 1)
            dimensions[axis] = extent * dilation
            result = try builder.slice(
                builder.reshape(spread, dimensions), axis: axis, 0, (extent - 1) * dilation + 1)
        }
        return result
    }
}
