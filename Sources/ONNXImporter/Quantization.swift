import GraphIR
import Operators
import TensorCore

/// Quantised models: QUANTIZE and DEQUANTIZE where the parameters are known, arithmetic elsewhere. Operators on codes
/// become their floating-point counterparts between the two.
enum Quantization {
    static let mappings: [String: Mapping] = [
        "QuantizeLinear": quantizeLinear,
        "DequantizeLinear": dequantizeLinear,
        "DynamicQuantizeLinear": dynamic,
        "QLinearConv": convolution,
        "QLinearMatMul": product,
    ]

    static let runtimeMappings: [String: Mapping] = [
        "QLinearAdd": { node, builder in
            let sum = try builder.add(
                dequantized(node, 0, builder), dequantized(node, 3, builder))
            return [try quantized(sum, node, scale: 6, zeroPoint: 7, builder)]
        },
        "QLinearGlobalAveragePool": { node, builder in
            let value = try dequantized(node, 0, builder)
            let rank = builder.shape(value).rank
            guard rank >= 3 else { throw node.bad("its operand has no spatial axes") }
            let last = try node.int("channels_last", default: 0) != 0
            let mean = try builder.reduce(.mean, value, last ? Array(1..<rank - 1) : Array(2..<rank), keep: true)
            return [try quantized(mean, node, scale: 3, zeroPoint: 4, builder)]
        },
    ]

    /// Operators that give the codes of a quantised operand on as they are.
    static let keepsParameters: Set<String> = [
        "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Gather", "Expand",
        "Tile", "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "QLinearAdd",
        "QLinearGlobalAveragePool", "Shape", "Size",
    ]

    /// The codes of a quantised value as plain integers.
    static func raw(_ value: ValueID, _ builder: GraphBuilder) throws -> ValueID {
        let type = builder.type(value)
        guard let parameters = type.quantization else { return value }
        if let tensor = builder.constant(of: value) {
            return builder.constant(tensor.retyped(TensorType(type.elementType, type.shape)))
        }
        let real = try builder.emit1(.dequantize, [value])
        let codes = try builder.unary(.round, builder.div(real, Double(parameters.scale)))
        return try builder.cast(builder.add(codes, Double(parameters.zeroPoint)), to: type.elementType)
    }

    // MARK: Dequantising

    private static func dequantizeLinear(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        node.resultTypes[0] = node.inputTypes.count > 1 ? node.inputTypes[1] : nil
        return [try dequantized(node, 0, builder)]
    }

    /// The real numbers of operand `index`, whose scale and zero point are the next two operands.
    private static func dequantized(_ node: NodeContext, _ index: Int, _ builder: GraphBuilder) throws -> ValueID {
        try dequantize(
            node.input(index), scale: node.input(index + 1), zeroPoint: node.optional(index + 2),
            axis: node.int("axis", default: 1), node, builder)
    }

    private static func dequantize(
        _ value: ValueID, scale: ValueID, zeroPoint: ValueID?, axis: Int, _ node: NodeContext,
        _ builder: GraphBuilder
    ) throws -> ValueID {
        let shape = builder.shape(value)
        let parameters = try parameters(scale, zeroPoint, shape: shape, axis: axis, node, builder)
        if let parameters {
            if builder.type(value).quantization == parameters { return try builder.emit1(.dequantize, [value]) }
            if let tensor = builder.constant(of: value), [.int8, .uint8, .int16].contains(tensor.elementType) {
                let type = TensorType(tensor.elementType, shape, quantization: parameters)
                return try builder.emit1(.dequantize, [builder.constant(tensor.retyped(type))])
            }
        }
        var codes = try builder.cast(raw(value, builder), to: .float32)
        if let zeroPoint {
            let offset = try broadcastable(zeroPoint, to: shape, axis: axis, node, builder)
            codes = try builder.sub(codes, builder.cast(offset, to: .float32))
        }
        return try builder.mul(codes, broadcastable(scale, to: shape, axis: axis, node, builder))
    }

    /// Known parameters in the form of a tensor type; nil when they are computed, in blocks, or not finite.
    private static func parameters(
        _ scale: ValueID, _ zeroPoint: ValueID?, shape: Shape, axis: Int, _ node: NodeContext,
        _ builder: GraphBuilder
    ) throws -> QuantizationParameters? {
        guard try node.int("block_size", default: 0) == 0, let tensor = builder.constant(of: scale) else { return nil }
        let scales = tensor.doubles().map { Float($0) }
        guard scales.allSatisfy({ $0.isFinite && $0 > 0 }) else { return nil }
        var zeroPoints = [Int32](repeating: 0, count: scales.count)
        if let zeroPoint {
            guard let codes = builder.constant(of: zeroPoint)?.integers(), codes.count == scales.count else {
                return nil
            }
            zeroPoints = codes.map { Int32(clamping: $0) }
        }
        if scales.count == 1 { return QuantizationParameters(scale: scales[0], zeroPoint: zeroPoints[0]) }
        guard let axis = shape.normalizedAxis(axis), shape[axis] == scales.count, zeroPoints.allSatisfy({ $0 == 0 })
        else { return nil }
        return QuantizationParameters(scales: scales, zeroPoints: zeroPoints, axis: axis)
    }

