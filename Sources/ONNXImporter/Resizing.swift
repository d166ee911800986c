import GraphIR
import Operators
import TensorCore

/// Resizing: the builtin operators where they compute the same places, else gathers and matrices per axis.
enum Resizing {
    static let mappings: [String: Mapping] = ["Resize": resize, "Upsample": resize]

    private static func settings(_ node: NodeContext) throws -> ResizeSampling.Settings {
        let mode = try node.string("mode", default: "nearest")
        let name = mode == "bilinear" || mode == "trilinear" ? "linear" : mode
        guard let interpolation = ResizeSampling.Interpolation(rawValue: name) else {
            throw node.unsupported("the mode '\(mode)' is not supported")
        }
        let isOld = node.node.operatorType == "Upsample" || node.opset < 11
        return ResizeSampling.Settings(
            interpolation: interpolation,
            coordinates: isOld
                ? "asymmetric" : try node.string("coordinate_transformation_mode", default: "half_pixel"),
            nearest: isOld ? "floor" : try node.string("nearest_mode", default: "round_prefer_floor"),
            cubicCoefficient: Double(try node.float("cubic_coeff_a", default: -0.75)),
            excludesOutside: try node.int("exclude_outside", default: 0) != 0,
            antialias: try node.int("antialias", default: 0) != 0)
    }

    private static func resize(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let settings = try settings(node)
        let axes = try sampling(node, builder, builder.shape(value), settings)
        let changed = axes.indices.filter { !axes[$0].isIdentity }
        if changed.isEmpty { return [value] }
        let type = builder.elementType(value)
        if settings.interpolation == .nearest {
            return [try nearest(value, axes, changed, builder)]
        }
        let float = try builder.cast(value, to: .float32)
        var result = try interpolate(float, axes, changed, settings, builder)
        if settings.coordinates == "tf_crop_and_resize" {
            result = try fillOutside(result, axes, changed, node, builder)
        }
        return [try builder.cast(result, to: type)]
    }

    // MARK: Extents and scales

    private static func sampling(
        _ node: NodeContext, _ builder: GraphBuilder, _ shape: Shape, _ settings: ResizeSampling.Settings
    ) throws -> [ResizeSampling] {
        let chosen = try (node.ints("axes") ?? Array(0..<shape.rank)).map { axis -> Int in
            guard let axis = shape.normalizedAxis(axis) else { throw node.bad("axis \(axis) does not fit \(shape)") }
            return axis
        }
        var scales = [Double](repeating: 1, count: shape.rank)
        var outputs = shape.dimensions
        func operand(_ index: Int) -> ValueID? {
            node.optional(index).flatMap { builder.shape($0).elementCount > 0 ? $0 : nil }
        }
        let scaleOperand = node.opset >= 11 && node.node.operatorType == "Resize" ? operand(2) : operand(1)
        if let sizes = node.opset >= 11 ? operand(3) : nil {
            let target = try builder.constantIntegers(sizes, "the sizes")
            guard target.count == chosen.count, target.allSatisfy({ 1...1 << 24 ~= $0 }),
                chosen.allSatisfy({ shape[$0] > 0 })
            else { throw node.bad("sizes \(target) do not fit \(shape)") }
            for (axis, extent) in zip(chosen, target) {
                outputs[axis] = extent
                scales[axis] = Double(extent) / Double(shape[axis])
            }
            try keepAspectRatio(node, chosen, shape, &scales, &outputs)
        } else {
            let given: [Double]
            if let scaleOperand {
                given = try builder.constantTensor(scaleOperand, "the scales").doubles()
            } else {
                given = try node.floats("scales")?.map(Double.init) ?? []
            }
            guard given.count == chosen.count, given.allSatisfy({ $0 > 0 && $0 < 1e6 }) else {
                throw node.bad("scales \(given) do not fit \(shape)")
            }
            for (axis, scale) in zip(chosen, given) {
                scales[axis] = scale
                outputs[axis] = Int(Float(Double(shape[axis]) * scale))
            }
        }
        let target = try TensorReader.checkedShape(outputs, at: "")
        guard target.elementCount > 0, target.dimensions.allSatisfy({ $0 < 1 << 24 }) else {
            throw node.bad("an output of \(target)")
        }
        let regions = try region(node, builder, chosen, rank: shape.rank, settings)
        return try shape.dimensions.indices.map { axis in
            try ResizeSampling(
                input: shape[axis], output: outputs[axis], scale: scales[axis],
                region: (regions[axis], regions[axis + shape.rank]), settings)
        }
    }

    private static func keepAspectRatio(
        _ node: NodeContext, _ axes: [Int], _ shape: Shape, _ scales: inout [Double], _ outputs: inout [Int]
    ) throws {
        let policy = try node.string("keep_aspect_ratio_policy", default: "stretch")
        let given = axes.map { scales[$0] }
        guard policy != "stretch", let least = given.min(), let most = given.max() else { return }
        guard policy == "not_larger" || policy == "not_smaller" else {
            throw node.unsupported("the aspect ratio policy '\(policy)' is not supported")
        }
        let scale = policy == "not_larger" ? least : most
        for axis in axes {
            scales[axis] = scale
            outputs[axis] = Int(scale * Double(shape[axis]) + 0.5)
        }
    }

