import GraphIR
import Operators
import TensorCore

/// Reading elements by index.
enum Gathering {
    static let mappings: [String: Mapping] = [
        "Gather": gather,
        "GatherElements": gatherElements,
        "GatherND": gatherND,
        "Compress": compress,
    ]

    private static func gather(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard let axis = shape.normalizedAxis(try node.int("axis", default: 0)) else {
            throw node.bad("its axis does not fit \(shape)")
        }
        let indices = try wrapped(node.input(1), extent: shape[axis], builder)
        if let known = builder.constant(of: indices)?.integers(), builder.shape(indices).rank == 0, known.count == 1,
            0..<shape[axis] ~= known[0]
        {
            let row = try builder.slice(value, axis: axis, known[0], known[0] + 1)
            var dimensions = shape.dimensions
            dimensions.remove(at: axis)
            return [try builder.reshape(row, dimensions)]
        }
        return [try builder.gather(value, indices, axis: axis)]
    }

    /// Indices with negative ones counted from the end; known ones become int32.
    static func wrapped(_ indices: ValueID, extent: Int, _ builder: GraphBuilder) throws -> ValueID {
        if let known = builder.constant(of: indices)?.integers() {
            return try builder.integers(
                known.map { $0 < 0 ? $0 &+ extent : $0 }, shape: builder.shape(indices), .int32)
        }
        if builder.isNonNegative(indices) { return indices }
        let positive = try builder.add(indices, Double(extent))
        return try builder.select(builder.compare(.less, indices, 0), positive, indices)
    }

    /// Positions in the flattened tensor of what GatherElements and ScatterElements address: the index along `axis` and
    /// the element's own coordinates along the others.
    static func linearIndices(
        _ indices: ValueID, into shape: Shape, axis: Int, _ builder: GraphBuilder
    ) throws -> ValueID {
        let own = builder.shape(indices)
        try builder.checkTable(own.elementCount, "addressing single elements")
        let (strides, ownStrides) = (shape.strides, own.strides)
        let offsets = (0..<own.elementCount).map { position in
            own.dimensions.indices.reduce(0) { sum, other in
                other == axis ? sum : sum + position / ownStrides[other] % own[other] * strides[other]
            }
        }
        let wide = try builder.cast(wrapped(indices, extent: shape[axis], builder), to: .int32)
        let along = strides[axis] == 1 ? wide : try builder.mul(wide, Double(strides[axis]))
        if offsets.allSatisfy({ $0 == 0 }) { return along }
        return try builder.add(along, builder.integers(offsets, shape: own, .int32))
    }

    private static func gatherElements(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let indices = try node.input(1)
        let shape = builder.shape(value)
        guard let axis = shape.normalizedAxis(try node.int("axis", default: 0)),
            builder.shape(indices).rank == shape.rank,
            zip(builder.shape(indices).dimensions, shape.dimensions).enumerated().allSatisfy({
                $0.offset == axis || $0.element.0 <= $0.element.1
            })
        else { throw node.bad("indices \(builder.shape(indices)) do not fit \(shape)") }
        let linear = try linearIndices(indices, into: shape, axis: axis, builder)
        return [try builder.gather(builder.reshape(value, [shape.elementCount]), linear, axis: 0)]
    }

    private static func gatherND(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        var indices = try node.input(1)
        let (shape, indexShape) = (builder.shape(value), builder.shape(indices))
        let batch = try node.int("batch_dims", default: 0)
        guard indexShape.rank >= 1, batch >= 0, batch < indexShape.rank, batch + indexShape[-1] <= shape.rank,
            shape.dimensions.prefix(batch) == indexShape.dimensions.prefix(batch)
        else { throw node.bad("indices \(indexShape) do not fit \(shape)") }
        let extents = Array(shape.dimensions[batch..<batch + indexShape[-1]])
        indices = try wrappedCoordinates(indices, extents: extents, builder)
        if indexShape[-1] == 1 {
            let rows = try builder.reshape(indices, Array(indexShape.dimensions.dropLast()))
            return [try builder.emit1(.gather(axis: batch, batchDimensions: batch), [value, rows])]
        }
        if batch > 0 {
            return [try gatherInBatches(value, indices, batch: batch, extents: extents, builder)]
        }
        return [try builder.emit1(.gatherND, [value, indices])]
    }

    /// The indexed axes become one, whose position the coordinates give; GATHER pairs the batches.
    private static func gatherInBatches(
        _ value: ValueID, _ indices: ValueID, batch: Int, extents: [Int], _ builder: GraphBuilder
    ) throws -> ValueID {
        let dimensions = builder.shape(value).dimensions
        let outer = Array(builder.shape(indices).dimensions.dropLast())
        let whole = extents.reduce(1, *)
        let flat = try builder.reshape(
            value, dimensions.prefix(batch) + [whole] + dimensions.dropFirst(batch + extents.count))
        var position = indices
        if extents.count != 1 {
            let strides = try builder.integers(
                Shape(extents).strides, shape: [extents.count], builder.elementType(indices))
            position = try builder.reduce(.sum, builder.mul(indices, strides), [outer.count], keep: true)
        }
        return try builder.emit1(
            .gather(axis: batch, batchDimensions: batch), [flat, builder.reshape(position, outer)])
    }

    /// Coordinates with negative ones counted from the end of their axis.
    static func wrappedCoordinates(
        _ indices: ValueID, extents: [Int], _ builder: GraphBuilder
    ) throws -> ValueID {
        if let known = builder.constant(of: indices)?.integers() {
            let positive = known.enumerated().map { $1 < 0 ? $1 &+ extents[$0 % max(extents.count, 1)] : $1 }
            return try builder.integers(positive, shape: builder.shape(indices), .int32)
        }
        if builder.isNonNegative(indices) { return indices }
        let sizes = try builder.integers(extents, shape: [extents.count], builder.elementType(indices))
        return try builder.select(builder.compare(.less, indices, 0), builder.add(indices, sizes), indices)
    }

    private static func compress(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        var value = try node.input(0)
        let condition = try builder.constantTensor(node.input(1), "the condition").doubles()
        var axis = 0
        if let requested = try node.int("axis") {
            guard let normalized = builder.shape(value).normalizedAxis(requested) else {
                throw node.bad("its axis does not fit \(builder.shape(value))")
            }
            axis = normalized
        } else {
            value = try builder.reshape(value, [builder.shape(value).elementCount])
        }
        let kept = condition.indices.filter { condition[$0] != 0 }
        guard (kept.last ?? -1) < builder.shape(value)[axis] else { throw node.bad("its condition is too long") }
        return [try builder.gather(value, axis: axis, kept)]
    }
}
