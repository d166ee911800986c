import TensorCore

/// STRIDED_SLICE. Operands: input, begin, end, strides int32 `[rank]` (constant). Bit i of a mask speaks of entry i.
public struct StridedSlice: Sendable, Hashable {
    public var beginMask: Int
    public var endMask: Int
    public var ellipsisMask: Int
    public var newAxisMask: Int
    public var shrinkAxisMask: Int
    /// End entries count from begin (TFLite's `offset`).
    public var offset: Bool
    public init(
        beginMask: Int = 0, endMask: Int = 0, ellipsisMask: Int = 0, newAxisMask: Int = 0, shrinkAxisMask: Int = 0,
        offset: Bool = false
    ) {
        self.beginMask = beginMask
        self.endMask = endMask
        self.ellipsisMask = ellipsisMask
        self.newAxisMask = newAxisMask
        self.shrinkAxisMask = shrinkAxisMask
        self.offset = offset
    }
}

public enum MirrorPadMode: String, Sendable, Hashable {
    /// The border element is not repeated.
    case reflect
    /// The border element is repeated.
    case symmetric
}

/// A strided slice with its masks resolved: one range for every input axis.
public struct ResolvedSlice: Sendable, Hashable {
    /// First index of every axis.
    public var begin: [Int]
    /// Signed step of every axis.
    public var step: [Int]
    /// Number of indices of every axis.
    public var count: [Int]
    /// The shape after new axes are inserted and shrunk ones removed.
    public var output: Shape

    /// Resolves negative indices, clamping and masks as TFLite does; nil when the entries do not fit the shape.
    ///
    /// Source: LiteRT `StridedSliceParams` handling (kernels/strided_slice.cc, internal/strided_slice_logic.h).
    public init?(_ op: StridedSlice, input: Shape, begin: [Int], end: [Int], strides: [Int]) {
        guard begin.count == end.count, begin.count == strides.count, begin.count <= 32 else { return nil }
        self.begin = []
        step = []
        count = []
        var output: [Int] = []
        var axis = 0
        let newAxes = begin.indices.filter { op.newAxisMask >> $0 & 1 == 1 }.count
        let ellipsis = begin.indices.first { op.ellipsisMask >> $0 & 1 == 1 }
        var whole = input.rank - (begin.count - newAxes - (ellipsis == nil ? 0 : 1))
        guard whole >= 0 else { return nil }
        func keepWhole(_ resolved: inout ResolvedSlice) {
            resolved.begin.append(0)
            resolved.step.append(1)
            resolved.count.append(input[axis])
            output.append(input[axis])
            axis += 1
        }
        self.output = []
        for i in begin.indices {
            if i == ellipsis {
                while whole > 0 {
                    keepWhole(&self)
                    whole -= 1
                }
                continue
            }
            if op.newAxisMask >> i & 1 == 1 {
                output.append(1)
                continue
            }
            guard axis < input.rank, strides[i] != 0 else { return nil }
            let extent = input[axis]
            let stride = strides[i]
            let shrink = op.shrinkAxisMask >> i & 1 == 1
            func clamped(_ index: Int) -> Int {
                let positive = index < 0 ? index + extent : index
                return stride > 0 ? min(max(positive, 0), extent) : min(max(positive, -1), extent - 1)
            }
            var first = op.beginMask >> i & 1 == 1 ? (stride > 0 ? 0 : extent - 1) : clamped(begin[i])
            if shrink {
                first = begin[i] < 0 ? begin[i] + extent : begin[i]
                guard op.beginMask >> i & 1 == 0 || begin[i] == 0, first >= 0, first < extent else { return nil }
                self.begin.append(first)
                step.append(1)
                count.append(1)
            } else {
                let (last, overflow) = op.offset ? begin[i].addingReportingOverflow(end[i]) : (end[i], false)
                guard !overflow else { return nil }
                let stop = op.endMask >> i & 1 == 1 ? (stride > 0 ? extent : -1) : clamped(last)
                let span = stride > 0 ? stop - first : first - stop
                let magnitude = Int(clamping: stride.magnitude)
                let steps = span <= 0 ? 0 : (span - 1) / magnitude + 1
                self.begin.append(first)
                step.append(stride)
                count.append(steps)
                output.append(steps)
            }
            axis += 1
        }
        while axis < input.rank { keepWhole(&self) }
        self.output = Shape(output)
    }
}

