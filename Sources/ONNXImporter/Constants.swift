import GraphIR
import Operators
import TensorCore

/// Constants, shapes and tensors made from shapes.
enum Constants {
    static let mappings: [String: Mapping] = [
        "Constant": constant,
        "ConstantOfShape": constantOfShape,
        "Shape": shape,
        "Size": size,
        "Range": range,
        "EyeLike": identityMatrix,
        "OneHot": oneHot,
        "NonZero": nonZero,
    ]

    private static func constant(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        guard let (name, attribute) = node.node.attributes.first(where: { $0.key != "doc_string" }) else {
            throw node.bad("it holds no value")
        }
        switch (name, attribute) {
        case ("value", .tensor(let tensor)):
            node.resultTypes[0] = tensor.elementType
            guard case .tensor(let loaded) = tensor.payload else {
                let reason = if case .unsupported(let text) = tensor.payload { text } else { "its data is external" }
                throw node.unsupported(reason)
            }
            return [try builder.compute(builder.constant(loaded))]
        case ("value_float", .float(let value)): return [builder.constant(Tensor(scalar: value))]
        case ("value_floats", .floats(let values)): return [builder.floats(values, shape: [values.count])]
        case ("value_int", .int(let value)): return [builder.constant(Tensor(scalar: Int64(value)))]
        case ("value_ints", .ints(let values)):
            return [builder.constant(Tensor(values.map(Int64.init), shape: [values.count]))]
        default: throw node.unsupported("constants of the kind \(name) are not supported")
        }
    }

    private static func constantOfShape(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let shape = try TensorReader.checkedShape(builder.constantIntegers(node.input(0), "the shape"), at: "")
        node.resultTypes[0] = .float32
        var value = Tensor(scalar: Float(0))
        if case .tensor(let tensor)? = node.node.attributes["value"] {
            guard case .tensor(let loaded) = tensor.payload, loaded.count == 1 else {
                throw node.bad("its value must be one number")
            }
            node.resultTypes[0] = tensor.elementType
            value = loaded.retyped(TensorType(loaded.elementType, []))
        }
        return [try builder.fill(shape, with: builder.compute(builder.constant(value)))]
    }

    private static func shape(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let dimensions = builder.shape(try node.input(0)).dimensions
        func clamped(_ index: Int) -> Int {
            min(max(index < 0 ? index + dimensions.count : index, 0), dimensions.count)
        }
        let start = clamped(try node.int("start", default: 0))
        let end = clamped(try node.int("end", default: dimensions.count))
        let chosen = Array(dimensions[start..<max(start, end)])
        node.resultTypes[0] = .int64
        return [builder.constant(Tensor(chosen.map(Int64.init), shape: [chosen.count]))]
    }

    private static func size(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        node.resultTypes[0] = .int64
        return [builder.constant(Tensor(scalar: Int64(builder.shape(try node.input(0)).elementCount)))]
    }

    private static func range(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let bounds = try (0..<3).map { index -> ValueID in
            let value = try node.input(index)
            let tensor = try builder.constantTensor(value, "a bound of a range")
            guard tensor.count == 1 else { throw node.bad("its bounds must be single numbers") }
            return try builder.reshape(value, [])
        }
        return [
            try builder.widened(bounds, native: GraphBuilder.arithmeticTypes) { try builder.emit1(.range, $0) }
        ]
    }

    private static func identityMatrix(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let shape = builder.shape(value)
        guard shape.rank == 2, shape.elementCount <= GraphBuilder.tableLimit else {
            throw node.bad("its operand must be a matrix of moderate size")
        }
        var type = builder.elementType(value)
        if let code = try node.int("dtype") {
            guard let source = ONNXElementType(rawValue: Int32(clamping: code)), let computed = source.computeType
            else {
                throw node.unsupported("elements of type \(code) are not supported")
            }
            node.resultTypes[0] = source
            type = computed
        }
        let offset = min(max(try node.int("k", default: 0), -(1 << 30)), 1 << 30)
        let ones = (0..<shape[0]).flatMap { row in (0..<shape[1]).map { $0 - row == offset ? 1 : 0 } }
        if type == .float32 { return [builder.floats(ones.map { Float($0) }, shape: shape)] }
        return [builder.constant(try GraphBuilder.integerTensor(ones, shape: shape, type))]
    }

    /// Negative indices count from the end; indices out of range make no mark.
    private static func oneHot(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        var indices = try node.input(0)
        let depth = saturatingInteger(
            try builder.constantTensor(node.input(1), "the depth").doubles().first ?? -1, as: Int.self)
        guard 0...1 << 24 ~= depth else { throw node.bad("a depth of \(depth)") }
        let values = try node.input(2)
        guard builder.shape(values).elementCount == 2 else { throw node.bad("it needs an off and an on value") }
        node.resultTypes[0] = node.inputTypes.count > 2 ? node.inputTypes[2] : nil
        indices = try builder.cast(indices, to: .int32)
        if !builder.isNonNegative(indices) {
            let wrapped = try builder.add(indices, Double(depth))
            indices = try builder.select(builder.compare(.less, indices, 0), wrapped, indices)
        }
        let off = try builder.reshape(builder.slice(values, axis: 0, 0, 1), [])
        let on = try builder.reshape(builder.slice(values, axis: 0, 1, 2), [])
        let rank = builder.shape(indices).rank
        let requested = try node.int("axis", default: -1)
        let axis = requested < 0 ? requested + rank + 1 : requested
        guard 0...rank ~= axis else { throw node.bad("axis \(requested) of \(rank + 1) axes") }
        return [
            try builder.emit1(
                .oneHot(axis: axis == rank ? -1 : axis), [indices, builder.int32(depth), on, off])
        ]
    }

    private static func nonZero(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let tensor = try builder.constantTensor(value, "the number of non-zero elements")
        let strides = tensor.shape.strides
        let found = tensor.doubles().indices(where: { $0 != 0 }).ranges.flatMap { Array($0) }
        let coordinates = strides.indices.flatMap { axis in
            found.map { Int64($0 / strides[axis] % max(tensor.shape[axis], 1)) }
        }
        node.resultTypes[0] = .int64
        return [builder.constant(Tensor(coordinates, shape: [tensor.shape.rank, found.count]))]
    }
}
