import GraphIR
import Operators
import TensorCore

/// Reductions over axes, extremal indices, sorting and running sums.
enum Reductions {
    static let mappings: [String: Mapping] = [
        "ReduceSum": { try [sum($0, $1) { $0 }] },
        "ReduceMean": { try [reduce($0, $1) { try mean($0, $1, keep: $2, $3) }] },
        "ReduceMax": { try [reduce($0, $1) { try extremum(.max, $0, $1, keep: $2, $3) }] },
        "ReduceMin": { try [reduce($0, $1) { try extremum(.min, $0, $1, keep: $2, $3) }] },
        "ReduceProd": { try [reduce($0, $1) { try plain(.product, $0, $1, keep: $2, $3) }] },
        "ReduceL1": { node, builder in try [sum(node, builder) { try builder.unary(.abs, $0) }] },
        "ReduceL2": { node, builder in
            try [root(sum(node, builder) { try builder.square($0) }, builder)]
        },
        "ReduceSumSquare": { node, builder in try [sum(node, builder) { try builder.square($0) }] },
        "ReduceLogSum": { node, builder in
            let total = try sum(node, builder) { try builder.cast($0, to: .float32) }
            return [try builder.unary(.log, total)]
        },
        "ReduceLogSumExp": { try [reduce($0, $1) { try logSumExp($0, $1, keep: $2, $3) }] },
        "ArgMax": { try argument($0, $1, .max) },
        "ArgMin": { try argument($0, $1, .min) },
        "TopK": topK,
        "CumSum": cumulativeSum,
    ]

    typealias Body = (ValueID, [Int], Bool, GraphBuilder) throws -> ValueID

    /// Finds the axes, which are an attribute in old operator sets and an operand in new ones.
    private static func reduce(_ node: NodeContext, _ builder: GraphBuilder, _ body: Body) throws -> ValueID {
        let value = try node.input(0)
        let rank = builder.shape(value).rank
        var axes = try node.ints("axes")
        if let operand = node.optional(1) { axes = try builder.constantIntegers(operand, "the axes") }
        if axes?.isEmpty ?? true {
            if try node.int("noop_with_empty_axes", default: 0) != 0 { return try body(value, [], true, builder) }
            axes = Array(0..<rank)
        }
        let normalized = try Set(
            (axes ?? []).map { axis in
                guard let axis = builder.shape(value).normalizedAxis(axis) else {
                    throw node.bad("axis \(axis) of \(rank) axes")
                }
                return axis
            })
        return try body(value, normalized.sorted(), node.int("keepdims", default: 1) != 0, builder)
    }

    private static func sum(
        _ node: NodeContext, _ builder: GraphBuilder, of function: (ValueID) throws -> ValueID
    ) throws -> ValueID {
        try reduce(node, builder) { value, axes, keep, builder in
            try plain(.sum, function(value), axes, keep: keep, builder)
        }
    }

    private static func plain(
        _ kind: Reduction.Kind, _ value: ValueID, _ axes: [Int], keep: Bool, _ builder: GraphBuilder
    ) throws -> ValueID {
        if axes.isEmpty { return value }
        if builder.shape(value).elementCount == 0 {
            return try empty(value, axes, keep: keep, kind == .product ? 1 : 0, builder)
        }
        return try builder.widened([value], native: GraphBuilder.arithmeticTypes) {
            try builder.reduce(kind, $0[0], axes, keep: keep)
        }
    }

    private static func mean(_ value: ValueID, _ axes: [Int], keep: Bool, _ builder: GraphBuilder) throws -> ValueID {
        try builder.widened([value], native: [.float32, .int32, .int64]) {
            try builder.reduce(.mean, $0[0], axes, keep: keep)
        }
    }

    private static func root(_ value: ValueID, _ builder: GraphBuilder) throws -> ValueID {
        let type = builder.elementType(value)
        return try builder.cast(builder.unary(.sqrt, builder.cast(value, to: .float32)), to: type)
    }

    private static func extremum(
        _ kind: Reduction.Kind, _ value: ValueID, _ axes: [Int], keep: Bool, _ builder: GraphBuilder
    ) throws -> ValueID {
        if axes.isEmpty { return value }
        let type = builder.elementType(value)
        if builder.shape(value).elementCount == 0 {
            return try empty(value, axes, keep: keep, kind == .max ? -.infinity : .infinity, builder)
        }
        if type == .bool { return try builder.reduce(kind == .max ? .any : .all, value, axes, keep: keep) }
        return try builder.widened([value], native: [.float32, .int32, .int64, .int8, .uint8]) {
            try builder.reduce(kind, $0[0], axes, keep: keep)
        }
    }