    /// Starts, then ends, of every axis in normalised coordinates.
    private static func region(
        _ node: NodeContext, _ builder: GraphBuilder, _ axes: [Int], rank: Int, _ settings: ResizeSampling.Settings
    ) throws -> [Double] {
        var result = [Double](repeating: 0, count: rank) + [Double](repeating: 1, count: rank)
        guard settings.coordinates == "tf_crop_and_resize" else { return result }
        let given = try builder.constantTensor(node.input(1), "the region of interest").doubles()
        guard given.count == 2 * axes.count else { throw node.bad("its region of interest does not fit") }
        for (i, axis) in axes.enumerated() {
            result[axis] = given[i]
            result[axis + rank] = given[i + axes.count]
        }
        return result
    }

    // MARK: Builtin operators

    /// Height and width when only two adjacent image axes change: NCHW as the source has it, or NHWC.
    private static func imageAxes(_ shape: Shape, _ changed: [Int]) -> (height: Int, isChannelsLast: Bool)? {
        guard shape.rank == 4 else { return nil }
        if Set(changed).isSubset(of: [2, 3]) { return (2, false) }
        return Set(changed).isSubset(of: [1, 2]) ? (1, true) : nil
    }

    private static let variants = [
        ResizeOptions(alignCorners: false, halfPixelCenters: true),
        ResizeOptions(alignCorners: true, halfPixelCenters: false),
        ResizeOptions(alignCorners: false, halfPixelCenters: false),
        ResizeOptions(alignCorners: true, halfPixelCenters: true),
    ]

    private static func builtin(
        _ value: ValueID, _ axes: [ResizeSampling], _ height: Int, _ isChannelsLast: Bool, _ op: Operator,
        _ builder: GraphBuilder
    ) throws -> ValueID {
        let size = try builder.int32s([axes[height].output, axes[height + 1].output])
        let image = isChannelsLast ? value : try builder.channelsLast(value)
        let result = try builder.emit1(op, [image, size])
        return isChannelsLast ? result : try builder.channelsFirst(result)
    }

    private static func nearest(
        _ value: ValueID, _ axes: [ResizeSampling], _ changed: [Int], _ builder: GraphBuilder
    ) throws -> ValueID {
        let indices = try axes.map { try $0.nearestIndices() }
        let shape = builder.shape(value)
        if let (height, last) = imageAxes(shape, changed),
            [.float32, .int8, .uint8].contains(builder.elementType(value))
        {
            for options in variants
            where (height...height + 1).allSatisfy({ indices[$0] == axes[$0].builtinNearestIndices(options) }) {
                return try builtin(value, axes, height, last, .resizeNearestNeighbor(options), builder)
            }
        }
        return try changed.reduce(value) { try builder.gather($0, axis: $1, indices[$1]) }
    }

    private static func interpolate(
        _ value: ValueID, _ axes: [ResizeSampling], _ changed: [Int], _ settings: ResizeSampling.Settings,
        _ builder: GraphBuilder
    ) throws -> ValueID {
        let shrinks = changed.contains { axes[$0].scale < 1 }
        let isPlain =
            settings.interpolation == .linear && !(settings.antialias && shrinks) && !settings.excludesOutside
        guard isPlain else {
            return try changed.reduce(value) {
                try builder.checkTable(axes[$1].input * axes[$1].output, "resizing by a matrix")
                return try builder.applyMatrix(axes[$1].matrix(), to: $0, axis: $1)
            }
        }
        if let (height, last) = imageAxes(builder.shape(value), changed) {
            for options in variants.dropLast()
            where (height...height + 1).allSatisfy({ axes[$0].matchesBuiltinLinear(options) }) {
                return try builtin(value, axes, height, last, .resizeBilinear(options), builder)
            }
        }
        return try changed.reduce(value) { try blend($0, axes[$1], axis: $1, builder) }
    }

    /// Linear interpolation along one axis by two gathers.
    private static func blend(
        _ value: ValueID, _ sampling: ResizeSampling, axis: Int, _ builder: GraphBuilder
    ) throws -> ValueID {
        let (lower, upper, weight) = sampling.linearNeighbours()
        let low = try builder.gather(value, axis: axis, lower)
        if weight.allSatisfy({ $0 == 0 }) { return low }
        var shape = [Int](repeating: 1, count: builder.shape(value).rank)
        shape[axis] = weight.count
        let high = try builder.gather(value, axis: axis, upper)
        let lowPart = try builder.mul(low, builder.floats(weight.map { Float(1 - $0) }, shape: Shape(shape)))
        let highPart = try builder.mul(high, builder.floats(weight.map { Float($0) }, shape: Shape(shape)))
        return try builder.add(lowPart, highPart)
    }

    /// Puts the extrapolation value where a place lies outside the source.
    private static func fillOutside(
        _ value: ValueID, _ axes: [ResizeSampling], _ changed: [Int], _ node: NodeContext, _ builder: GraphBuilder
    ) throws -> ValueID {
        var result = value
        for axis in changed where axes[axis].isOutside.contains(true) {
            var shape = [Int](repeating: 1, count: axes.count)
            shape[axis] = axes[axis].output
            let mask = builder.constant(Tensor(axes[axis].isOutside, shape: Shape(shape)))
            let number = Double(try node.float("extrapolation_value", default: 0))
            result = try builder.select(mask, builder.number(number, like: result), result)
        }
        return result
    }
}
