import GraphIR
import Operators
import TensorCore

/// Writes the nodes of one exact head.
struct ExactHeadWriter {
    var builder: HeadBuilder
    let plan: HingePlan
    let accumulator: HeadAccumulator
    let tail: DepthTail
    /// Whether the output was float32.
    let isFloat: Bool

    private var node: Node { accumulator.node }
    private var curve: ExactCurve { plan.curve }
    private var isThermometer: Bool { curve.kind == .thermometer }

    /// How many of the tail's steps the hinges take before they are decoded: a thermometer's codes stay what they are
    /// through a resampling, when all before it is affine.
    private var carriedSteps: Int {
        guard isThermometer, let resampling = firstResampling(from: 0) else { return 0 }
        let canCarry = tail.steps[...resampling].allSatisfy { step in
            switch step {
            case .function(let function, _): return function.isAffine
            case .selection(let id), .resampling(let id):
                switch builder.graph[id].op {
                case .resizeBilinear, .resizeNearestNeighbor: return true
                default: return false
                }
            }
        }
        return canCarry ? resampling + 1 : 0
    }

    /// How many of the tail's steps decoding ends: their functions are part of the table.
    private var decodedSteps: Int { firstResampling(from: carriedSteps) ?? tail.steps.count }

    private func firstResampling(from start: Int) -> Int? {
        tail.steps[start...].firstIndex { if case .resampling = $0 { true } else { false } }
    }

    private var functions: [(function: TailFunction, node: NodeID)] {
        tail.steps[..<decodedSteps].compactMap {
            if case .function(let function, let node) = $0 { (function, node) } else { nil }
        }
    }

    var note: String {
        let graph = builder.graph
        func names(_ nodes: [NodeID]) -> String { nodes.map { graph[$0].op.name }.joined(separator: ", ") }
        var text =
            "\(curve.kind.rawValue) head of order \(curve.order): \(plan.hinges.count) hinges instead of "
            + "\(node.op.name) \(node.location), \(curve.length + 1) levels instead of 256"
        let folded = functions.map(\.node)
        if !folded.isEmpty { text += "; in the table: \(names(folded))" }
        let rest = tail.steps[decodedSteps...].map { step in
            switch step {
            case .function(_, let node), .selection(let node), .resampling(let node): node
            }
        }
        if !rest.isEmpty { text += "; in float behind the decode: \(names(rest))" }
        return text
    }

    // MARK: Outputs

    mutating func depth() throws -> ValueID {
        let (table, carried, decoded) = (try decodeTable(), carriedSteps, decodedSteps)
        var value = try hinges()
        for step in tail.steps[..<carried] { value = try pass(value, through: step) }
        var extents = builder.graph.type(of: node.outputs[0]).shape.dimensions
        if carried > 0 { extents = builder.graph.type(of: value).shape.dimensions.dropLast() + [1] }
        value =
            try isThermometer
            ? sum(value, decodedBy: table, extents) : builder.lookUp(combination(value), in: table, as: extents)
        for (index, step) in tail.steps.enumerated().dropFirst(carried) {
            if case .function(let function, _) = step {
                if index >= decoded { value = try apply(function, to: value) }
            } else {
                value = try pass(value, through: step)
            }
        }
        return value
    }

    mutating func components() throws -> (value: ValueID, table: [Float]?) {
        guard !isThermometer else {
            throw Diagnostic(
                .usage, at: "--head-output components", "a thermometer's codes are summed in the file",
                suggestion: "--head-output depth")
        }
        for step in tail.steps {
            switch step {
            case .function: continue
            case .selection(let id), .resampling(let id):
                let node = builder.graph[id]
                if case .resizeNearestNeighbor = node.op { continue }
                throw Diagnostic(
                    .unsupported, at: "\(node.op.name) \(node.location)",
                    "lies behind the head; components cannot pass it", suggestion: "--head-output depth")
            }
        }
        let table = try decodeTable()
        var value = try combination(hinges())
        for step in tail.steps { value = try pass(value, through: step) }
        if isFloat { value = try builder.node("real components", .dequantize, [value]) }
        return (value, table)
    }

    // MARK: Table

    private func decodeTable() throws -> [Float] {
        let functions = functions
        try checkMonotone(functions)
        let sweep = DecodeSweep(plan: plan, accumulator: accumulator) { x in
            functions.reduce(x) { value, step in step.function(value) }
        }
        return sweep.table()
    }

    /// - Throws: `Diagnostic` (.unsupported) naming the first function that turns back.
    private func checkMonotone(_ functions: [(function: TailFunction, node: NodeID)]) throws(Diagnostic) {
        let (low, high) = (accumulator.lowest * accumulator.unit, accumulator.highest * accumulator.unit)
        var values = (0...1024).map { low + (high - low) * Double($0) / 1024 }
        for step in functions {
            values = values.map { step.function($0) }
            let finite = values.filter(\.isFinite)
            let differences = zip(finite.dropFirst(), finite).map { $0 - $1 }
            guard finite.count > 1, differences.allSatisfy({ $0 >= 0 }) || differences.allSatisfy({ $0 <= 0 }) else {
                throw DepthTail.refusal(
                    builder.graph[step.node], "is not monotone over the head's range \(Float(low))...\(Float(high))")
            }
        }
    }

    // MARK: Nodes