    /// The neutral element in the shape of a reduction over nothing.
    private static func empty(
        _ value: ValueID, _ axes: [Int], keep: Bool, _ neutral: Double, _ builder: GraphBuilder
    ) throws -> ValueID {
        let shape = builder.shape(value)
        let dimensions = shape.dimensions.indices.compactMap { axes.contains($0) ? (keep ? 1 : nil) : shape[$0] }
        return try builder.fill(Shape(dimensions), with: builder.number(neutral, like: value))
    }

    /// log of the sum of exponentials, taken from the largest element.
    private static func logSumExp(
        _ value: ValueID, _ axes: [Int], keep: Bool, _ builder: GraphBuilder
    ) throws -> ValueID {
        let type = builder.elementType(value)
        let value = try builder.cast(value, to: .float32)
        guard builder.shape(value).elementCount > 0 else {
            return try builder.cast(empty(value, axes, keep: keep, -.infinity, builder), to: type)
        }
        guard !axes.isEmpty else { return value }
        let largest = try builder.reduce(.max, value, axes, keep: true)
        let exponentials = try builder.unary(.exp, builder.sub(value, largest))
        let total = try builder.reduce(.sum, exponentials, axes, keep: keep)
        let offset = try builder.reshape(largest, builder.shape(total).dimensions)
        return try builder.cast(builder.add(builder.unary(.log, total), offset), to: type)
    }

    private static func argument(
        _ node: NodeContext, _ builder: GraphBuilder, _ kind: ArgumentReduction.Kind
    ) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard let axis = shape.normalizedAxis(try node.int("axis", default: 0)) else {
            throw node.bad("its axis does not fit \(shape)")
        }
        node.resultTypes[0] = .int64
        let last = try node.int("select_last_index", default: 0) != 0
        let source = last ? try builder.emit1(.reverse, [value, builder.int32s([axis])]) : value
        var result = try builder.widened([source], native: [.float32, .int32, .int64, .int8, .uint8], restores: false) {
            try builder.argument(kind, $0[0], axis: axis, .int64)
        }
        if last { result = try builder.sub(builder.number(Double(shape[axis] - 1), .int64), result) }
        if try node.int("keepdims", default: 1) != 0 {
            var dimensions = shape.dimensions
            dimensions[axis] = 1
            result = try builder.reshape(result, dimensions)
        }
        return [result]
    }

    /// TOPK_V2 finds the largest along the last axis; the smallest are the largest of the opposites.
    private static func topK(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        guard let axis = builder.shape(value).normalizedAxis(try node.int("axis", default: -1)) else {
            throw node.bad("its axis does not fit \(builder.shape(value))")
        }
        let count =
            if let attribute = try node.int("k") { attribute } else {
                try builder.constantInteger(node.input(1), "the number of elements")
            }
        let type = builder.elementType(value)
        let smallest = try node.int("largest", default: 1) == 0
        func opposite(_ value: ValueID) throws -> ValueID {
            if type == .float32 { return try builder.negated(value) }
            return try builder.sub(builder.number(-1, like: value), value)
        }
        guard [.float32, .int32, .int64, .int8, .uint8].contains(type), !(smallest && type == .uint8) else {
            throw node.unsupported("elements of type \(type.rawValue) are not supported")
        }
        let last = try builder.moveToEnd(smallest ? opposite(value) : value, axis)
        let results = try builder.emit(.topK, [last, builder.int32(count)])
        let values = try builder.moveFromEnd(results[0], to: axis)
        node.resultTypes[1] = .int64
        return [
            smallest ? try opposite(values) : values,
            try builder.cast(builder.moveFromEnd(results[1], to: axis), to: .int64),
        ]
    }

    private static func cumulativeSum(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let axis = try builder.constantInteger(node.input(1), "the axis")
        guard let axis = builder.shape(value).normalizedAxis(axis) else {
            throw node.bad("its axis does not fit \(builder.shape(value))")
        }
        let op = Operator.cumulativeSum(
            exclusive: try node.int("exclusive", default: 0) != 0, reverse: try node.int("reverse", default: 0) != 0)
        return [
            try builder.widened([value], native: GraphBuilder.arithmeticTypes) {
                try builder.emit1(op, [$0[0], builder.int32(axis)])
            }
        ]
    }
}
