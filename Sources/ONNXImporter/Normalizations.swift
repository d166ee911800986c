import GraphIR
import Operators
import TensorCore

/// Normalisations, lowered to means, products and square roots.
enum Normalizations {
    static let mappings: [String: Mapping] = [
        "Softmax": { try softmax($0, $1, .softmax(beta: 1)) },
        "LogSoftmax": { try softmax($0, $1, .logSoftmax) },
        "Hardmax": hardmax,
        "BatchNormalization": batch,
        "InstanceNormalization": instance,
        "LayerNormalization": layer,
        "RMSNormalization": rootMeanSquare,
        "GroupNormalization": group,
        "MeanVarianceNormalization": meanVariance,
        "LpNormalization": norm,
        "LRN": localResponse,
    ]

    // MARK: Softmax

    /// Along one axis from operator set 13 on; before, over all axes from `axis` to the last as if they were one.
    private static func alongAxis(
        _ node: NodeContext, _ builder: GraphBuilder, _ body: (ValueID) throws -> ValueID
    ) throws -> ValueID {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard let axis = shape.normalizedAxis(try node.int("axis", default: node.opset >= 13 ? -1 : 1)) else {
            throw node.bad("its axis does not fit \(shape)")
        }
        if axis == shape.rank - 1 { return try body(value) }
        if node.opset >= 13 {
            return try builder.moveFromEnd(body(builder.moveToEnd(value, axis)), to: axis)
        }
        let outer = shape.dimensions.prefix(axis).reduce(1, *)
        let flat = try builder.reshape(value, [outer, shape.dimensions.dropFirst(axis).reduce(1, *)])
        return try builder.reshape(body(flat), shape.dimensions)
    }

    private static func softmax(_ node: NodeContext, _ builder: GraphBuilder, _ op: Operator) throws -> [ValueID?] {
        [try alongAxis(node, builder) { try builder.emit1(op, [$0]) }]
    }

    private static func hardmax(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        [
            try alongAxis(node, builder) { value in
                let shape = builder.shape(value)
                let chosen = try builder.argument(.max, value, axis: shape.rank - 1, .int32)
                let (one, zero) = (try builder.number(1, .float32), try builder.number(0, .float32))
                return try builder.emit1(
                    .oneHot(axis: -1), [chosen, builder.int32(shape[-1]), one, zero])
            }
        ]
    }

    // MARK: Channels

    /// `[C]` in the shape `[C,1,..]`, which broadcasts along axis 1 of a value of `rank` axes.
    private static func perChannel(_ value: ValueID, rank: Int, _ builder: GraphBuilder) throws -> ValueID {
        let count = builder.shape(value).elementCount
        return try builder.reshape(value, [count] + [Int](repeating: 1, count: max(rank - 2, 0)))
    }

    /// x * scale / sqrt(variance + epsilon) + shift, with everything that is constant computed at once.
    private static func batch(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard shape.rank >= 2 else { throw node.bad("its operand has no channels") }
        let (scale, shift) = (try node.input(1), try node.input(2))
        let epsilon = Double(try node.float("epsilon", default: 1e-5))
        var (mean, variance) = (try node.input(3), try node.input(4))
        var running: [ValueID?] = []
        if try node.int("training_mode", default: 0) != 0 {
            let axes = [0] + Array(2..<shape.rank)
            let momentum = Double(try node.float("momentum", default: 0.9))
            let ownMean = try builder.reduce(.mean, value, axes, keep: false)
            let centred = try builder.sub(value, perChannel(ownMean, rank: shape.rank, builder))
            let ownVariance = try builder.reduce(.mean, builder.square(centred), axes, keep: false)
            running = try [(mean, ownMean), (variance, ownVariance)].map { old, new in
                try builder.add(builder.mul(old, momentum), builder.mul(new, 1 - momentum))
            }
            (mean, variance) = (ownMean, ownVariance)
        }
        let deviation = try builder.unary(.sqrt, builder.add(variance, epsilon))
        let factor = try builder.div(scale, deviation)
        let offset = try builder.sub(shift, builder.mul(mean, factor))
        let product = try builder.mul(value, perChannel(factor, rank: shape.rank, builder))
        return [try builder.add(product, perChannel(offset, rank: shape.rank, builder))] + running
    }

    private static func instance(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let rank = builder.shape(value).rank
        guard rank >= 3 else { throw node.bad("its operand has no spatial axes") }
        let (normal, _, _) = try standardized(
            value, Array(2..<rank), epsilon: Double(node.float("epsilon", default: 1e-5)), builder)
        let scaled = try builder.mul(normal, perChannel(node.input(1), rank: rank, builder))
        return [try builder.add(scaled, perChannel(node.input(2), rank: rank, builder))]
    }

