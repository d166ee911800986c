import TensorCore

extension Inference {
    static func gather(axis: Int, batchDimensions: Int, _ operands: Operands) throws -> [TensorType] {
        let source = try operands.type(0)
        let indices = try operands.type(1)
        guard let axis = source.shape.normalizedAxis(axis),
            let batch = batchDimensions < 0 ? indices.shape.normalizedAxis(batchDimensions) : batchDimensions,
            batch <= axis, batch <= indices.shape.rank,
            source.shape.dimensions.prefix(batch) == indices.shape.dimensions.prefix(batch)
        else { throw mismatch("indices \(indices.shape) into axis \(axis) of \(source.shape)") }
        let dimensions = source.shape.dimensions
        return [
            source.with(
                shape: Shape(
                    Array(dimensions.prefix(axis)) + indices.shape.dimensions.dropFirst(batch)
                        + dimensions.dropFirst(axis + 1)))
        ]
    }

    static func gatherND(_ operands: Operands) throws -> [TensorType] {
        let source = try operands.type(0)
        let indices = try operands.type(1)
        guard indices.shape.rank >= 1, indices.shape[-1] <= source.shape.rank else {
            throw mismatch("indices \(indices.shape) into \(source.shape)")
        }
        return [
            source.with(
                shape: Shape(
                    Array(indices.shape.dimensions.dropLast()) + source.shape.dimensions.dropFirst(indices.shape[-1])))
        ]
    }

    /// Operands: indices, updates, shape (constant).
    static func scatterND(_ operands: Operands) throws -> [TensorType] {
        let indices = try operands.type(0)
        let updates = try operands.type(1)
        let shape = try operands.shapeOperand(2)
        guard indices.shape.rank >= 1, indices.shape[-1] <= shape.rank,
            updates.shape.dimensions == Array(indices.shape.dimensions.dropLast())
                + shape.dimensions.dropFirst(indices.shape[-1])
        else { throw mismatch("updates \(updates.shape) at \(indices.shape) into \(shape)") }
        return [updates.with(shape: shape)]
    }

    /// Operands: indices, depth (constant scalar), on value, off value.
    static func oneHot(axis: Int, _ operands: Operands) throws -> [TensorType] {
        let indices = try operands.type(0)
        let depth = try operands.scalar(1)
        let on = try operands.type(2)
        let position = axis == -1 ? indices.shape.rank : axis
        guard position >= 0, position <= indices.shape.rank, depth >= 0 else {
            throw mismatch("one-hot axis \(axis) of \(indices.shape)")
        }
        var dimensions = indices.shape.dimensions
        dimensions.insert(depth, at: position)
        return [on.with(shape: Shape(dimensions))]
    }
}
