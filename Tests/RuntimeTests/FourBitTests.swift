import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

/// int4 activations: the fast kernels against the reference kernels.
struct FourBitTests {
    static let families: [Family] = [
        .convolutionCodes, .depthwiseCodes, .transposedConvolutionCodes, .fullyConnectedCodes, .batchMatMulCodes,
        .binaryCodes, .unaryCodes, .quantize, .poolCodes, .bilinearCodes, .nearest, .softmaxCodes, .reduceCodes,
        .argument, .movementCodes,
    ]

    @Test(arguments: families, 0..<60)
    func equalsTheReference(_ family: Family, _ seed: Int) throws {
        var source = RandomSource(seed: seed &* 77 &+ 5)
        guard let random = try family.make(seed).inFourBits(&source) else { return }
        let expected = try Plan(random.graph, options: RunOptions(engine: .reference)).run(random.inputs)
        let got = try Plan(random.graph, options: RunOptions(engine: .fast, threads: 2)).run(random.inputs)
        for (a, b) in zip(got, expected) {
            if b.elementType == .float32 {
                #expect(a.elements(of: Float.self) == b.elements(of: Float.self), "\(random.graph)")
            } else {
                #expect(a.isIdentical(to: b), "\(random.graph)")
            }
            if b.elementType == .int4 { #expect(b.elements(of: Int8.self).allSatisfy { -8...7 ~= $0 }) }
        }
    }

    /// Results are the int8 kernel's, limited to 16 codes: with parameters 120 codes higher they end at 127 and are at
    /// least 112 after MAXIMUM.
    @Test(arguments: families, 0..<20)
    func resultsAreThoseOfEightBitsLimited(_ family: Family, _ seed: Int) throws {
        var source = RandomSource(seed: seed &* 91 &+ 3)
        // Sums beyond 31 bits wrap or saturate by way of the zero point.
        let moderate = try family.make(seed).rebuilt { tensor in
            guard tensor.elementType == .int32 else { return tensor }
            return Tensor(
                tensor.elements(of: Int32.self).map { max(-1 << 20, min(1 << 20, $0)) }, shape: tensor.shape)
        } result: {
            $0
        }
        guard let random = try moderate.inFourBits(&source), family != .argument,
            random.graph.outputs.allSatisfy({ random.graph.type(of: $0.value).elementType == .int4 })
        else { return }
        let high = try random.rebuilt { tensor in
            guard tensor.elementType == .int4, let q = tensor.type.quantization else { return tensor }
            return Tensor(
                tensor.elements(of: Int8.self).map { $0 + 120 }, shape: tensor.shape,
                quantization: QuantizationParameters(scale: q.scale, zeroPoint: q.zeroPoint + 120))
        } result: { type in
            guard type.elementType == .int4, let q = type.quantization else { return type }
            return TensorType(
                .int8, type.shape, quantization: QuantizationParameters(scale: q.scale, zeroPoint: q.zeroPoint + 120))
        }
        if family == .bilinearCodes { return }
        if case .averagePool2D = random.graph.nodes[0].op { return }
        let four = try Plan(random.graph, options: RunOptions(engine: .reference)).run(random.inputs)
        let eight = try Plan(high.graph, options: RunOptions(engine: .reference)).run(high.inputs)
        for (a, b) in zip(four, eight) {
            #expect(
                a.elements(of: Int8.self) == b.elements(of: Int8.self).map { max(112, $0) - 120 }, "\(random.graph)")
        }
    }