extension Inference {
    static func reshape(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        var target = try operands.integers(1)
        if let unknown = target.firstIndex(of: -1) {
            let known = target.enumerated().reduce(1) {
                $1.offset == unknown ? $0 : $0.multipliedSaturating(by: $1.element)
            }
            guard known > 0, input.shape.elementCount % known == 0 else {
                throw mismatch("\(input.shape) cannot be reshaped to \(target)")
            }
            target[unknown] = input.shape.elementCount / known
        }
        guard Shape(target).checkedElementCount() == input.shape.elementCount else {
            throw mismatch("\(input.shape) cannot be reshaped to \(target)")
        }
        return [input.with(shape: Shape(target))]
    }

    static func transpose(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let permutation = try operands.integers(1).map { $0 < 0 ? $0 + input.shape.rank : $0 }
        guard permutation.sorted() == Array(0..<input.shape.rank) else {
            throw mismatch("\(permutation) does not permute \(input.shape)")
        }
        return [input.with(shape: Shape(permutation.map { input.shape[$0] }))]
    }

    static func concatenation(axis: Int, _ operands: Operands) throws -> [TensorType] {
        let first = try operands.type(0)
        guard let axis = first.shape.normalizedAxis(axis) else { throw mismatch("axis \(axis) of \(first.shape)") }
        var shape = first.shape
        for i in operands.types.indices.dropFirst() {
            let next = try operands.type(i)
            guard next.shape.rank == shape.rank, next.elementType == first.elementType,
                shape.dimensions.indices.allSatisfy({ $0 == axis || next.shape[$0] == shape[$0] })
            else { throw mismatch("\(next) cannot be joined to \(first) at axis \(axis)") }
            shape[axis] += next.shape[axis]
        }
        return [first.with(shape: shape)]
    }

    /// Operands: axis (constant scalar), input.
    static func split(count: Int, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(1)
        let requested = try operands.scalar(0)
        guard let axis = input.shape.normalizedAxis(requested), count > 0, count <= 1 << 16,
            input.shape[axis] % count == 0
        else { throw mismatch("\(input.shape) cannot be split into \(count) at axis \(requested)") }
        var shape = input.shape
        shape[axis] /= count
        return [TensorType](repeating: input.with(shape: shape), count: count)
    }

    /// Operands: input, sizes (constant), axis (constant scalar).
    static func splitV(count: Int, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let requested = try operands.scalar(2)
        var sizes = try operands.integers(1)
        guard let axis = input.shape.normalizedAxis(requested), sizes.count == count else {
            throw mismatch("\(input.shape) cannot be split into \(sizes) at axis \(requested)")
        }
        if let rest = sizes.firstIndex(of: -1) {
            sizes[rest] = 0
            sizes[rest] = input.shape[axis] - sizes.reduce(0) { $0 &+ $1 }
        }
        guard sizes.allSatisfy({ 0...input.shape[axis] ~= $0 }), sizes.reduce(0, +) == input.shape[axis] else {
            throw mismatch("\(input.shape) cannot be split into \(sizes) at axis \(axis)")
        }
        return sizes.map { size in
            var shape = input.shape
            shape[axis] = size
            return input.with(shape: shape)
        }
    }

