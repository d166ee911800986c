import GraphIR
import TensorCore

extension DelegateGraphBuilder {
    /// Requantised to the result's range unless the operands' ranges together are that range. Fused activations have no node.
    ///
    /// Source: hexagon/builders/concat_builder.cc.
    mutating func lowerConcatenation(_ item: OperatorLowering, axis: Int) throws {
        let output = try item.output()
        let node = reserve(.concat, source: item.index)
        let shift = axis < 0 ? 4 : 4 - listing[tensor: output].type.shape.rank
        let (operands, ranges) = try joined(item, axis: axis + shift)
        let result = complete(node, operands, shape: shape(of: output))
        // The source starts the search for the largest end at the least positive number.
        let lower = ranges.reduce(Float.greatestFiniteMagnitude) { $1.min < $0 ? $1.min : $0 }
        let upper = ranges.reduce(Float.leastNormalMagnitude) { $1.max > $0 ? $1.max : $0 }
        let declared = try range(of: output)
        let ends = [number(declared.min), number(declared.max)]
        if declared.min == lower, declared.max == upper { return register(output, at: result[0]) }
        register(output, at: requantize(result, to: ends, shape: shape(of: output), source: item.index))
    }

    /// Source: hexagon/builders/pack_builder.cc.
    mutating func lowerPack(_ item: OperatorLowering, axis: Int) throws {
        let output = try item.output()
        let node = reserve(.pack, source: item.index)
        let rank = listing[tensor: try item.input(0)].type.shape.rank
        let positive = axis < 0 ? axis + rank + 1 : axis
        let (operands, _) = try joined(item, axis: 4 - rank + positive - 1)
        let ends = try rangeConstants(of: output)
        let result = complete(node, operands, shape: shape(of: output))
        register(output, at: requantize(result, to: ends, shape: shape(of: output), source: item.index))
    }

    /// The axis, all data, all lower ends, all upper ends.
    private mutating func joined(
        _ item: OperatorLowering, axis: Int
    ) throws -> (operands: [HexagonReference], ranges: [(min: Float, max: Float)]) {
        let axisConstant = integer(axis)
        let tensors = try item.entry.inputs.indices.map { try item.input($0) }
        let data = try tensors.map { try home(of: $0) }
        let ranges = try tensors.map { try range(of: $0) }
        let lower = ranges.map { number($0.min) }
        let upper = ranges.map { number($0.max) }
        return ([axisConstant] + data + lower + upper, ranges)
    }

    /// Source: hexagon/builders/split_builder.cc.
    mutating func lowerSplit(_ item: OperatorLowering) throws {
        let input = try item.input(1)
        let node = reserve(.split, source: item.index)
        let rank = listing[tensor: input].type.shape.rank
        guard let axis = try integers(try item.input(0)).first else { throw buildFailure("there is no axis") }
        var operands = [integer((axis < 0 ? axis + rank : axis) + 4 - rank), try home(of: input)]
        operands += try rangeConstants(of: input)
        let end = HexagonOutput(Self.scalar, elementSize: 4)
        let parts = item.entry.outputs.map { HexagonOutput(shape(of: $0), elementSize: 1) }
        let results = complete(node, operands, parts + [end, end])
        for (tensor, result) in zip(item.entry.outputs, results) { register(tensor, at: result) }
    }
}
