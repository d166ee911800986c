import Operators
import TensorCore

// Operators that only move elements: they look at an element's size, never at its value, and so serve every type.
extension ReferenceKernels {
    /// RESHAPE, EXPAND_DIMS, SQUEEZE: the same elements in the same order.
    static func reshape(_ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        guard input.elementType == type.elementType, input.count == type.shape.elementCount else {
            throw call.unsupported("\(input.type) as \(type)")
        }
        return input.retyped(type)
    }

    static func transpose(_ call: Invocation) throws -> Tensor {
        let input = try call.input(0)
        let permutation = try call.integers(1).map { $0 < 0 ? $0 + input.shape.rank : $0 }
        return permuted(input, permutation, as: try call.output())
    }

    /// The elements of `input` in the order of the permuted axes; `type` may join or divide the axes afterwards.
    static func permuted(_ input: Tensor, _ permutation: [Int], as type: TensorType) -> Tensor {
        let strides = input.shape.strides
        let shape = Shape(permutation.map { input.shape[$0] })
        var result = Tensor(zeros: type)
        result.copy(
            shape.dimensions, to: StridedView(strides: shape.strides), from: input,
            StridedView(strides: permutation.map { strides[$0] }))
        return result
    }

    static func concatenation(axis: Int, activation: Activation, _ call: Invocation) throws -> Tensor {
        guard activation == .none else { throw call.unsupported("activation \(activation.rawValue)") }
        var result = Tensor(zeros: try call.output())
        guard let axis = result.shape.normalizedAxis(axis) else { throw call.unsupported("axis \(axis)") }
        let strides = result.shape.strides
        var offset = 0
        for index in call.inputs.indices {
            let part = try call.input(index)
            result.copy(
                part.shape.dimensions, to: StridedView(offset: offset, strides: strides), from: part,
                StridedView(strides: part.shape.strides))
            offset += part.shape[axis] * strides[axis]
        }
        return result
    }

    static func split(count: Int, _ call: Invocation) throws -> [Tensor] {
        try parts(of: try call.input(1), axis: try call.integers(0).first ?? 0, call)
    }

    static func splitV(count: Int, _ call: Invocation) throws -> [Tensor] {
        try parts(of: try call.input(0), axis: try call.integers(2).first ?? 0, call)
    }

    private static func parts(of input: Tensor, axis: Int, _ call: Invocation) throws -> [Tensor] {
        guard let axis = input.shape.normalizedAxis(axis) else { throw call.unsupported("axis \(axis)") }
        let strides = input.shape.strides
        var offset = 0
        return call.outputs.map { type in
            defer { offset += type.shape[axis] * strides[axis] }
            return part(of: input, StridedView(offset: offset, strides: strides), as: type)
        }
    }

    /// The elements of `view` in the index space of `type`.
    private static func part(of input: Tensor, _ view: StridedView, as type: TensorType) -> Tensor {
        var result = Tensor(zeros: type)
        result.copy(type.shape.dimensions, to: StridedView(strides: type.shape.strides), from: input, view)
        return result
    }

    static func slice(_ call: Invocation) throws -> Tensor {
        let input = try call.input(0)
        let strides = input.shape.strides
        let begin = try call.integers(1)
        let type = try call.output()
        guard begin.count == input.shape.rank, type.shape.rank == input.shape.rank,
            input.shape.dimensions.indices.allSatisfy({
                begin[$0] >= 0 && begin[$0] <= input.shape[$0] - type.shape[$0]
            })
        else { throw Diagnostic(.badData, at: call.name, "begin \(begin) for \(input.shape)") }
        return part(of: input, StridedView(offset: dot(begin, strides), strides: strides), as: type)
    }

    static func stridedSlice(_ op: StridedSlice, _ call: Invocation) throws -> Tensor {
        let input = try call.input(0)
        let strides = input.shape.strides
        guard
            let slice = ResolvedSlice(
                op, input: input.shape, begin: try call.integers(1), end: try call.integers(2),
                strides: try call.integers(3))
        else { throw Diagnostic(.badData, at: call.name, "the slice does not fit \(input.shape)") }
        var result = Tensor(zeros: try call.output())
        // A step beyond the extent would overflow; it is never taken, since such an axis has one index.
        let steps = slice.step.indices.map { slice.count[$0] > 1 ? strides[$0] * slice.step[$0] : 0 }
        guard !slice.count.contains(0) else { return result }
        result.copy(
            slice.count, to: StridedView(strides: Shape(slice.count).strides), from: input,
            StridedView(offset: dot(slice.begin, strides), strides: steps))
        return result
    }