    /// The head's operator with one channel for every hinge; int8 codes with four axes, the last of them the hinges'.
    private mutating func hinges() throws -> ValueID {
        let count = plan.hinges.count
        let codes = accumulator.weights.elements(of: Int8.self)
        let repeated = plan.hinges.flatMap { hinge in hinge.isRising ? codes : codes.map { -$0 } }
        let biases = plan.hinges.indices.map { plan.bias($0, from: accumulator.bias) }
        let zeroPoints = [Int32](repeating: 0, count: count)
        let weights = builder.constant(
            "weights",
            Tensor(
                repeated, shape: Shape([count] + weightExtents),
                quantization: QuantizationParameters(scales: plan.weightScales, zeroPoints: zeroPoints, axis: 0)))
        let bias = builder.constant(
            "bias",
            Tensor(
                biases, shape: [count],
                quantization: QuantizationParameters(
                    scales: plan.weightScales.map { accumulator.inputScale * $0 }, zeroPoints: zeroPoints, axis: 0)))
        let input = node.inputs[HeadAccumulator.positions(node.op).input]
        var operands: [ValueID?] = [input, weights, bias]
        var op = node.op
        switch node.op {
        case .conv2D(let convolution):
            op = .conv2D(
                Conv2D(stride: convolution.stride, dilation: convolution.dilation, padding: convolution.padding))
        case .depthwiseConv2D(let convolution):
            op = .conv2D(
                Conv2D(stride: convolution.stride, dilation: convolution.dilation, padding: convolution.padding))
        case .transposeConv(let convolution):
            op = .transposeConv(TransposeConv(stride: convolution.stride, padding: convolution.padding))
            let shape = builder.graph.type(of: node.outputs[0]).shape.dimensions.dropLast() + [count]
            operands = [builder.int32(shape.map(Int32.init)), weights, input, bias]
        case .fullyConnected(var product):
            product.activation = .none
            op = .fullyConnected(product)
        default: break
        }
        let parameters = QuantizationParameters(scale: plan.scale, zeroPoint: -128)
        let result = try builder.nodes("hinges", op, operands, [parameters])[0]
        let shape = builder.graph.type(of: result).shape
        if shape.rank == 4 { return result }
        let extents = [1, 1, shape.elementCount / count, count]
        return try builder.nodes(
            "hinge pixels", .reshape, [result, builder.int32(extents.map(Int32.init))], [parameters])[0]
    }

    /// Extents of one channel's weights.
    private var weightExtents: [Int] {
        let dimensions = accumulator.weights.shape.dimensions
        if case .depthwiseConv2D = node.op { return Array(dimensions[1..<3]) + [1] }
        return Array(dimensions.dropFirst())
    }

    /// The two components: sums of hinges.
    private mutating func combination(_ hinges: ValueID) throws -> ValueID {
        let (axes, count) = (curve.components, plan.hinges.count)
        let codes = (0..<axes).flatMap { axis in (0..<count).map { plan.sums($0, into: axis) ? Int8(1) : 0 } }
        let scales = plan.combinationScales
        let zeroPoints = [Int32](repeating: 0, count: axes)
        let weights = builder.constant(
            "combination",
            Tensor(
                codes, shape: [axes, 1, 1, count],
                quantization: QuantizationParameters(scales: scales, zeroPoints: zeroPoints, axis: 0)))
        let bias = builder.constant(
            "combination bias",
            Tensor(
                (0..<axes).map { plan.combinationBias($0) }, shape: [axes],
                quantization: QuantizationParameters(
                    scales: scales.map { plan.scale * $0 }, zeroPoints: zeroPoints, axis: 0)))
        return try builder.nodes(
            "components", .conv2D(Conv2D(padding: .valid)), [hinges, weights, bias], [CurveDecoding.componentParameters]
        )[0]
    }

    /// The number for the sum of a thermometer's codes: sums of whole floats are exact in any order.
    private mutating func sum(_ hinges: ValueID, decodedBy table: [Float], _ extents: [Int]) throws -> ValueID {
        let real = try builder.node("codes", .dequantize, [hinges])
        let sum = try builder.node("sum", .reduce(Reduction(.sum, keepDimensions: true)), [real, builder.int32([3])])
        return try builder.lookUp(integers: sum, in: table, as: extents)
    }

    private mutating func apply(_ function: TailFunction, to value: ValueID) throws -> ValueID {
        switch function {
        case .unary(let kind): return try builder.node(kind.rawValue, .unary(kind), [value])
        case .leakyRelu(let alpha): return try builder.node("LEAKY_RELU", .leakyRelu(alpha: alpha), [value])
        case .binary(let op, let constant, let constantIsFirst):
            let operand = builder.float(constant)
            return try builder.node(
                op.kind.rawValue, .binary(op), constantIsFirst ? [operand, value] : [value, operand])
        }
    }

    /// The same movement or resampling of other numbers; functions leave them as they are.
    private mutating func pass(_ value: ValueID, through step: DepthTail.Step) throws -> ValueID {
        switch step {
        case .function: return value
        case .selection(let id), .resampling(let id):
            let node = builder.graph[id]
            return try builder.nodes(
                node.op.name, node.op, [value] + node.inputs.dropFirst().compactMap { $0 },
                [builder.graph.type(of: value).quantization])[0]
        }
    }
}