    /// Operands: input, begin, size (both constant; a size of -1 reaches the end).
    static func slice(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let begin = try operands.integers(1)
        let size = try operands.integers(2)
        guard begin.count == input.shape.rank, size.count == input.shape.rank else {
            throw mismatch("begin \(begin) and size \(size) for \(input.shape)")
        }
        var shape = input.shape
        for axis in begin.indices {
            guard 0...input.shape[axis] ~= begin[axis], size[axis] >= -1 else {
                throw mismatch("begin \(begin) and size \(size) for \(input.shape)")
            }
            let rest = input.shape[axis] - begin[axis]
            shape[axis] = size[axis] == -1 ? rest : size[axis]
            guard shape[axis] <= rest else { throw mismatch("begin \(begin) and size \(size) for \(input.shape)") }
        }
        return [input.with(shape: shape)]
    }

    static func stridedSlice(_ op: StridedSlice, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let (begin, end, strides) = (try operands.integers(1), try operands.integers(2), try operands.integers(3))
        guard let resolved = ResolvedSlice(op, input: input.shape, begin: begin, end: end, strides: strides) else {
            throw mismatch("slice \(begin) to \(end) by \(strides) of \(input.shape)")
        }
        return [input.with(shape: resolved.output)]
    }

    /// PAD, PADV2 and MIRROR_PAD. Operands: input, paddings `[rank, 2]` (constant), for PADV2 the value.
    static func pad(_ operands: Operands, mirrored: MirrorPadMode? = nil) throws -> [TensorType] {
        let input = try operands.type(0)
        let paddings = try operands.integers(1)
        guard paddings.count == 2 * input.shape.rank else { throw mismatch("paddings \(paddings) for \(input.shape)") }
        var shape = input.shape
        for axis in shape.dimensions.indices {
            let (before, after) = (paddings[2 * axis], paddings[2 * axis + 1])
            let limit = mirrored.map { input.shape[axis] - ($0 == .reflect ? 1 : 0) } ?? 1 << 40
            guard 0...max(limit, 0) ~= before, 0...max(limit, 0) ~= after else {
                throw mismatch("paddings \(paddings) for \(input.shape)")
            }
            shape[axis] += before + after
        }
        return [input.with(shape: shape)]
    }

    static func pack(axis: Int, _ operands: Operands) throws -> [TensorType] {
        let first = try operands.type(0)
        let position = axis < 0 ? axis + first.shape.rank + 1 : axis
        guard 0...first.shape.rank ~= position else { throw mismatch("axis \(axis) for \(first.shape)") }
        for i in operands.types.indices {
            let next = try operands.type(i)
            guard next.shape == first.shape, next.elementType == first.elementType else {
                throw mismatch("\(next) cannot be packed with \(first)")
            }
        }
        var dimensions = first.shape.dimensions
        dimensions.insert(operands.types.count, at: position)
        return [first.with(shape: Shape(dimensions))]
    }

    static func unpack(axis: Int, count: Int, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        guard let axis = input.shape.normalizedAxis(axis), input.shape[axis] == count, count <= 1 << 16 else {
            throw mismatch("\(input.shape) cannot be unpacked into \(count) at axis \(axis)")
        }
        var dimensions = input.shape.dimensions
        dimensions.remove(at: axis)
        return [TensorType](repeating: input.with(shape: Shape(dimensions)), count: count)
    }

    static func expandDims(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let axis = try operands.scalar(1)
        let position = axis < 0 ? axis + input.shape.rank + 1 : axis
        guard 0...input.shape.rank ~= position else { throw mismatch("axis \(axis) for \(input.shape)") }
        var dimensions = input.shape.dimensions
        dimensions.insert(1, at: position)
        return [input.with(shape: Shape(dimensions))]
    }

    /// No axes means all of extent 1.
    static func squeeze(axes: [Int], _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let chosen = try Set(
            axes.map { axis in
                guard let axis = input.shape.normalizedAxis(axis), input.shape[axis] == 1 else {
                    throw mismatch("axis \(axis) of \(input.shape) is not 1")
                }
                return axis
            })
        return [
            input.with(
                shape: Shape(
                    input.shape.dimensions.enumerated().filter {
                        axes.isEmpty ? $0.element != 1 : !chosen.contains($0.offset)
                    }.map(\.element)))
        ]
    }