    /// PAD and PADV2. Without a value operand, the pad value is the code of real 0.
    static func pad(_ call: Invocation) throws -> Tensor {
        let input = try call.input(0)
        let value = try call.optional(2) ?? zero(of: try call.output())
        let paddings = try call.integers(1)
        let before = input.shape.dimensions.indices.map { 2 * $0 < paddings.count ? paddings[2 * $0] : 0 }
        return try padded(input, before: before, value: value, as: try call.output(), call)
    }

    private static func padded(
        _ input: Tensor, before: [Int], value: Tensor, as type: TensorType, _ call: Invocation
    ) throws -> Tensor {
        guard value.count > 0, value.elementType == input.elementType else { throw call.unsupported("this pad value") }
        var result = Tensor(zeros: type)
        result.fill(with: value)
        let strides = type.shape.strides
        result.copy(
            input.shape.dimensions, to: StridedView(offset: dot(before, strides), strides: strides), from: input,
            StridedView(strides: input.shape.strides))
        return result
    }

    /// A scalar of the type's code for real 0: the zero point of quantised types.
    private static func zero(of type: TensorType) -> Tensor {
        let zeroPoint = type.quantization?.zeroPoint ?? 0
        switch type.elementType {
        case .int8, .int4: return Tensor([Int8(truncatingIfNeeded: zeroPoint)], shape: [], as: type.elementType)
        case .uint8: return Tensor([UInt8(truncatingIfNeeded: zeroPoint)], shape: [])
        case .int16: return Tensor([Int16(truncatingIfNeeded: zeroPoint)], shape: [])
        default: return Tensor(zeros: TensorType(type.elementType, []))
        }
    }

    /// Mirrors one axis after the other.
    static func mirrorPad(_ mode: MirrorPadMode, _ call: Invocation) throws -> Tensor {
        let paddings = try call.integers(1)
        var current = try call.input(0)
        for axis in current.shape.dimensions.indices where 2 * axis + 1 < paddings.count {
            let (before, after) = (paddings[2 * axis], paddings[2 * axis + 1])
            guard before > 0 || after > 0 else { continue }
            let extent = current.shape[axis]
            let border = mode == .reflect ? 1 : 0
            guard before + border <= extent, after + border <= extent else {
                throw Diagnostic(.badData, at: call.name, "paddings \(paddings) for \(current.shape)")
            }
            var wider = current.shape
            wider[axis] += before + after
            var result = Tensor(zeros: current.type.with(shape: wider))
            let (to, from) = (wider.strides, current.shape.strides)
            var backwards = from
            backwards[axis] = -from[axis]
            var edge = current.shape.dimensions
            result.copy(
                edge, to: StridedView(offset: before * to[axis], strides: to), from: current, StridedView(strides: from)
            )
            edge[axis] = before
            result.copy(
                edge, to: StridedView(strides: to), from: current,
                StridedView(offset: (before - 1 + border) * from[axis], strides: backwards))
            edge[axis] = after
            result.copy(
                edge, to: StridedView(offset: (before + extent) * to[axis], strides: to), from: current,
                StridedView(offset: (extent - 1 - border) * from[axis], strides: backwards))
            current = result
        }
        return current.retyped(try call.output())
    }

    static func pack(axis: Int, count: Int, _ call: Invocation) throws -> Tensor {
        var result = Tensor(zeros: try call.output())
        guard let axis = result.shape.normalizedAxis(axis) else { throw call.unsupported("axis \(axis)") }
        var strides = result.shape.strides
        let step = strides.remove(at: axis)
        for index in call.inputs.indices {
            let part = try call.input(index)
            result.copy(
                part.shape.dimensions, to: StridedView(offset: index * step, strides: strides), from: part,
                StridedView(strides: part.shape.strides))
        }
        return result
    }

    static func unpack(axis: Int, count: Int, _ call: Invocation) throws -> [Tensor] {
        let input = try call.input(0)
        guard let axis = input.shape.normalizedAxis(axis) else { throw call.unsupported("axis \(axis)") }
        var strides = input.shape.strides
        let step = strides.remove(at: axis)
        return call.outputs.enumerated().map { index, type in
            part(of: input, StridedView(offset: index * step, strides: strides), as: type)
        }
    }

    static func tile(_ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let multiples = try call.integers(1)
        var result = Tensor(zeros: type)
        let (to, from) = (type.shape.strides, input.shape.strides)
        guard multiples.count == input.shape.rank else { throw call.unsupported("multiples \(multiples)") }
        // Every axis becomes two: the copy and the place in it.
        let axes = multiples.indices
        result.copy(
            axes.flatMap { [multiples[$0], input.shape[$0]] },
            to: StridedView(strides: axes.flatMap { [to[$0] * input.shape[$0], to[$0]] }), from: input,
            StridedView(strides: axes.flatMap { [0, from[$0]] }))
        return result
    }

    static func broadcastTo(_ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        return part(of: input, StridedView(strides: input.shape.broadcastStrides(to: type.shape)), as: type)
    }

