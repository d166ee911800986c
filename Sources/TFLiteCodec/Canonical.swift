import GraphIR
import Operators
import TensorCore

extension TFLiteCodec {
    /// The graph as a file holds it: what decoding an exported file gives back.
    ///
    /// Names are unique and not empty, nodes that no output needs are gone, shape operands are int32, operands left out
    /// at the end are dropped, one scale along an axis is a scale of the whole tensor, and a CONV_2D without bias, which
    /// runtimes do not take, has one of zeros.
    ///
    /// - Throws: `Diagnostic` (.internalError) when a type contradicts inference.
    package static func canonical(_ graph: Graph) throws -> Graph {
        var source = graph
        source.removeUnused()
        var builder = CanonicalBuilder(source: source)
        return try builder.build()
    }
}

private struct CanonicalBuilder {
    let source: Graph
    var result: Graph
    var values: [ValueID: ValueID] = [:]
    var shapeOperands: [ValueID: ValueID] = [:]
    var names: UniqueNames

    init(source: Graph) {
        self.source = source
        result = Graph(name: source.name.isEmpty ? "main" : source.name)
        names = UniqueNames(reserved: Set(source.valueIDs.map { source[$0].name }))
    }

    mutating func build() throws -> Graph {
        var portNames: [ValueID: String] = [:]
        for port in source.inputs + source.outputs where portNames[port.value] == nil {
            portNames[port.value] = names.unique(source[port.value].name)
        }
        for (index, port) in source.inputs.enumerated() {
            let value = source[port.value]
            values[port.value] = result.addInput(portNames[port.value] ?? value.name, canonicalType(value.type))
            result.inputs[index].sourceName = port.sourceName
            result.inputs[index].sourcePermutation = port.sourcePermutation
        }
        for node in source.nodes {
            var inputs = try node.inputs.enumerated().map { index, input in
                try input.map { try operand($0, isShape: node.op.shapeOperands.contains(index), portNames) }
            }
            while let last = inputs.last, last == nil { inputs.removeLast() }
            let outputNames = node.outputs.map { portNames[$0] ?? names.unique(source[$0].name) }
            if case .conv2D = node.op, inputs.count == 2 {
                inputs.append(zeroBias(result.inputTypes(inputs), name: "\(outputNames[0])/bias"))
            }
            let types = node.outputs.map { canonicalType(source.type(of: $0)) }
            let coded = CodedTypes(inputs: result.inputTypes(inputs), outputs: types)
            let results = try result.addNode(
                node.op, inputs, names: outputNames, location: node.location,
                quantization: types.map(\.quantization), elementTypes: coded.resultTypesAskedFor)
            for ((old, new), type) in zip(zip(node.outputs, results), types) {
                guard result.type(of: new) == type else {
                    throw Diagnostic(
                        .internalError, at: "\(node.op.name) \(node.location)",
                        "\(source[old].name) is \(type), inference says \(result.type(of: new))")
                }
                values[old] = new
            }
        }
        for port in source.outputs {
            let value = try operand(port.value, isShape: false, portNames)
            result.addOutput(value, sourceName: port.sourceName)
            result.outputs[result.outputs.count - 1].sourcePermutation = port.sourcePermutation
        }
        return result
    }

    private mutating func operand(
        _ id: ValueID, isShape: Bool, _ portNames: [ValueID: String]
    ) throws -> ValueID {
        let narrows = isShape && source[id].constant?.elementType == .int64
        if let known = narrows ? shapeOperands[id] : values[id] { return known }
        guard var constant = source[id].constant else {
            throw Diagnostic(.internalError, at: source[id].name, "is read before it is computed")
        }
        constant = constant.retyped(canonicalType(constant.type))
        if narrows {
            constant = Tensor(
                constant.elements(of: Int64.self).map { Int32(clamping: $0) }, shape: constant.shape)
        }
        let name = (narrows ? nil : portNames[id]) ?? names.unique(source[id].name)
        let value = result.addConstant(constant, name: name)
        if narrows { shapeOperands[id] = value } else { values[id] = value }
        return value
    }

    private mutating func zeroBias(_ operands: [TensorType], name: String) -> ValueID? {
        guard operands.count == 2 else { return nil }
        let (input, weights) = (operands[0], operands[1])
        let shape: Shape = [weights.shape[0]]
        var type = TensorType(input.elementType, shape)
        if let data = input.quantization, let filter = weights.quantization {
            let scales = filter.scales.map { $0 * data.scale }
            type.elementType = input.elementType == .int16 ? .int64 : .int32
            type.quantization =
                scales.count == 1
                ? QuantizationParameters(scale: scales[0], zeroPoint: 0)
                : QuantizationParameters(
                    scales: scales, zeroPoints: [Int32](repeating: 0, count: scales.count), axis: 0)
        }
        return result.addConstant(Tensor(zeros: type), name: names.unique(name))
    }

    private func canonicalType(_ type: TensorType) -> TensorType {
        var type = type
        if !type.elementType.isInteger { type.quantization = nil }
        if let parameters = type.quantization, parameters.axis != nil, parameters.scales.count == 1 {
            type.quantization = QuantizationParameters(scale: parameters.scale, zeroPoint: parameters.zeroPoint)
        }
        return type
    }
}

extension Graph {
    fileprivate func inputTypes(_ inputs: [ValueID?]) -> [TensorType] { inputs.compactMap { $0.map { type(of: $0) } } }
}

/// Gives out names, each once; a name that is taken gets a number behind it.
struct UniqueNames {
    private let reserved: Set<String>
    private var used: Set<String> = []

    init(reserved: Set<String>) { self.reserved = reserved }

    mutating func unique(_ name: String) -> String {
        let wanted = name.isEmpty ? "tensor" : name
        if used.insert(wanted).inserted { return wanted }
        var number = 1
        while true {
            let candidate = "\(wanted)_\(number)"
            if !reserved.contains(candidate), used.insert(candidate).inserted { return candidate }
            number += 1
        }
    }
}
