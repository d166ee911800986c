import GraphIR
import Operators
import TensorCore

/// Pooling over windows and over whole images.
enum Pooling {
    static let mappings: [String: Mapping] = [
        "MaxPool": maximum,
        "AveragePool": average,
        "LpPool": norm,
        "GlobalAveragePool": { try global($0, $1) { try $1.reduce(.mean, $0, $2, keep: true) } },
        "GlobalMaxPool": { try global($0, $1) { try $1.reduce(.max, $0, $2, keep: true) } },
        "GlobalLpPool": { node, builder in
            let order = Double(try node.int("p", default: 2))
            return try global(node, builder) { value, builder, axes in
                let total = try builder.reduce(.sum, powered(value, order, builder), axes, keep: true)
                return try root(total, order, builder)
            }
        },
    ]

    private static func global(
        _ node: NodeContext, _ builder: GraphBuilder, _ body: (ValueID, GraphBuilder, [Int]) throws -> ValueID
    ) throws -> [ValueID?] {
        let value = try node.input(0)
        guard builder.shape(value).rank >= 2 else { throw node.bad("its operand has no spatial axes") }
        return [try body(value, builder, Array(2..<builder.shape(value).rank))]
    }

    private static func window(_ node: NodeContext, _ shape: Shape) throws -> WindowAttributes {
        guard let kernel = try node.ints("kernel_shape"), shape.rank == kernel.count + 2 else {
            throw node.bad("its window does not fit an input of \(shape)")
        }
        var window = try WindowAttributes(node, kernel: kernel, input: Array(shape.dimensions.dropFirst(2)))
        guard window.before.allSatisfy({ $0 >= 0 }), window.after.allSatisfy({ $0 >= 0 }) else {
            throw node.unsupported("negative pads are not supported")
        }
        if try node.int("ceil_mode", default: 0) != 0 { window.makeWhole(Array(shape.dimensions.dropFirst(2))) }
        return window
    }

    // MARK: Two-dimensional windows

    /// Runs `body` on the image in NHWC with the window in two dimensions, and brings the result back.
    private static func inChannelsLast(
        _ value: ValueID, _ window: WindowAttributes, _ builder: GraphBuilder,
        _ body: (ValueID, WindowAttributes) throws -> ValueID
    ) throws -> ValueID {
        let shape = builder.shape(value)
        guard shape.rank == 3 else { return try builder.channelsFirst(body(builder.channelsLast(value), window)) }
        let flat = try builder.reshape(value, [shape[0], shape[1], 1, shape[2]])
        let result = try builder.channelsFirst(body(builder.channelsLast(flat), window.widened))
        return try builder.reshape(result, [shape[0], shape[1], builder.shape(result)[3]])
    }

    private static func isPlain(_ window: WindowAttributes) -> Bool {
        window.kernel.count <= 2 && window.dilations.allSatisfy { $0 == 1 }
    }

    /// Every element of the window as one strided slice of the padded input `[N,C,..]`.
    private static func slices(
        of padded: ValueID, _ window: WindowAttributes, _ counts: [Int], _ node: NodeContext, _ builder: GraphBuilder
    ) throws -> [ValueID] {
        let volume = window.kernel.reduce(1, *)
        guard volume <= 1 << 9 else { throw node.unsupported("a dilated or three-dimensional window of \(volume)") }
        let shape = builder.shape(padded)
        let strides = Shape(window.kernel).strides
        return try (0..<volume).map { position in
            let offsets = window.kernel.indices.map {
                position / strides[$0] % window.kernel[$0] * window.dilations[$0]
            }
            return try builder.slice(
                padded, begin: [0, 0] + offsets, count: [shape[0], shape[1]] + counts, step: [1, 1] + window.strides)
        }
    }

    // MARK: Maximum

    private static func maximum(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let type = builder.elementType(value)
        let window = try window(node, builder.shape(value))
        node.resultTypes[1] = .int64
        if node.wants(1) { return try maximumWithIndices(node, builder, builder.cast(value, to: .float32), window) }
        let float = try builder.cast(value, to: .float32)
        let result: ValueID
        if isPlain(window) {
            result = try inChannelsLast(float, window, builder) { try plainMaximum($0, $1, builder) }
        } else {
            let padded = try padLow(float, window, channelsLast: false, builder)
            let parts = try slices(of: padded, window, counts(window, builder.shape(value)), node, builder)
            result = try parts.dropFirst().reduce(parts[0]) { try builder.maximum($0, $1) }
        }
        return [try builder.cast(result, to: type)]
    }

