import GraphIR
import Operators
import TensorCore

/// Writing elements by index.
enum Scattering {
    static let mappings: [String: Mapping] = [
        "Scatter": scatterElements,
        "ScatterElements": scatterElements,
        "ScatterND": scatterND,
    ]

    private static func scatterElements(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let data = try node.input(0)
        let indices = try node.input(1)
        let updates = try node.input(2)
        let shape = builder.shape(data)
        guard let axis = shape.normalizedAxis(try node.int("axis", default: 0)),
            builder.shape(indices).rank == shape.rank, builder.shape(indices) == builder.shape(updates),
            zip(builder.shape(indices).dimensions, shape.dimensions).enumerated().allSatisfy({
                $0.offset == axis || $0.element.0 <= $0.element.1
            })
        else { throw node.bad("indices \(builder.shape(indices)) do not fit \(shape)") }
        let linear = try Gathering.linearIndices(indices, into: shape, axis: axis, builder)
        let count = builder.shape(indices).elementCount
        let result = try scatter(
            data: builder.reshape(data, [shape.elementCount]), positions: builder.reshape(linear, [count]),
            updates: builder.reshape(updates, [count]), node, builder)
        return [try builder.reshape(result, shape.dimensions)]
    }

    private static func scatterND(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let data = try node.input(0)
        var indices = try node.input(1)
        let updates = try node.input(2)
        let (shape, indexShape) = (builder.shape(data), builder.shape(indices))
        guard indexShape.rank >= 1, indexShape[-1] >= 1, indexShape[-1] <= shape.rank else {
            throw node.bad("indices \(indexShape) do not fit \(shape)")
        }
        let depth = indexShape[-1]
        indices = try Gathering.wrappedCoordinates(
            indices, extents: Array(shape.dimensions.prefix(depth)), builder)
        indices = try builder.cast(indices, to: .int32)
        let strides = Array(shape.strides.prefix(depth))
        let inner = shape.dimensions.dropFirst(depth).reduce(1, *)
        let rows = indexShape.dimensions.dropLast().reduce(1, *)
        guard builder.shape(updates).elementCount == rows * inner else {
            throw node.bad("updates \(builder.shape(updates)) do not fit indices \(indexShape)")
        }
        let weighted = try builder.mul(indices, builder.integers(strides, shape: [depth], .int32))
        let starts = try builder.reshape(builder.reduce(.sum, weighted, [indexShape.rank - 1], keep: false), [rows, 1])
        try builder.checkTable(inner, "writing rows")
        let offsets = try builder.integers(Array(0..<inner), shape: [1, inner], .int32)
        let positions = try builder.reshape(builder.add(starts, offsets), [rows * inner])
        let result = try scatter(
            data: builder.reshape(data, [shape.elementCount]), positions: positions,
            updates: builder.reshape(updates, [rows * inner]), node, builder)
        return [try builder.reshape(result, shape.dimensions)]
    }

    /// Flat data with flat updates at flat positions.
    private static func scatter(
        data: ValueID, positions: ValueID, updates: ValueID, _ node: NodeContext, _ builder: GraphBuilder
    ) throws -> ValueID {
        let reduction = try node.string("reduction", default: "none")
        let (size, count) = (builder.shape(data)[0], builder.shape(updates)[0])
        if count == 0 { return data }
        try builder.checkTable(size + count, "writing single elements")
        if reduction == "none", let known = builder.constant(of: positions)?.integers() {
            var source = Array(0..<size)
            for (update, position) in known.enumerated() {
                guard source.indices ~= position else { throw node.bad("an index is out of range") }
                source[position] = size + update
            }
            return try builder.gather(builder.concatenate([data, updates], axis: 0), axis: 0, source)
        }
        let shape = try builder.int32s([size])
        let column = try builder.reshape(positions, [count, 1])
        switch reduction {
        case "none":
            let ones = try builder.fill([count], with: builder.number(1, .int32))
            let marks = try builder.emit1(.scatterND, [column, ones, shape])
            let written = try builder.emit1(.scatterND, [column, updates, shape])
            return try builder.select(builder.compare(.greater, marks, 0), written, data)
        case "add":
            return try builder.add(data, builder.emit1(.scatterND, [column, updates, shape]))
        case "mul", "max", "min":
            return try scatterByComparison(reduction, data, column, updates, node, builder)
        default: throw node.unsupported("the reduction '\(reduction)' is not supported")
        }
    }

    /// Every position against every update: for small tensors, where several updates may meet.
    private static func scatterByComparison(
        _ reduction: String, _ data: ValueID, _ column: ValueID, _ updates: ValueID, _ node: NodeContext,
        _ builder: GraphBuilder
    ) throws -> ValueID {
        let (size, count) = (builder.shape(data)[0], builder.shape(updates)[0])
        guard size * count <= 1 << 20 else {
            throw node.unsupported("a scatter of \(count) elements into \(size) with reduction '\(reduction)'")
        }
        let neutral: Double = reduction == "mul" ? 1 : reduction == "max" ? -.infinity : .infinity
        let grid = try builder.integers(Array(0..<size), shape: [1, size], .int32)
        let hits = try builder.compare(.equal, column, grid)
        let rows = try builder.reshape(updates, [count, 1])
        let spread = try builder.select(hits, rows, builder.number(neutral, like: updates))
        switch reduction {
        case "mul": return try builder.mul(data, builder.reduce(.product, spread, [0], keep: false))
        case "max": return try builder.maximum(data, builder.reduce(.max, spread, [0], keep: false))
        default: return try builder.minimum(data, builder.reduce(.min, spread, [0], keep: false))
        }
    }
}