    @Test func resultsTakeTheTypeAskedForWhereTheOperatorLeavesItOpen() throws {
        var graph = Graph(name: "types")
        let parameters = QuantizationParameters(scale: 0.1, zeroPoint: 0)
        let input = graph.addInput("x", TensorType(.int8, [1, 4], quantization: parameters))
        let narrow = try graph.addNode(
            .unary(.relu), [input], names: ["narrow"], location: "relu", quantization: [parameters],
            elementTypes: [.int4])
        #expect(graph.type(of: narrow[0]).elementType == .int4)
        try graph.verify()
        let sum = try graph.addNode(
            .binary(Binary(.add)), [narrow[0], input], names: ["sum"], location: "sum", quantization: [parameters])
        #expect(graph.type(of: sum[0]).elementType == .int8)
        let soft = try graph.addNode(.softmax(beta: 1), [narrow[0]], names: ["soft"], location: "soft")
        #expect(graph.type(of: soft[0]).elementType == .int8)
        var wrong = graph
        #expect(throws: Diagnostic.self) {
            try wrong.addNode(
                .binary(Binary(.maximum)), [narrow[0], input], names: [], location: "max")
        }
        let pool = Pool2D(window: Extent2D(1), stride: Extent2D(1), padding: .same)
        let image = graph.addInput("i", TensorType(.int8, [1, 4, 4, 1], quantization: parameters))
        #expect(throws: Diagnostic.self) {
            try graph.addNode(.maxPool2D(pool), [image], names: [], location: "pool", elementTypes: [.int4])
        }
    }
}

extension RandomCase {
    /// The case with other operands and results.
    func rebuilt(_ change: (Tensor) -> Tensor, result: (TensorType) -> TensorType) throws -> RandomCase {
        let node = graph.nodes[0]
        var fed = inputs.makeIterator()
        var constants: Set<Int> = []
        let operands = node.inputs.enumerated().map { index, input -> Tensor? in
            guard let input else { return nil }
            if let constant = graph.constant(input) {
                constants.insert(index)
                return change(constant)
            }
            return fed.next().map(change)
        }
        var built = Graph(name: "case")
        var values: [Tensor] = []
        let ids: [ValueID?] = operands.enumerated().map { index, tensor in
            guard let tensor else { return nil }
            if constants.contains(index) { return built.addConstant(tensor, name: "constant\(index)") }
            values.append(tensor)
            return built.addInput("input\(index)", tensor.type)
        }
        var op = node.op
        let types = graph.outputTypes(of: node).map(result)
        if case .quantize = op { op = .quantize(to: types[0].elementType) }
        for output in try built.addNode(
            op, ids, names: [], location: "node", quantization: types.map(\.quantization),
            elementTypes: types.map(\.elementType))
        { built.addOutput(output) }
        return RandomCase(graph: built, inputs: values)
    }

    /// The case with some of its int8 activations as int4, all of them where the operator asks for one type; nil when
    /// there is nothing to change.
    func inFourBits(_ random: inout RandomSource) throws -> RandomCase? {
        let node = graph.nodes[0]
        let contract = node.op.quantizationContract
        let isUniform = contract.output == .sameAsOperands
        var weights: Set<ValueID> = []
        for (index, input) in node.inputs.enumerated() {
            guard let input, case .weight = contract.role(of: index) else { continue }
            weights.insert(input)
        }
        let operands = node.inputs.compactMap { $0 }.filter {
            !weights.contains($0) && graph.type(of: $0).elementType == .int8
        }
        let results = graph.outputTypes(of: node)
        let keepsResult = contract.output != .calibrated && !isUniform
        guard !operands.isEmpty || results.contains(where: { $0.elementType == .int8 && !keepsResult }) else {
            return nil
        }
        let common = QuantizationParameters(scale: random.scale(), zeroPoint: Int32(random.integer(-8...7)))
        func parameters(_ q: QuantizationParameters) -> QuantizationParameters {
            isUniform ? common : QuantizationParameters(scale: q.scale, zeroPoint: max(-8, min(7, q.zeroPoint % 8)))
        }
        let isWeight = node.inputs.enumerated().compactMap { index, input in
            input.flatMap { weights.contains($0) ? graph.constant($0)?.storageIdentity : nil }
        }
        var chance = random
        let wantsResult = chance.chance(2)
        let built = try rebuilt { tensor in
            guard tensor.elementType == .int8, let q = tensor.type.quantization, !q.isPerChannel,
                !isWeight.contains(tensor.storageIdentity), isUniform || chance.chance(2)
            else { return tensor }
            return Tensor(
                tensor.elements(of: Int8.self).map { ($0 & 15) - 8 }, shape: tensor.shape, as: .int4,
                quantization: parameters(q))
        } result: { type in
            guard type.elementType == .int8, let q = type.quantization, !keepsResult, isUniform || wantsResult else {
                return type
            }
            return TensorType(.int4, type.shape, quantization: parameters(q))
        }
        random = chance
        return built
    }
}