    private static func counts(_ window: WindowAttributes, _ shape: Shape) -> [Int] {
        window.kernel.indices.map { window.output($0, input: shape[$0 + 2], ceiling: false) }
    }

    private static func plainMaximum(
        _ image: ValueID, _ window: WindowAttributes, _ builder: GraphBuilder
    ) throws -> ValueID {
        let extents = [builder.shape(image)[1], builder.shape(image)[2]]
        let padding = window.padding(input: extents)
        let source = padding == nil ? try padLow(image, window, channelsLast: true, builder) : image
        let op = Pool2D(window: window.kernel2D, stride: window.stride2D, padding: padding ?? .valid)
        return try builder.emit1(.maxPool2D(op), [source])
    }

    /// A border that no maximum picks. Where the padding is at most half the window, mirrored elements do: they are in
    /// the window anyway, and the values keep their range; else the lowest finite number.
    private static func padLow(
        _ value: ValueID, _ window: WindowAttributes, channelsLast: Bool, _ builder: GraphBuilder
    ) throws -> ValueID {
        let shape = builder.shape(value)
        let first = channelsLast ? 1 : 2
        let mirrors = window.kernel.indices.allSatisfy { axis in
            let widest = max(window.before[axis], window.after[axis])
            return 2 * widest <= window.kernel[axis] && widest <= shape[first + axis] && window.dilations[axis] == 1
        }
        let tail = channelsLast ? [0] : []
        let head = channelsLast ? [0] : [0, 0]
        let (before, after) = (head + window.before + tail, head + window.after + tail)
        if (before + after).allSatisfy({ $0 == 0 }) { return value }
        if mirrors {
            let widths = try builder.integers(
                zip(before, after).flatMap { [$0, $1] }, shape: [before.count, 2], .int32)
            return try builder.emit1(.mirrorPad(.symmetric), [value, widths])
        }
        let lowest = try builder.number(-Double(Float.greatestFiniteMagnitude), .float32)
        return try builder.pad(value, before: before, after: after, fill: lowest)
    }

    /// The position of each maximum in the flattened input, found among the slices of the window.
    private static func maximumWithIndices(
        _ node: NodeContext, _ builder: GraphBuilder, _ value: ValueID, _ window: WindowAttributes
    ) throws -> [ValueID?] {
        let shape = builder.shape(value)
        let counts = counts(window, shape)
        let lowest = try builder.number(-Double(Float.greatestFiniteMagnitude), .float32)
        let padded = try builder.pad(
            value, before: [0, 0] + window.before, after: [0, 0] + window.after, fill: lowest)
        let parts = try slices(of: padded, window, counts, node, builder)
        let stacked = try builder.emit1(.pack(axis: 0, count: parts.count), parts)
        let output = Shape([shape[0], shape[1]] + counts)
        try builder.checkTable(output.elementCount, "the indices of a maximum")
        let largest = try builder.reduce(.max, stacked, [0], keep: false)
        let chosen = try builder.argument(.max, stacked, axis: 0, .int32)

        var strides = shape.strides
        if try node.int("storage_order", default: 0) != 0 {
            var stride = 1
            for axis in 2..<shape.rank {
                strides[axis] = stride
                stride *= shape[axis]
            }
        }
        let kernelStrides = Shape(window.kernel).strides
        let offsets = (0..<parts.count).map { position in
            window.kernel.indices.reduce(0) {
                $0 + position / kernelStrides[$1] % window.kernel[$1] * window.dilations[$1] * strides[$1 + 2]
            }
        }
        let starts = (0..<output.elementCount).map { position -> Int in
            (0..<shape.rank).reduce(0) { sum, axis in
                let index = position / output.strides[axis] % output[axis]
                let start = axis < 2 ? index : index * window.strides[axis - 2] - window.before[axis - 2]
                return sum + start * strides[axis]
            }
        }
        let within = try builder.gather(builder.int32s(offsets), chosen, axis: 0)
        let position = try builder.add(within, builder.integers(starts, shape: output, .int32))
        return [largest, try builder.cast(position, to: .int64)]
    }

    // MARK: Average