    /// Scale and shift are per group up to operator set 20 and per channel from 21 on.
    private static func group(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard shape.rank >= 2, let groups = try node.int("num_groups"), groups > 0, shape[1] % groups == 0 else {
            throw node.bad("its groups do not fit \(shape)")
        }
        let inner = shape.elementCount / max(shape[0] * groups, 1)
        let flat = try builder.reshape(value, [shape[0], groups, inner])
        let (normal, _, _) = try standardized(
            flat, [2], epsilon: Double(node.float("epsilon", default: 1e-5)), builder)
        let (scale, shift) = (try node.input(1), try node.input(2))
        if builder.shape(scale).elementCount == groups, groups != shape[1] {
            let scaled = try builder.mul(normal, builder.reshape(scale, [groups, 1]))
            let moved = try builder.add(scaled, builder.reshape(shift, [groups, 1]))
            return [try builder.reshape(moved, shape.dimensions)]
        }
        let whole = try builder.reshape(normal, shape.dimensions)
        let scaled = try builder.mul(whole, perChannel(scale, rank: shape.rank, builder))
        return [try builder.add(scaled, perChannel(shift, rank: shape.rank, builder))]
    }

    // MARK: Moments

    /// (x - mean) / sqrt(variance + epsilon) over `axes`, the mean, and the reciprocal of the root.
    private static func standardized(
        _ value: ValueID, _ axes: [Int], epsilon: Double, _ builder: GraphBuilder
    ) throws -> (normal: ValueID, mean: ValueID, inverse: ValueID) {
        let mean = try builder.reduce(.mean, value, axes, keep: true)
        let centred = try builder.sub(value, mean)
        let variance = try builder.reduce(.mean, builder.square(centred), axes, keep: true)
        let inverse = try builder.unary(.rsqrt, builder.add(variance, epsilon))
        return (try builder.mul(centred, inverse), mean, inverse)
    }

    private static func trailingAxes(_ node: NodeContext, _ shape: Shape) throws -> [Int] {
        guard let axis = shape.normalizedAxis(try node.int("axis", default: -1)) else {
            throw node.bad("its axis does not fit \(shape)")
        }
        return Array(axis..<shape.rank)
    }

    private static func layer(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let axes = try trailingAxes(node, builder.shape(value))
        let (normal, mean, inverse) = try standardized(
            value, axes, epsilon: Double(node.float("epsilon", default: 1e-5)), builder)
        var result = try builder.mul(normal, node.input(1))
        if let shift = node.optional(2) { result = try builder.add(result, shift) }
        return [result, mean, inverse]
    }

    private static func rootMeanSquare(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let axes = try trailingAxes(node, builder.shape(value))
        let power = try builder.reduce(.mean, builder.square(value), axes, keep: true)
        let epsilon = Double(try node.float("epsilon", default: 1e-5))
        let inverse = try builder.unary(.rsqrt, builder.add(power, epsilon))
        return [try builder.mul(builder.mul(value, inverse), node.input(1))]
    }

    private static func meanVariance(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let axes = try (node.ints("axes") ?? [0, 2, 3]).map { axis -> Int in
            guard let axis = builder.shape(value).normalizedAxis(axis) else { throw node.bad("axis \(axis)") }
            return axis
        }
        let mean = try builder.reduce(.mean, value, axes, keep: true)
        let centred = try builder.sub(value, mean)
        let variance = try builder.reduce(.mean, builder.square(centred), axes, keep: true)
        return [try builder.div(centred, builder.add(builder.unary(.sqrt, variance), 1e-9))]
    }

    private static func norm(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        guard let axis = builder.shape(value).normalizedAxis(try node.int("axis", default: -1)) else {
            throw node.bad("its axis does not fit \(builder.shape(value))")
        }
        let length: ValueID
        switch try node.int("p", default: 2) {
        case 1: length = try builder.reduce(.sum, builder.unary(.abs, value), [axis], keep: true)
        case 2:
            length = try builder.unary(.sqrt, builder.reduce(.sum, builder.square(value), [axis], keep: true))
        default: throw node.bad("its order must be 1 or 2")
        }
        return [try builder.div(value, length)]
    }

    /// x / (bias + alpha / size * sum of squares of neighbouring channels)^beta.
    private static func localResponse(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard shape.rank >= 2, let size = try node.int("size"), 1...256 ~= size else {
            throw node.bad("its size is missing or absurd")
        }
        let alpha = Double(try node.float("alpha", default: 1e-4)) / Double(size)
        let beta = Double(try node.float("beta", default: 0.75))
        var widths = [Int](repeating: 0, count: shape.rank)
        var behind = widths
        widths[1] = (size - 1) / 2
        behind[1] = size - 1 - widths[1]
        let squares = try builder.pad(builder.square(value), before: widths, after: behind)
        let parts = try (0..<size).map { try builder.slice(squares, axis: 1, $0, $0 + shape[1]) }
        let total = try parts.dropFirst().reduce(parts[0]) { try builder.add($0, $1) }
        let base = try builder.add(builder.mul(total, alpha), Double(node.float("bias", default: 1)))
        return [try builder.div(value, builder.binary(.pow, base, builder.number(beta, .float32)))]
    }
}
