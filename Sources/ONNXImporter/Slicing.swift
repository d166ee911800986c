import GraphIR
import Operators
import TensorCore

/// Cutting and padding.
enum Slicing {
    static let mappings: [String: Mapping] = [
        "Split": split,
        "Slice": slice,
        "Pad": pad,
        "CenterCropPad": centerCropPad,
    ]

    private static func split(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard let axis = shape.normalizedAxis(try node.int("axis", default: 0)) else {
            throw node.bad("its axis does not fit \(shape)")
        }
        let extent = shape[axis]
        let sizes: [Int]
        if let operand = node.optional(1) {
            sizes = try builder.constantIntegers(operand, "the sizes")
        } else if let attribute = try node.ints("split") {
            sizes = attribute
        } else {
            let count = try node.int("num_outputs", default: node.node.outputs.count)
            guard count > 0, count <= 1 << 16 else {
                throw node.bad("\(extent) cannot be split into \(count)")
            }
            let size = (extent + count - 1) / count
            sizes = (0..<count).map { max(0, min(size, extent - $0 * size)) }
        }
        guard sizes.allSatisfy({ 0...extent ~= $0 }), sizes.reduce(0, +) == extent,
            sizes.count >= node.node.outputs.count
        else { throw node.bad("\(extent) cannot be split into \(sizes)") }
        for i in sizes.indices { node.resultTypes[i] = node.inputTypes.first ?? nil }
        if sizes.count == 1 { return [value] }
        if sizes.allSatisfy({ $0 == sizes[0] }), sizes[0] > 0 {
            return try builder.emit(.split(count: sizes.count), [builder.int32(axis), value])
        }
        return try builder.emit(.splitV(count: sizes.count), [value, builder.int32s(sizes), builder.int32(axis)])
    }

    private static func slice(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        let starts: [Int]
        let ends: [Int]
        var axes: [Int]?
        var steps: [Int]?
        if node.opset >= 10 {
            starts = try builder.constantIntegers(node.input(1), "the starts of a slice")
            ends = try builder.constantIntegers(node.input(2), "the ends of a slice")
            axes = try node.optional(3).map { try builder.constantIntegers($0, "the axes of a slice") }
            steps = try node.optional(4).map { try builder.constantIntegers($0, "the steps of a slice") }
        } else {
            guard let first = try node.ints("starts"), let last = try node.ints("ends") else {
                throw node.bad("its starts or ends are missing")
            }
            starts = first
            ends = last
            axes = try node.ints("axes")
        }
        let chosen = axes ?? Array(starts.indices)
        guard ends.count == starts.count, chosen.count == starts.count, (steps?.count ?? starts.count) == starts.count
        else { throw node.bad("its starts, ends, axes and steps differ in number") }
        var begin = [Int](repeating: 0, count: shape.rank)
        var count = shape.dimensions
        var step = [Int](repeating: 1, count: shape.rank)
        for i in chosen.indices {
            guard let axis = shape.normalizedAxis(chosen[i]), steps?[i] != 0 else {
                throw node.bad("axis \(chosen[i]) or its step does not fit \(shape)")
            }
            let extent = shape[axis]
            let stride = min(max(steps?[i] ?? 1, -extent - 1), extent + 1)
            func clamped(_ index: Int) -> Int {
                let positive = index < 0 ? max(index, -extent - 1) + extent : index
                return stride > 0 ? min(max(positive, 0), extent) : min(max(positive, -1), extent - 1)
            }
            let first = clamped(starts[i])
            let span = stride > 0 ? clamped(ends[i]) - first : first - clamped(ends[i])
            begin[axis] = max(first, 0)
            step[axis] = stride == 0 ? 1 : stride
            count[axis] = span <= 0 ? 0 : (span - 1) / abs(step[axis]) + 1
        }
        if count.contains(0) { begin = begin.enumerated().map { count[$0] == 0 ? 0 : $1 } }
        if count.contains(0) { step = step.map { _ in 1 } }
        return [try builder.slice(value, begin: begin, count: count, step: step)]
    }

    // MARK: Padding