    private static func average(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        let window = try window(node, shape)
        let declared = try WindowAttributes(
            node, kernel: window.kernel, input: Array(shape.dimensions.dropFirst(2)))
        let includesPadding = try node.int("count_include_pad", default: 0) != 0
        let counts = counts(window, shape)
        let factors = window.kernel.indices.map { axis -> [Int] in
            (0..<counts[axis]).map { position in
                let start = position * window.strides[axis] - window.before[axis]
                let low = includesPadding ? -declared.before[axis] : 0
                let high = shape[axis + 2] + (includesPadding ? declared.after[axis] : 0)
                return (0..<window.kernel[axis]).filter {
                    low..<high ~= start + $0 * window.dilations[axis]
                }.count
            }
        }
        if isPlain(window) {
            return [
                try inChannelsLast(value, window, builder) { image, window in
                    try plainAverage(image, window, factors, includesPadding, builder)
                }
            ]
        }
        let padded = try builder.pad(value, before: [0, 0] + window.before, after: [0, 0] + window.after)
        let parts = try slices(of: padded, window, counts, node, builder)
        let total = try parts.dropFirst().reduce(parts[0]) { try builder.add($0, $1) }
        return [try builder.mul(total, reciprocals(factors, scale: 1, before: 2, after: 0, builder))]
    }

    /// AVERAGE_POOL_2D leaves its own padding out of the count. Other paddings are added as zeros, and where the count is
    /// not the whole window the average is corrected.
    private static func plainAverage(
        _ image: ValueID, _ window: WindowAttributes, _ factors: [[Int]], _ includesPadding: Bool,
        _ builder: GraphBuilder
    ) throws -> ValueID {
        let extents = [builder.shape(image)[1], builder.shape(image)[2]]
        let isPadded = (window.before + window.after).contains { $0 > 0 }
        func emit(_ source: ValueID, _ padding: Padding) throws -> ValueID {
            let op = Pool2D(window: window.kernel2D, stride: window.stride2D, padding: padding)
            return try builder.emit1(.averagePool2D(op), [source])
        }
        if !isPadded || (!includesPadding && window.padding(input: extents) != nil) {
            return try emit(image, window.padding(input: extents) ?? .valid)
        }
        let padded = try builder.pad(image, before: [0] + window.before + [0], after: [0] + window.after + [0])
        let result = try emit(padded, .valid)
        let whole = window.kernel.reduce(1, *)
        let spatial = factors.count == 1 ? [[1]] + factors : factors
        if zip(spatial, window.kernel).allSatisfy({ counts, kernel in counts.allSatisfy { $0 == kernel } }) {
            return result
        }
        return try builder.mul(result, reciprocals(spatial, scale: whole, before: 1, after: 1, builder))
    }

    /// `scale` over the product of the counts per axis, shaped to broadcast.
    private static func reciprocals(
        _ counts: [[Int]], scale: Int, before: Int, after: Int, _ builder: GraphBuilder
    ) throws -> ValueID {
        try builder.checkTable(counts.reduce(1) { $0 * $1.count }, "the counts of an average")
        let products = counts.reduce([1]) { rows, next in rows.flatMap { row in next.map { row * $0 } } }
        let ones = [Int](repeating: 1, count: 1)
        let shape =
            [[Int]](repeating: ones, count: before).flatMap { $0 } + counts.map(\.count)
            + [[Int]](repeating: ones, count: after).flatMap { $0 }
        return builder.floats(products.map { Float(scale) / Float(max($0, 1)) }, shape: Shape(shape))
    }

    // MARK: Norms

    private static func powered(_ value: ValueID, _ order: Double, _ builder: GraphBuilder) throws -> ValueID {
        switch order {
        case 1: return try builder.unary(.abs, value)
        case 2: return try builder.square(value)
        default:
            return try builder.binary(.pow, builder.unary(.abs, value), builder.number(order, .float32))
        }
    }

    private static func root(_ value: ValueID, _ order: Double, _ builder: GraphBuilder) throws -> ValueID {
        switch order {
        case 1: return value
        case 2: return try builder.unary(.sqrt, value)
        default: return try builder.binary(.pow, value, builder.number(1 / order, .float32))
        }
    }

    /// The p-norm of every window.
    private static func norm(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let order = Double(try node.int("p", default: 2))
        let window = try window(node, builder.shape(value))
        let powers = try powered(value, order, builder)
        let padded = try builder.pad(powers, before: [0, 0] + window.before, after: [0, 0] + window.after)
        let total: ValueID
        if isPlain(window) {
            total = try inChannelsLast(padded, window, builder) { image, window in
                let op = Pool2D(window: window.kernel2D, stride: window.stride2D, padding: .valid)
                let mean = try builder.emit1(.averagePool2D(op), [image])
                return try builder.mul(mean, Double(window.kernel.reduce(1, *)))
            }
        } else {
            let parts = try slices(of: padded, window, counts(window, builder.shape(value)), node, builder)
            total = try parts.dropFirst().reduce(parts[0]) { try builder.add($0, $1) }
        }
        return [try root(total, order, builder)]
    }
}
