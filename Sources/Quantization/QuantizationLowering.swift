import GraphIR
import Operators
import TensorCore

/// Emits the quantised graph node by node, keeping for every source value its float and its integer form.
struct QuantizationLowering {
    let source: Graph
    let statistics: CalibrationStatistics
    let options: QuantizationOptions
    let placements: [NodeID: NodePlacement]
    /// The values that get 4-bit codes when they are computed.
    private var narrow: Set<ValueID> = []
    /// The 4-bit operands that tables expand.
    private(set) var polishing = PolishingPlan()
    var target: Graph
    /// Parameters chosen for the values computed on integers.
    private(set) var chosen: [ValueID: QuantizationParameters] = [:]

    private var floatForm: [ValueID: ValueID] = [:]
    private var integerForm: [ValueID: ValueID] = [:]
    private var requantized: [Requantization: ValueID] = [:]
    private var copied: [ValueID: ValueID] = [:]
    /// Values computed in float; the float form of the others is dequantised.
    private var nativeFloat = Set<ValueID>()
    /// Values of `target` all of whose codes are 4-bit ones.
    private var restricted = Set<ValueID>()
    private var polishedForm: [ValueID: ValueID] = [:]

    private struct Requantization: Hashable {
        var value: ValueID
        var parameters: QuantizationParameters
    }

    init(
        source: Graph, statistics: CalibrationStatistics, options: QuantizationOptions,
        placements: [NodeID: NodePlacement]
    ) {
        self.source = source
        self.statistics = statistics
        self.options = options
        self.placements = placements
        target = Graph(name: source.name)
        if let polishing = options.polishing {
            self.polishing = PolishingPlan(
                source, statistics: statistics, options: polishing,
                isNarrow: { placements[$0.id] == .integer && options.widths.hasNarrowOperands($0) },
                parameters: { try? (calibratedParameters($0), calibratedParameters($0, isNarrow: true)) })
        }
        narrow = NarrowValues(source, placements, options.widths, except: Set(polishing.values.keys)).values
    }

    mutating func run() throws {
        for port in source.inputs {
            let value = source[port.value]
            guard value.type.elementType == .float32 else {
                copied[port.value] = target.addInput(value.name, value.type)
                continue
            }
            if options.integerPorts, source.users(of: port.value).contains(where: { placements[$0] == .integer }) {
                let parameters = try calibratedParameters(port.value)
                let type = TensorType(options.activationType, value.type.shape, quantization: parameters)
                integerForm[port.value] = target.addInput(value.name, type)
                chosen[port.value] = parameters
            } else {
                floatForm[port.value] = target.addInput(value.name, value.type)
                nativeFloat.insert(port.value)
            }
        }
        for index in source.inputs.indices {
            target.inputs[index].sourceName = source.inputs[index].sourceName
            target.inputs[index].sourcePermutation = source.inputs[index].sourcePermutation
        }
        for node in source.nodes {
            if placements[node.id] == .integer { try emitInteger(node) } else { try emitFloat(node) }
        }
        for port in source.outputs {
            let isCodes = options.integerPorts && integerForm[port.value] != nil
            let value = try isCodes ? natural(port.value) : float(port.value)
            target.addOutput(value, sourceName: port.sourceName)
            target.outputs[target.outputs.count - 1].sourcePermutation = port.sourcePermutation
            target.rename(value, source[port.value].name)
        }
    }

    // MARK: Forms of a value

    /// The value as it is in the source: float, or integers that are no codes.
    private mutating func float(_ value: ValueID) throws -> ValueID {
        if let found = floatForm[value] ?? copied[value] { return found }
        let original = source[value]
        if let constant = original.constant {
            copied[value] = target.addConstant(constant, name: original.name)
            return copied[value] ?? value
        }
        guard let codes = integerForm[value] else {
            throw Diagnostic(.internalError, at: original.name, "is used before it is computed")
        }
        let result = try target.addNode(
            .dequantize, [codes], names: ["\(original.name)/dequantize"], location: "\(original.name)/dequantize")[0]
        floatForm[value] = result
        return result
    }

    /// The value as codes with the parameters it was computed with.
    private mutating func natural(_ value: ValueID) throws -> ValueID {
        if let found = integerForm[value] { return found }
        let parameters = try constantParameters(value) ?? calibratedParameters(value)
        let result = try integer(value, parameters)
        if source.constant(value) == nil {
            integerForm[value] = result
            chosen[value] = parameters
        }
        return result
    }

