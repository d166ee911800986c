import GraphIR
import Operators
import TensorCore

/// Operators that give the same elements another shape or order.
enum Layouts {
    static let mappings: [String: Mapping] = [
        "Reshape": reshape,
        "Flatten": flatten,
        "Squeeze": squeeze,
        "Unsqueeze": unsqueeze,
        "Transpose": transpose,
        "Concat": concatenate,
        "Expand": expand,
        "Tile": tile,
        "DepthToSpace": depthToSpace,
        "SpaceToDepth": spaceToDepth,
        "Trilu": triangle,
    ]

    private static func reshape(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        var target = try builder.constantIntegers(node.input(1), "the shape")
        if try node.int("allowzero", default: 0) == 0 {
            for axis in target.indices where target[axis] == 0 {
                guard axis < shape.rank else { throw node.bad("\(shape) cannot be reshaped to \(target)") }
                target[axis] = shape[axis]
            }
        }
        if let unknown = target.firstIndex(of: -1) {
            target[unknown] = 1
            guard let known = Shape(target).checkedElementCount(), known > 0, shape.elementCount % known == 0 else {
                throw node.bad("\(shape) cannot be reshaped to \(target)")
            }
            target[unknown] = shape.elementCount / known
        }
        guard Shape(target).checkedElementCount() == shape.elementCount else {
            throw node.bad("\(shape) cannot be reshaped to \(target)")
        }
        return [try builder.reshape(value, target)]
    }

    private static func flatten(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        let requested = try node.int("axis", default: 1)
        let axis = requested < 0 ? requested + shape.rank : requested
        guard 0...shape.rank ~= axis else { throw node.bad("axis \(requested) does not fit \(shape)") }
        return [
            try builder.reshape(
                value,
                [shape.dimensions.prefix(axis).reduce(1, *), shape.dimensions.dropFirst(axis).reduce(1, *)])
        ]
    }

    /// The axes, which are an attribute up to operator set 12 and an operand from 13 on.
    private static func axes(_ node: NodeContext, _ builder: GraphBuilder) throws -> [Int]? {
        if let operand = node.optional(1) { return try builder.constantIntegers(operand, "the axes") }
        return try node.ints("axes")
    }

    private static func squeeze(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        let chosen = try axes(node, builder)?.map { axis -> Int in
            guard let axis = shape.normalizedAxis(axis), shape[axis] == 1 else {
                throw node.bad("axis \(axis) of \(shape) is not 1")
            }
            return axis
        }
        let kept = shape.dimensions.indices.filter { axis in
            chosen.map { !$0.contains(axis) } ?? (shape[axis] != 1)
        }
        return [try builder.reshape(value, kept.map { shape[$0] })]
    }

    private static func unsqueeze(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        guard let axes = try axes(node, builder) else { throw node.bad("its axes are missing") }
        let rank = builder.shape(value).rank + axes.count
        let positions = Set(axes.map { $0 < 0 ? $0 + rank : $0 })
        guard positions.count == axes.count, positions.allSatisfy({ 0..<rank ~= $0 }) else {
            throw node.bad("axes \(axes) do not fit \(builder.shape(value))")
        }
        var rest = builder.shape(value).dimensions[...]
        return [try builder.reshape(value, (0..<rank).map { positions.contains($0) ? 1 : rest.removeFirst() })]
    }

    private static func transpose(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let rank = builder.shape(value).rank
        let permutation = try node.ints("perm") ?? Array((0..<rank).reversed())
        guard permutation.sorted() == Array(0..<rank) else {
            throw node.bad("\(permutation) does not permute \(builder.shape(value))")
        }
        return [try builder.transpose(value, permutation)]
    }

    private static func concatenate(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let values = try node.allInputs()
        guard let requested = try node.int("axis"), let axis = builder.shape(values[0]).normalizedAxis(requested)
        else { throw node.bad("its axis does not fit \(builder.shape(values[0]))") }
        return [try builder.concatenate(values, axis: axis)]
    }

    private static func expand(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let requested = try TensorReader.checkedShape(
            builder.constantIntegers(node.input(1), "the shape"), at: "")
        guard let target = Shape.broadcast(builder.shape(value), requested) else {
            throw node.bad("\(builder.shape(value)) does not broadcast to \(requested)")
        }
        return [try builder.broadcast(value, to: target)]
    }

    private static func tile(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let repeats = try builder.constantIntegers(node.input(1), "the repeats")
        if repeats.allSatisfy({ $0 == 1 }), repeats.count == builder.shape(value).rank { return [value] }
        return [try builder.emit1(.tile, [value, builder.int32s(repeats)])]
    }

    // MARK: Blocks

    private static func block(_ node: NodeContext) throws -> Int {
        guard let block = try node.int("blocksize"), 1...1 << 12 ~= block else {
            throw node.bad("its block size is missing or absurd")
        }
        return block
    }

    /// Depth-column-row order is TFLite's; column-row-depth is brought into it by sorting the channels first.
    private static func depthToSpace(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        var value = try node.input(0)
        let block = try block(node)
        let shape = builder.shape(value)
        guard shape.rank == 4, shape[1] % (block * block) == 0 else {
            throw node.bad("blocks of \(block) do not fit \(shape)")
        }
        if try node.string("mode", default: "DCR") == "CRD" {
            try builder.checkTable(shape[1], "sorting channels")
            let (depth, area) = (shape[1] / (block * block), block * block)
            value = try builder.gather(value, axis: 1, (0..<shape[1]).map { $0 % depth * area + $0 / depth })
        }
        let result = try builder.emit1(.depthToSpace(blockSize: block), [builder.channelsLast(value)])
        return [try builder.channelsFirst(result)]
    }

    private static func spaceToDepth(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        guard builder.shape(value).rank == 4 else { throw node.bad("its operand must have four axes") }
        let result = try builder.emit1(.spaceToDepth(blockSize: block(node)), [builder.channelsLast(value)])
        return [try builder.channelsFirst(result)]
    }

    /// Keeps the upper or lower triangle of every matrix and puts zeros elsewhere.
    private static func triangle(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard shape.rank >= 2 else { throw node.bad("its operand must have two axes at least") }
        let diagonal = try node.optional(1).map { try builder.constantInteger($0, "the diagonal") } ?? 0
        let upper = try node.int("upper", default: 1) != 0
        let (rows, columns) = (shape[-2], shape[-1])
        try builder.checkTable(rows * columns, "a triangle")
        let offset = min(max(diagonal, -rows - 1), columns + 1)
        let mask = (0..<rows).flatMap { row in
            (0..<columns).map { upper ? $0 - row >= offset : $0 - row <= offset }
        }
        let condition = builder.constant(Tensor(mask, shape: [rows, columns]))
        return [try builder.select(condition, value, builder.number(0, like: value))]
    }
}