    private static func pad(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let rank = builder.shape(value).rank
        let widths: [Int]
        var fill: ValueID?
        if node.opset >= 11 {
            widths = try builder.constantIntegers(node.input(1), "the paddings")
            fill = node.optional(2)
        } else {
            widths = try node.ints("pads") ?? node.ints("paddings") ?? []
            if let number = try node.float("value"), number != 0 {
                fill = try builder.number(Double(number), like: value)
            }
        }
        let axes = try node.optional(3).map { try builder.constantIntegers($0, "the axes") } ?? Array(0..<rank)
        guard widths.count == 2 * axes.count, widths.allSatisfy({ -(1 << 31)...1 << 31 ~= $0 }) else {
            throw node.bad("paddings \(widths) do not fit \(builder.shape(value))")
        }
        var before = [Int](repeating: 0, count: rank)
        var after = before
        for (i, requested) in axes.enumerated() {
            guard let axis = builder.shape(value).normalizedAxis(requested) else {
                throw node.bad("axis \(requested) of \(rank) axes")
            }
            before[axis] = widths[i]
            after[axis] = widths[i + axes.count]
        }
        let mode = try node.string("mode", default: "constant")
        if mode == "constant" {
            if let number = fill, builder.constant(of: number)?.doubles() == [0] { fill = nil }
            if let number = fill { fill = try builder.reshape(number, []) }
            return [try builder.pad(value, before: before, after: after, fill: fill)]
        }
        let cut = try builder.pad(value, before: before.map { min($0, 0) }, after: after.map { min($0, 0) })
        return [try extend(cut, before.map { max($0, 0) }, after.map { max($0, 0) }, mode, node, builder)]
    }

    /// Borders made of the tensor's own elements: MIRROR_PAD for reflections, gathers for the others.
    private static func extend(
        _ value: ValueID, _ before: [Int], _ after: [Int], _ mode: String, _ node: NodeContext, _ builder: GraphBuilder
    ) throws -> ValueID {
        let shape = builder.shape(value)
        let axes = shape.dimensions.indices.filter { before[$0] > 0 || after[$0] > 0 }
        if axes.isEmpty { return value }
        guard axes.allSatisfy({ shape[$0] > 0 }) else { throw node.bad("a border of an empty tensor") }
        if mode == "reflect", axes.allSatisfy({ max(before[$0], after[$0]) < shape[$0] }) {
            let paddings = zip(before, after).flatMap { [$0, $1] }
            return try builder.emit1(
                .mirrorPad(.reflect), [value, builder.integers(paddings, shape: [shape.rank, 2], .int32)])
        }
        var result = value
        for axis in axes {
            let extent = shape[axis]
            guard extent + before[axis] + after[axis] <= GraphBuilder.tableLimit else {
                throw node.unsupported("a border this wide")
            }
            let indices = try (-before[axis]..<extent + after[axis]).map { index -> Int in
                switch mode {
                case "edge": return min(max(index, 0), extent - 1)
                case "wrap": return ((index % extent) + extent) % extent
                case "reflect":
                    let period = max(2 * (extent - 1), 1)
                    let phase = ((index % period) + period) % period
                    return phase < extent ? phase : period - phase
                default: throw node.unsupported("the padding mode '\(mode)' is not supported")
                }
            }
            result = try builder.gather(result, axis: axis, indices)
        }
        return result
    }

    private static func centerCropPad(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        let target = try TensorReader.checkedShape(
            builder.constantIntegers(node.input(1), "the target shape"), at: ""
        ).dimensions
        let axes = try (node.ints("axes") ?? Array(0..<shape.rank)).map { axis -> Int in
            guard let axis = shape.normalizedAxis(axis) else { throw node.bad("axis \(axis) does not fit \(shape)") }
            return axis
        }
        guard axes.count == target.count else { throw node.bad("\(target.count) extents for \(axes.count) axes") }
        var before = [Int](repeating: 0, count: shape.rank)
        var after = before
        for (axis, extent) in zip(axes, target) {
            let change = extent - shape[axis]
            before[axis] = change >= 0 ? change / 2 : -(-change / 2)
            after[axis] = change - before[axis]
        }
        return [try builder.pad(value, before: before, after: after)]
    }
}