    /// The value as codes with `parameters`.
    private mutating func integer(
        _ value: ValueID, _ parameters: QuantizationParameters, isNarrow: Bool = false
    ) throws -> ValueID {
        if let found = integerForm[value], target.type(of: found).quantization == parameters { return found }
        let key = Requantization(value: value, parameters: parameters)
        if let found = requantized[key] { return found }
        let original = source[value]
        let result: ValueID
        if let constant = original.constant {
            result = target.addConstant(
                WeightQuantization.activation(constant, parameters, options.activationType), name: original.name)
        } else {
            let operand = try nativeFloat.contains(value) ? float(value) : integerForm[value] ?? float(value)
            let codes = try target.addNode(
                .quantize(to: options.activationType), [operand], names: ["\(original.name)/quantize"],
                location: "\(original.name)/quantize", quantization: [parameters])[0]
            result = try isNarrow ? clamped(codes) : codes
        }
        requantized[key] = result
        return result
    }

    /// The value as an operand of a convolution or product.
    private mutating func factor(_ value: ValueID, of node: Node) throws -> ValueID {
        guard options.widths.hasNarrowOperands(node), source.constant(value) == nil else { return try natural(value) }
        if let polishing = polishing.values[value] { return try polished(value, polishing) }
        if let found = integerForm[value], restricted.contains(found) { return found }
        return try integer(value, calibratedParameters(value, isNarrow: true), isNarrow: true)
    }

    /// The value after it was stored with 4 bits and expanded.
    private mutating func polished(_ value: ValueID, _ polishing: ValuePolishing) throws -> ValueID {
        if let found = polishedForm[value] { return found }
        let codes = try natural(value)
        let polishing = try polishing.with(parameters(of: codes), channels: statistics.channelRanges[value] ?? [])
        let result = try PolishedStorage.polish(
            codes, polishing.table, places: polishing.places, name: "\(source[value].name)/polish", in: &target)
        polishedForm[value] = result
        return result
    }

    /// `value`, which has the parameters of 4-bit codes, with no code below theirs.
    private mutating func clamped(_ value: ValueID) throws -> ValueID {
        guard let producer = target.producer(of: value) else { return value }
        let parameters = try parameters(of: value)
        var isClamped = producer.op.passesCodes
        if parameters.zeroPoint == NarrowCodes.lowest {
            if producer.op.clampsAtZero { isClamped = true }
            // Codes at or above real 0 stay there.
            if case .quantize = producer.op, let input = producer.inputs[0],
                target.type(of: input).quantization?.zeroPoint == -128
            {
                isClamped = true
            }
        }
        if isClamped {
            restricted.insert(value)
            return value
        }
        let lowest = target.addConstant(
            Tensor([Int8(NarrowCodes.lowest)], shape: [], quantization: parameters), name: "lowest 4-bit code")
        let name = "\(target[value].name)/clamp"
        let result = try target.addNode(
            .binary(Binary(.maximum)), [value, lowest], names: [name], location: name, quantization: [parameters])[0]
        restricted.insert(result)
        return result
    }

    // MARK: Parameters

    private func calibratedParameters(_ value: ValueID, isNarrow: Bool = false) throws -> QuantizationParameters {
        if let range = options.fixedRanges[source[value].name], !isNarrow {
            return .covering(range, options.activationType)
        }
        guard let range = statistics.ranges[value], range.count > 0 else {
            throw Diagnostic(.badData, at: source[value].name, "no calibration sample gave it a finite element")
        }
        let levels = isNarrow ? 16 : options.activationType == .int16 ? 65535 : 256
        let readers = Set(source.users(of: value).map { source[$0].op })
        let function = readers.count == 1 && !source.isOutput(value) ? readers.first?.saturatingFunction : nil
        let interval = range.range(by: options.range, levels: levels, through: function)
        return isNarrow ? NarrowCodes.covering(interval) : .covering(interval, options.activationType)
    }

    private func constantParameters(_ value: ValueID) throws -> QuantizationParameters? {
        guard let constant = source.constant(value), constant.elementType == .float32 else { return nil }
        let finite = constant.elements(of: Float.self).filter(\.isFinite)
        return .covering(min(finite.min() ?? 0, 0)...max(finite.max() ?? 0, 0), options.activationType)
    }

    /// Parameters for the result of a calibrated node. When operators that keep or share their operand's parameters are
    /// all that reads it, up to one that joins several operands, the join's parameters spare a second rounding.
    private func outputParameters(_ value: ValueID) throws -> QuantizationParameters {
        var last = value
        while source.hasSingleUse(last), let user = source.users(of: last).first, placements[user] == .integer {
            let node = source[user]
            guard node.op.quantizationContract.output == .sameAsOperands else { break }
            let joins = activationOperands(node).count > 1
            guard let next = node.outputs.first, node.outputs.count == 1 else { break }
            last = next
            if joins { return try calibratedParameters(last, isNarrow: narrow.contains(value)) }
        }
        return try calibratedParameters(value, isNarrow: narrow.contains(value))
    }

    private func activationOperands(_ node: Node) -> [Int] {
        let contract = node.op.quantizationContract
        return node.inputs.indices.filter { index in
            guard let input = node.inputs[index],
                contract.role(of: index, isConstant: source.constant(input) != nil) == .activation
            else { return false }
            return source.type(of: input).elementType == .float32
        }
    }

