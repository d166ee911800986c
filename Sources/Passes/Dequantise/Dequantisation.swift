import GraphIR
import Operators
import TensorCore

/// Turns a graph that computes on codes into one that computes on the reals behind them.
///
/// Weights, biases and other constants become their float values `scale * (code - zeroPoint)`, rounded once to binary32;
/// QUANTIZE and DEQUANTIZE go, and with them every rounding of activations. Inputs and outputs that were codes become
/// floats. Fused activations stay; what the range of an integer tensor clips beyond them is not reproduced.
package enum Dequantisation {
    /// The float graph of `graph`.
    ///
    /// - Throws: `.unsupported` at the operator that reads codes as something else than reals.
    package static func float(_ graph: Graph) throws -> Graph {
        var builder = Builder(source: graph, target: Graph(name: graph.name))
        try builder.run()
        return builder.target
    }
}

private struct Builder {
    let source: Graph
    var target: Graph
    private var copies: [ValueID: ValueID] = [:]
    private var constants: [ValueID: ValueID] = [:]

    init(source: Graph, target: Graph) {
        self.source = source
        self.target = target
    }

    mutating func run() throws {
        for (index, port) in source.inputs.enumerated() {
            let value = source[port.value]
            let type = Self.isCodes(value.type) ? TensorType(.float32, value.type.shape) : value.type
            copies[port.value] = target.addInput(value.name, type)
            target.inputs[index].sourceName = port.sourceName
            target.inputs[index].sourcePermutation = port.sourcePermutation
        }
        for node in source.nodes { try emit(node) }
        for port in source.outputs {
            let value = try copy(port.value, for: "output \(port.sourceName)")
            target.addOutput(value, sourceName: port.sourceName)
            target.outputs[target.outputs.count - 1].sourcePermutation = port.sourcePermutation
            if target.producer(of: value) != nil { target.rename(value, source[port.value].name) }
        }
    }

    private static func isCodes(_ type: TensorType) -> Bool { type.quantization != nil && !type.elementType.isFloat }

    private mutating func emit(_ node: Node) throws {
        let location = "\(node.op.name) \(node.location)"
        if let input = node.inputs.first ?? nil {
            switch node.op {
            case .quantize,
                .dequantize where Self.isCodes(source.type(of: input)):
                copies[node.outputs[0]] = try copy(input, for: location)
                return
            default: break
            }
        }
        var operands: [ValueID?] = []
        for (index, operand) in node.inputs.enumerated() {
            guard let operand else {
                operands.append(nil)
                continue
            }
            try operands.append(self.operand(operand, index, of: node, location))
        }
        let results = try target.addNode(
            node.op, operands, names: node.outputs.map { source[$0].name }, location: node.location)
        for (old, new) in zip(node.outputs, results) {
            let type = source.type(of: old)
            // An integer result with parameters that comes from no reals is codes made of nothing known.
            guard !Self.isCodes(type) || target.type(of: new).elementType == .float32 else {
                throw refusal(location, "makes codes of values that are no reals")
            }
            copies[old] = new
        }
    }

    private mutating func operand(
        _ value: ValueID, _ index: Int, of node: Node, _ location: String
    ) throws -> ValueID {
        let type = source.type(of: value)
        switch node.op.quantizationContract.role(of: index) {
        case .bias(let input, let weight) where !type.elementType.isFloat:
            return try bias(value, input: node.inputs[input], weight: node.inputs[weight], location)
        case .index:
            if let constant = source.constant(value) { return self.constant(value, constant) }
            if case .shape = node.op { break }
            guard !Self.isCodes(type) else { throw refusal(location, "reads the codes of \(source[value].name)") }
        case .bias, .activation, .weight:
            // What SCATTER_ND does not write is the code 0, not the real 0.
            if node.op == .scatterND, Self.isCodes(type) { throw refusal(location, "fills up with the code 0") }
        }
        return try copy(value, for: location)
    }

    /// The value in the new graph; constants are added when they are first used, codes as floats.
    private mutating func copy(_ value: ValueID, for location: String) throws -> ValueID {
        if let found = copies[value] { return found }
        guard let original = source.constant(value) else {
            throw Diagnostic(.internalError, at: location, "\(source[value].name) is read before it is computed")
        }
        guard Self.isCodes(original.type), let parameters = original.type.quantization else {
            return constant(value, original)
        }
        let copied = target.addConstant(try Self.real(original, parameters, location), name: source[value].name)
        copies[value] = copied
        return copied
    }

    /// A constant as it is.
    private mutating func constant(_ value: ValueID, _ tensor: Tensor) -> ValueID {
        if let found = constants[value] { return found }
        let copied = target.addConstant(tensor, name: source[value].name)
        constants[value] = copied
        return copied
    }

    /// An integer bias as floats; where the file gives it no scale, that is the product of input's and weights'.
    private mutating func bias(
        _ value: ValueID, input: ValueID?, weight: ValueID?, _ location: String
    ) throws -> ValueID {
        guard source.type(of: value).quantization == nil else { return try copy(value, for: location) }
        guard let codes = source.constant(value),
            let scale = input.flatMap({ source.type(of: $0).quantization })?.scale,
            let weights = weight.flatMap({ source.type(of: $0).quantization })
        else { throw refusal(location, "has a bias of integers without a scale") }
        let scales = weights.scales.map { $0 * scale }
        let parameters =
            scales.count == 1
            ? QuantizationParameters(scale: scales[0], zeroPoint: 0)
            : QuantizationParameters(
                scales: scales, zeroPoints: [Int32](repeating: 0, count: scales.count), axis: codes.shape.rank - 1)
        return target.addConstant(try Self.real(codes, parameters, location), name: source[value].name)
    }

    private static func real(
        _ tensor: Tensor, _ parameters: QuantizationParameters, _ location: String
    ) throws -> Tensor {
        let codes = tensor.doubles()
        let shape = tensor.shape
        guard let axis = parameters.axis else {
            let (scale, zeroPoint) = (Double(parameters.scale), Double(parameters.zeroPoint))
            return Tensor(codes.map { Float(scale * ($0 - zeroPoint)) }, shape: shape)
        }
        guard axis < shape.rank, parameters.scales.count == shape[axis],
            parameters.zeroPoints.count == shape[axis] || parameters.zeroPoints.isEmpty
        else {
            throw Diagnostic(.badModel, at: location, "\(parameters.scales.count) scales for \(tensor.type)")
        }
        let step = shape.strides[axis]
        let values = codes.enumerated().map { index, code in
            let channel = index / step % shape[axis]
            let zeroPoint = parameters.zeroPoints.isEmpty ? 0 : Double(parameters.zeroPoints[channel])
            return Float(Double(parameters.scales[channel]) * (code - zeroPoint))
        }
        return Tensor(values, shape: shape)
    }

    private func refusal(_ location: String, _ message: String) -> Diagnostic {
        Diagnostic(
            .unsupported, at: location, "\(message), so that it has no float form", suggestion: "--precision keep")
    }
}