    /// A scale or zero point per tensor, per index of `axis` or per block, in a shape that broadcasts to `shape`.
    private static func broadcastable(
        _ value: ValueID, to shape: Shape, axis: Int, _ node: NodeContext, _ builder: GraphBuilder
    ) throws -> ValueID {
        let own = builder.shape(value)
        if own.elementCount == 1 { return try builder.reshape(value, []) }
        guard let axis = shape.normalizedAxis(axis) else { throw node.bad("its axis does not fit \(shape)") }
        if own.rank == shape.rank, own != shape, own[axis] > 0 {
            let block = try node.int("block_size", default: 0)
            let size = block > 0 ? block : (shape[axis] + own[axis] - 1) / own[axis]
            guard (shape[axis] + size - 1) / size == own[axis] else { throw node.bad("its blocks do not fit \(shape)") }
            return try builder.gather(value, axis: axis, (0..<shape[axis]).map { $0 / size })
        }
        guard own.rank == 1, own[0] == shape[axis] else { throw node.bad("parameters of \(own) do not fit \(shape)") }
        return try builder.reshape(value, [own[0]] + [Int](repeating: 1, count: shape.rank - axis - 1))
    }

    // MARK: Quantising

    private static func quantizeLinear(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try builder.cast(node.input(0), to: .float32)
        return [try quantized(value, node, scale: 1, zeroPoint: 2, builder)]
    }

    private static func quantized(
        _ value: ValueID, _ node: NodeContext, scale: Int, zeroPoint: Int, _ builder: GraphBuilder
    ) throws -> ValueID {
        let target = try resultType(node, zeroPoint, builder)
        node.resultTypes[0] = target
        guard let type = target.storageType, type.isInteger else {
            throw node.unsupported("codes of type \(target.name) are not supported")
        }
        let axis = try node.int("axis", default: 1)
        let (scale, offset) = (try node.input(scale), node.optional(zeroPoint))
        let parameters = try parameters(scale, offset, shape: builder.shape(value), axis: axis, node, builder)
        if let parameters, !parameters.isPerChannel, [.int8, .uint8, .int16].contains(type), target.bitsInFile >= 8 {
            return try builder.emit1(.quantize(to: type), [value], quantization: parameters)
        }
        let shape = builder.shape(value)
        let scales = try broadcastable(scale, to: shape, axis: axis, node, builder)
        var codes = try builder.unary(.round, builder.div(value, scales))
        if let offset {
            let shift = try broadcastable(offset, to: shape, axis: axis, node, builder)
            codes = try builder.add(codes, builder.cast(shift, to: .float32))
        }
        let (lower, upper) = range(target)
        return try builder.cast(builder.minimum(builder.maximum(codes, lower), upper), to: type)
    }

    private static func resultType(
        _ node: NodeContext, _ zeroPoint: Int, _ builder: GraphBuilder
    ) throws -> ONNXElementType {
        if let offset = node.optional(zeroPoint) {
            if zeroPoint < node.inputTypes.count, let known = node.inputTypes[zeroPoint] { return known }
            let computed = builder.elementType(offset)
            return ONNXElementType.allComputed.first { $0.computeType == computed } ?? .uint8
        }
        let code = try node.int("output_dtype", default: 0)
        return code == 0 ? .uint8 : ONNXElementType(rawValue: Int32(clamping: code)) ?? .uint8
    }

    private static func range(_ type: ONNXElementType) -> (Double, Double) {
        let bits = Double(1 << min(type.bitsInFile, 32))
        switch type {
        case .uint2, .uint4, .uint8, .uint16, .uint32: return (0, bits - 1)
        default: return (-bits / 2, bits / 2 - 1)
        }
    }

    /// Parameters from the data: the range widened to contain zero, in 255 steps.
    private static func dynamic(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let value = try node.input(0)
        let axes = Array(0..<builder.shape(value).rank)
        let highest = try builder.maximum(builder.reduce(.max, value, axes, keep: false), 0)
        let lowest = try builder.minimum(builder.reduce(.min, value, axes, keep: false), 0)
        let scale = try builder.div(builder.sub(highest, lowest), 255)
        func codes(_ values: ValueID) throws -> ValueID { try builder.unary(.round, values) }
        let start = try codes(builder.div(builder.negated(lowest), scale))
        let zeroPoint = try builder.minimum(builder.maximum(start, 0), 255)
        let steps = try builder.add(codes(builder.div(value, scale)), zeroPoint)
        node.resultTypes = [0: .uint8, 1: .float32, 2: .uint8]
        return [
            try builder.cast(builder.minimum(builder.maximum(steps, 0), 255), to: .uint8), scale,
            try builder.cast(zeroPoint, to: .uint8),
        ]
    }

    // MARK: Operators on codes

    private static func convolution(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let input = try dequantized(node, 0, builder)
        let weights = try dequantize(
            node.input(3), scale: node.input(4), zeroPoint: node.optional(5), axis: 0, node, builder)
        var bias: ValueID?
        if let codes = node.optional(8) {
            let scale = try builder.mul(builder.reshape(node.input(1), []), node.input(4))
            bias = try builder.mul(builder.cast(codes, to: .float32), scale)
        }
        let result = try Convolutions.convolve(node, builder, input, weights, bias: bias)
        return [try quantized(result, node, scale: 6, zeroPoint: 7, builder)]
    }

    private static func product(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        func operand(_ index: Int, rows: Bool) throws -> ValueID {
            let value = try node.input(index)
            let rank = builder.shape(value).rank
            return try dequantize(
                value, scale: node.input(index + 1), zeroPoint: node.optional(index + 2),
                axis: rows ? max(rank - 2, 0) : rank - 1, node, builder)
        }
        let result = try MatrixProducts.product(operand(0, rows: true), operand(3, rows: false), builder)
        return [try quantized(result, node, scale: 6, zeroPoint: 7, builder)]
    }
}