    // MARK: Nodes

    private mutating func emitFloat(_ node: Node) throws {
        let inputs = try node.inputs.map { try $0.map { try float($0) } }
        let names = node.outputs.map { source[$0].name }
        let results = try target.addNode(
            node.op, inputs, names: names, location: node.location,
            quantization: node.outputs.map { source.type(of: $0).quantization })
        for (output, result) in zip(node.outputs, results) { floatForm[output] = result }
        nativeFloat.formUnion(node.outputs)
    }

    private mutating func emitInteger(_ node: Node) throws {
        let contract = node.op.quantizationContract
        let activations = activationOperands(node)
        var operands = [ValueID?](repeating: nil, count: node.inputs.count)
        var results: QuantizationParameters
        switch contract.output {
        case .sameAsOperands:
            if activations.count == 1, let input = node.inputs[activations[0]] {
                let codes = try natural(input)
                results = try parameters(of: codes)
            } else {
                results = try sharedParameters(node)
            }
            let isNarrow = narrow.contains(node.outputs[0]) && results.zeroPoint >= NarrowCodes.lowest
            for index in activations {
                operands[index] = try node.inputs[index].map { try integer($0, results, isNarrow: isNarrow) }
            }
        case .fixed(let scale, let zeroPoint, let scale16):
            results = QuantizationParameters(
                scale: options.activationType == .int16 ? scale16 : scale,
                zeroPoint: options.activationType == .int16 ? 0 : zeroPoint)
            for index in activations { operands[index] = try node.inputs[index].map { try natural($0) } }
        case .calibrated, .notQuantized:
            results = try outputParameters(node.outputs[0])
            for index in activations { operands[index] = try node.inputs[index].map { try factor($0, of: node) } }
        }
        for (index, input) in node.inputs.enumerated() where operands[index] == nil {
            guard let input else { continue }
            operands[index] = try constantOperand(input, contract.role(of: index), node, operands)
        }
        let produced = try target.addNode(
            node.op, operands, names: node.outputs.map { source[$0].name }, location: node.location,
            quantization: node.outputs.map { source.type(of: $0).elementType == .float32 ? results : nil })
        for (output, result) in zip(node.outputs, produced) {
            if source.type(of: output).elementType == .float32 {
                let isNarrow =
                    contract.output == .sameAsOperands
                    ? activations.allSatisfy { operands[$0].map(restricted.contains) ?? false }
                    : narrow.contains(output) && contract.output == .calibrated
                if isNarrow, contract.output == .sameAsOperands { restricted.insert(result) }
                integerForm[output] = try isNarrow && contract.output == .calibrated ? clamped(result) : result
                chosen[output] = results
            } else {
                copied[output] = result
            }
        }
    }

    private func parameters(of codes: ValueID) throws -> QuantizationParameters {
        guard let found = target.type(of: codes).quantization else {
            throw Diagnostic(.internalError, at: target[codes].name, "has no quantisation parameters")
        }
        return found
    }

    /// Parameters for an operator whose operands must share them: those of the operands when they agree, else the
    /// result's own.
    private mutating func sharedParameters(_ node: Node) throws -> QuantizationParameters {
        let known = activationOperands(node).compactMap { index in
            node.inputs[index].flatMap { integerForm[$0] }.flatMap { target.type(of: $0).quantization }
        }
        if known.count == activationOperands(node).count, Set(known).count == 1 { return known[0] }
        return try outputParameters(node.outputs[0])
    }

    private mutating func constantOperand(
        _ input: ValueID, _ role: QuantizationContract.OperandRole, _ node: Node, _ operands: [ValueID?]
    ) throws -> ValueID {
        guard let constant = source.constant(input), constant.elementType == .float32 else { return try float(input) }
        switch role {
        case .weight(let axis):
            if node.op == .prelu { return try natural(input) }
            var perChannel = axis
            if options.perTensorMatrices, case .fullyConnected = node.op { perChannel = nil }
            let type: ElementType = options.widths.hasNarrowWeights(node) ? .int4 : .int8
            return target.addConstant(
                WeightQuantization.symmetric(
                    constant, axis: perChannel, type: type, minMax: type == .int8 || options.range == .minMax),
                name: source[input].name)
        case .bias(let inputIndex, let weightIndex):
            guard let data = operands[inputIndex], let weights = operands[weightIndex],
                let weightParameters = target.type(of: weights).quantization
            else { throw Diagnostic(.internalError, at: node.location, "its bias has no operands to follow") }
            let scale = try parameters(of: data).scale
            let codes = WeightQuantization.bias(
                constant, inputScale: scale, weights: weightParameters, wide: options.activationType == .int16)
            return target.addConstant(codes, name: source[input].name)
        case .activation: return try natural(input)
        case .index: return try float(input)
        }
    }
}