    static func reverse(_ call: Invocation) throws -> Tensor {
        let input = try call.input(0)
        guard input.count > 0 else { return input.retyped(try call.output()) }
        var view = StridedView(strides: input.shape.strides)
        for axis in Set(try call.integers(1).compactMap(input.shape.normalizedAxis)) {
            view.offset += (input.shape[axis] - 1) * view.strides[axis]
            view.strides[axis].negate()
        }
        return part(of: input, view, as: try call.output())
    }

    /// Channels are (row in block, column in block, channel), as in TFLite.
    static func depthToSpace(blockSize: Int, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let s = input.shape
        let blocks = input.retyped(
            input.type.with(shape: [s[0], s[1], s[2], blockSize, blockSize, s[3] / (blockSize * blockSize)]))
        return permuted(blocks, [0, 1, 3, 2, 4, 5], as: type)
    }

    static func spaceToDepth(blockSize: Int, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let s = input.shape
        let blocks = input.retyped(
            input.type.with(shape: [s[0], s[1] / blockSize, blockSize, s[2] / blockSize, blockSize, s[3]]))
        return permuted(blocks, [0, 1, 3, 2, 4, 5], as: type)
    }

    static func batchToSpaceND(_ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (blocks, crops) = (try call.integers(1), try call.integers(2))
        let (n, shape) = (blocks.count, input.shape.dimensions)
        let batch = shape[0] / max(blocks.reduce(1, *), 1)
        let divided = input.retyped(input.type.with(shape: Shape(blocks + [batch] + shape.dropFirst())))
        let order = [n] + (0..<n).flatMap { [n + 1 + $0, $0] } + Array((2 * n + 1)..<(n + shape.count))
        let whole = Shape([batch] + (0..<n).map { shape[$0 + 1] * blocks[$0] } + shape.dropFirst(n + 1))
        let joined = permuted(divided, order, as: input.type.with(shape: whole))
        let begin = whole.dimensions.indices.map { 1...n ~= $0 ? crops[2 * ($0 - 1)] : 0 }
        return part(of: joined, StridedView(offset: dot(begin, whole.strides), strides: whole.strides), as: type)
    }

    static func spaceToBatchND(_ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (blocks, paddings) = (try call.integers(1), try call.integers(2))
        let (n, shape) = (blocks.count, input.shape.dimensions)
        let whole = Shape(
            shape.indices.map {
                1...n ~= $0 ? shape[$0] + paddings[2 * ($0 - 1)] + paddings[2 * ($0 - 1) + 1] : shape[$0]
            })
        let before = shape.indices.map { 1...n ~= $0 ? paddings[2 * ($0 - 1)] : 0 }
        let wider = try padded(input, before: before, value: zero(of: type), as: type.with(shape: whole), call)
        let spatial = (0..<n).flatMap { [whole[$0 + 1] / blocks[$0], blocks[$0]] }
        let divided = wider.retyped(
            wider.type.with(shape: Shape([shape[0]] + spatial + shape.dropFirst(n + 1))))
        let order =
            (0..<n).map { 2 * $0 + 2 } + [0] + (0..<n).map { 2 * $0 + 1 }
            + Array((2 * n + 1)..<divided.shape.rank)
        return permuted(divided, order, as: type)
    }

    static func shape(_ call: Invocation) throws -> Tensor {
        let (dimensions, type) = (try call.input(0).shape.dimensions, try call.output())
        switch type.elementType {
        case .int32: return Tensor(dimensions.map { Int32(clamping: $0) }, shape: type.shape)
        case .int64: return Tensor(dimensions.map { Int64($0) }, shape: type.shape)
        default: throw call.unsupported("a shape of \(type.elementType.rawValue)")
        }
    }

    static func fill(_ call: Invocation) throws -> Tensor {
        let value = try call.input(1)
        guard value.count > 0 else { throw Diagnostic(.badData, at: call.name, "the value is empty") }
        var result = Tensor(zeros: try call.output())
        result.fill(with: value)
        return result
    }

    /// RANGE. Like LiteRT's, values are summed up one after the other.
    static func range(_ call: Invocation) throws -> Tensor {
        try call.inSinglePrecision { call in
            try withNumber(try call.output().elementType, RangeKernel(call: call)) ?? { throw call.unsupported() }()
        }
    }

    private struct RangeKernel: NumberKernel {
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> Tensor {
            let bounds = try (0..<3).map { try call.input($0).elements(of: T.self) }
            guard var value = bounds[0].first, let delta = bounds[2].first else { throw call.unsupported() }
            var result = Tensor(zeros: try call.output())
            result.withMutableElements(of: T.self) { output in
                for index in output.indices {
                    output[index] = value
                    value = value.adding(delta)
                }
            }
            return result
        }
    }

    private static func dot(_ a: [Int], _ b: [Int]) -> Int { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
}