    static func tile(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let multiples = try operands.integers(1)
        guard multiples.count == input.shape.rank, multiples.allSatisfy({ $0 >= 0 }) else {
            throw mismatch("multiples \(multiples) for \(input.shape)")
        }
        let shape = Shape(zip(input.shape.dimensions, multiples).map { $0.multipliedSaturating(by: $1) })
        return [input.with(shape: shape)]
    }

    static func broadcastTo(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let target = try operands.shapeOperand(1)
        guard Shape.broadcast(input.shape, target) == target else { throw mismatch("\(input.shape) to \(target)") }
        return [input.with(shape: target)]
    }

    static func reverse(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        _ = try operands.axes(1, rank: input.shape.rank)
        return [input]
    }

    static func depthToSpace(_ block: Int, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0, rank: 4)
        guard 1..<1 << 15 ~= block, input.shape[3] % (block * block) == 0 else {
            throw mismatch("blocks of \(block) from \(input.shape)")
        }
        return [
            input.with(
                shape: [
                    input.shape[0], input.shape[1] * block, input.shape[2] * block, input.shape[3] / (block * block),
                ])
        ]
    }

    static func spaceToDepth(_ block: Int, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0, rank: 4)
        guard 1..<1 << 15 ~= block, input.shape[1] % block == 0, input.shape[2] % block == 0 else {
            throw mismatch("blocks of \(block) from \(input.shape)")
        }
        return [
            input.with(
                shape: [
                    input.shape[0], input.shape[1] / block, input.shape[2] / block, input.shape[3] * block * block,
                ])
        ]
    }

    /// Operands: input, block shape `[n]`, crops or paddings `[n, 2]` (constant).
    static func spaceBatch(toBatch: Bool, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let blocks = try operands.integers(1)
        let edges = try operands.integers(2)
        guard blocks.count < input.shape.rank, edges.count == 2 * blocks.count,
            blocks.allSatisfy({ 1..<1 << 15 ~= $0 }), edges.allSatisfy({ 0..<1 << 30 ~= $0 })
        else { throw mismatch("blocks \(blocks) and edges \(edges) for \(input.shape)") }
        var shape = input.shape
        let product = blocks.reduce(1) { $0.multipliedSaturating(by: $1) }
        if toBatch {
            shape[0] = shape[0].multipliedSaturating(by: product)
        } else {
            guard shape[0] % product == 0 else { throw mismatch("blocks \(blocks) for \(input.shape)") }
            shape[0] /= product
        }
        for (i, block) in blocks.enumerated() {
            let edge = edges[2 * i] + edges[2 * i + 1]
            let extent = toBatch ? shape[i + 1] + edge : shape[i + 1].multipliedSaturating(by: block) - edge
            guard extent >= 0, !toBatch || extent % block == 0 else {
                throw mismatch("blocks \(blocks) and edges \(edges) for \(input.shape)")
            }
            shape[i + 1] = toBatch ? extent / block : extent
        }
        return [input.with(shape: shape)]
    }

    /// Operands: dims (constant), value (scalar).
    static func fill(_ operands: Operands) throws -> [TensorType] {
        [try operands.type(1).with(shape: try operands.shapeOperand(0))]
    }

    /// Operands: start, limit, delta (constant scalars).
    static func range(_ operands: Operands) throws -> [TensorType] {
        let type = try operands.type(0)
        let bounds = try (0..<3).map { i -> Double in
            guard let value = try operands.constant(i).doubles().first else { throw mismatch("a bound is empty") }
            return value
        }
        guard bounds[2] != 0, bounds.allSatisfy(\.isFinite) else { throw mismatch("range \(bounds)") }
        let count = ((bounds[1] - bounds[0]) / bounds[2]).rounded(.up)
        guard count < 1e9 else { throw mismatch("range \(bounds) has too many elements") }
        return [TensorType(type.elementType, [max(0, Int(count))])]
    }
}

extension Int {
    /// The product, or `Int.max` when it overflows.
    func multipliedSaturating(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
