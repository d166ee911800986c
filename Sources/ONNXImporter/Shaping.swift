import GraphIR
import Operators
import ReferenceKernels
import TensorCore

/// Moving elements about, for mappings that put an operator together from others. Steps that change nothing are left out.
extension GraphBuilder {
    func reshape(_ value: ValueID, _ dimensions: [Int]) throws -> ValueID {
        if shape(value).dimensions == dimensions { return value }
        return try emit1(.reshape, [value, int32s(dimensions)])
    }

    func transpose(_ value: ValueID, _ permutation: [Int]) throws -> ValueID {
        if permutation == Array(permutation.indices) { return value }
        if let codes = quantizedConstant(value) {
            return try emit1(.dequantize, [constant(permuted(codes, permutation), name: graph[value].name)])
        }
        return try emit1(.transpose, [value, int32s(permutation)])
    }

    /// The codes of a value that is a dequantised constant.
    private func quantizedConstant(_ value: ValueID) -> Tensor? {
        guard let node = graph.producer(of: value), case .dequantize = node.op else { return nil }
        return constant(of: node.inputs[0])
    }

    /// True for constants, dequantised ones included.
    func isWeight(_ value: ValueID) -> Bool { constant(of: value) != nil || quantizedConstant(value) != nil }

    /// The codes and their channel axis in another order.
    private func permuted(_ tensor: Tensor, _ permutation: [Int]) throws -> Tensor {
        let operand = tensor.retyped(TensorType(tensor.elementType, tensor.shape))
        let order = try GraphBuilder.integerTensor(permutation, shape: [permutation.count], .int32)
        let types = try Inference.outputs(
            of: .transpose, Operands(types: [operand.type, order.type], constants: [operand, order]))
        let result = try ReferenceKernels.evaluate(.transpose, inputs: [operand, order], outputTypes: types)[0]
        var quantization = tensor.type.quantization
        if let axis = quantization?.axis { quantization?.axis = permutation.firstIndex(of: axis) }
        return result.retyped(TensorType(result.elementType, result.shape, quantization: quantization))
    }

    /// Moves `axis` to the end, keeping the order of the others.
    func moveToEnd(_ value: ValueID, _ axis: Int) throws -> ValueID {
        var permutation = Array(0..<shape(value).rank)
        permutation.append(permutation.remove(at: axis))
        return try transpose(value, permutation)
    }

    /// Undoes ``moveToEnd(_:_:)``.
    func moveFromEnd(_ value: ValueID, to axis: Int) throws -> ValueID {
        var permutation = Array(0..<shape(value).rank - 1)
        permutation.insert(shape(value).rank - 1, at: axis)
        return try transpose(value, permutation)
    }

    /// `[N,C,H,W]` to `[N,H,W,C]`.
    func channelsLast(_ value: ValueID) throws -> ValueID { try transpose(value, [0, 2, 3, 1]) }

    /// `[N,H,W,C]` to `[N,C,H,W]`.
    func channelsFirst(_ value: ValueID) throws -> ValueID { try transpose(value, [0, 3, 1, 2]) }

    func concatenate(_ values: [ValueID], axis: Int) throws -> ValueID {
        if values.count == 1 { return values[0] }
        return try emit1(.concatenation(axis: axis, activation: .none), values)
    }

    /// `count` elements of every axis from `begin` on, every `step`-th.
    func slice(_ value: ValueID, begin: [Int], count: [Int], step: [Int]? = nil) throws -> ValueID {
        let extents = shape(value).dimensions
        let step = step ?? [Int](repeating: 1, count: extents.count)
        if count == extents, step.allSatisfy({ $0 == 1 }) { return value }
        if step.allSatisfy({ $0 == 1 }) { return try emit1(.slice, [value, int32s(begin), int32s(count)]) }
        var op = StridedSlice()
        var end: [Int] = []
        for axis in extents.indices {
            let last = begin[axis] + step[axis] * count[axis]
            if last < 0 { op.endMask |= 1 << axis }
            end.append(max(last, 0))
        }
        return try emit1(.stridedSlice(op), [value, int32s(begin), int32s(end), int32s(step)])
    }

    /// The indices `begin ..< end` of one axis.
    func slice(_ value: ValueID, axis: Int, _ begin: Int, _ end: Int) throws -> ValueID {
        var first = [Int](repeating: 0, count: shape(value).rank)
        var count = shape(value).dimensions
        first[axis] = begin
        count[axis] = end - begin
        return try slice(value, begin: first, count: count)
    }

    /// Adds a border of `fill` (zeros when nil); negative widths cut off.
    func pad(_ value: ValueID, before: [Int], after: [Int], fill: ValueID? = nil) throws -> ValueID {
        var result = value
        if (before + after).contains(where: { $0 < 0 }) {
            let extents = shape(value).dimensions
            let begin = before.map { max(0, -$0) }
            let count = extents.indices.map { max(0, extents[$0] - begin[$0] - max(0, -after[$0])) }
            result = try slice(value, begin: begin.enumerated().map { min($1, extents[$0]) }, count: count)
        }
        let widths = zip(before, after).flatMap { [max(0, $0), max(0, $1)] }
        if widths.allSatisfy({ $0 == 0 }) { return result }
        let paddings = try integers(widths, shape: [before.count, 2], .int32)
        guard let fill else { return try emit1(.pad, [result, paddings]) }
        return try emit1(.padV2, [result, paddings, fill])
    }

    func gather(_ value: ValueID, _ indices: ValueID, axis: Int) throws -> ValueID {
        try emit1(.gather(axis: axis, batchDimensions: 0), [value, indices])
    }

    /// Gathers along one axis by known indices: a slice where they are consecutive.
    func gather(_ value: ValueID, axis: Int, _ indices: [Int]) throws -> ValueID {
        if let first = indices.first, indices == Array(first..<first + indices.count) {
            return try slice(value, axis: axis, first, first + indices.count)
        }
        return try gather(value, int32s(indices), axis: axis)
    }

    func broadcast(_ value: ValueID, to target: Shape) throws -> ValueID {
        if shape(value) == target { return value }
        return try emit1(.broadcastTo, [value, int32s(target.dimensions)])
    }

    /// A tensor of one repeated number; a constant where that is small.
    func fill(_ target: Shape, with scalar: ValueID) throws -> ValueID {
        try emit1(.fill, [int32s(target.dimensions), scalar])
    }

    func reduce(_ kind: Reduction.Kind, _ value: ValueID, _ axes: [Int], keep: Bool) throws -> ValueID {
        if axes.isEmpty { return value }
        return try emit1(.reduce(Reduction(kind, keepDimensions: keep)), [value, int32s(axes)])
    }

    func argument(_ kind: ArgumentReduction.Kind, _ value: ValueID, axis: Int, _ type: ElementType) throws -> ValueID {
        try emit1(.argument(ArgumentReduction(kind, outputType: type)), [value, int32(axis)])
    }

    /// `values` times a constant matrix along `axis`: `result[.., o, ..] = sum over i of matrix[o][i] values[.., i, ..]`.
    func applyMatrix(_ matrix: [[Float]], to value: ValueID, axis: Int) throws -> ValueID {
        let rows = matrix.count
        let weights = floats(matrix.flatMap { $0 }, shape: [rows, matrix.first?.count ?? 0])
        let last = try moveToEnd(value, axis)
        let op = FullyConnected(keepDimensions: shape(last).rank != 2)
        let whole = try emit1(.fullyConnected(op), [last, weights, nil])
        return try moveFromEnd(whole, to: axis)
    }
}
