import GraphIR
import Operators
import TensorCore

extension Pass {
    /// Stores 4-bit codes as int4: int8 tensors that hold the codes 112...127 only, by the fused RELU of their producer,
    /// by MAXIMUM with the constant 112, or because an operator keeps the codes of such operands, become int4 tensors with
    /// codes and zero point 120 lower. Such a MAXIMUM goes, since results of int4 end at -8 by themselves.
    ///
    /// The integers of all other tensors, and of inputs and outputs of the graph, stay what they are.
    package static let fourBitStorage = Pass("four-bit-storage") { rewriting in
        let patch = try FourBitStorage(rewriting.graph).patch(named: "four-bit-storage")
        try rewriting.apply(patch)
        rewriting.removeUnused()
    }
}

extension Pipeline {
    package static let fourBitStorage = Pipeline(steps: [.once(.fourBitStorage)])
}

/// Which values of a graph become int4.
struct FourBitStorage {
    private let graph: Graph
    /// Values that become int4, results of removed MAXIMUM nodes among them.
    private(set) var values: Set<ValueID> = []
    private var restricted: Set<ValueID> = []

    init(_ graph: Graph) {
        self.graph = graph
        for node in graph.nodes {
            if node.keepsToHighCodes(in: graph, restricted: isRestricted) { restricted.formUnion(node.outputs) }
        }
        values = restricted
        // Operands of MAXIMUM that nothing else reads need not be restricted themselves.
        for node in graph.nodes {
            guard let operand = node.operandOfLowerLimit(in: graph), graph.hasSingleUse(operand),
                graph.producer(of: operand)?.rescales(in: graph) == true, FourBitCodes.mayHold(graph.type(of: operand))
            else { continue }
            values.insert(operand)
        }
        var refused: [ValueID] = []
        repeat {
            refused = values.filter { !isPossible($0) }
            values.subtract(refused)
        } while !refused.isEmpty
    }

    private func isRestricted(_ value: ValueID) -> Bool {
        graph.constant(value).map(FourBitCodes.holds) ?? restricted.contains(value)
    }

    private func becomesFourBit(_ value: ValueID) -> Bool {
        graph.constant(value).map(FourBitCodes.holds) ?? values.contains(value)
    }

    private func isPossible(_ value: ValueID) -> Bool {
        guard !graph.isOutput(value), let producer = graph.producer(of: value) else { return false }
        if producer.operandOfLowerLimit(in: graph) == nil {
            if let operands = producer.operandsWithSameCodes(in: graph) {
                guard (operands + producer.outputs).allSatisfy(becomesFourBit) else { return false }
            } else {
                guard producer.rescales(in: graph) else { return false }
            }
        }
        return graph.users(of: value).allSatisfy { takesFourBits($0, as: value) }
    }

    private func takesFourBits(_ user: NodeID, as value: ValueID) -> Bool {
        let node = graph[user]
        if node.operandOfLowerLimit(in: graph) == value { return node.outputs.allSatisfy(becomesFourBit) }
        if let operands = node.operandsWithSameCodes(in: graph) {
            return (operands + node.outputs).allSatisfy(becomesFourBit)
        }
        let contract = node.op.quantizationContract
        switch (node.op, contract.output) {
        case (.quantize, _), (.dequantize, _), (.argument, _): return true
        case (.cast, _): return indexOffsets(behind: node) != nil
        case (_, .calibrated), (_, .fixed): return contract.activationTypes.contains(.int8)
        default: return false
        }
    }

    /// The ADD behind a CAST of codes to indices, and which of its operands is constant.
    private func indexOffsets(behind cast: Node) -> (sum: Node, constant: Int)? {
        guard cast.op == .cast(to: .int32), graph.hasSingleUse(cast.outputs[0]),
            let sum = graph.users(of: cast.outputs[0]).first.map({ graph[$0] }), sum.op == .binary(Binary(.add)),
            let constant = sum.inputs.firstIndex(where: { graph.constant($0)?.elementType == .int32 })
        else { return nil }
        return (sum, constant)
    }

    /// The rewrite of the whole graph.
    func patch(named name: String) throws -> GraphPatch {
        var patch = GraphPatch(name, on: graph)
        var replaced: [ValueID: ValueID] = [:]
        var narrowed: [ValueID: ValueID] = [:]
        for node in graph.nodes {
            if let operand = node.operandOfLowerLimit(in: graph), let result = node.outputs.first,
                values.contains(result)
            {
                let source = replaced[operand] ?? operand
                if values.contains(operand) {
                    replaced[result] = source
                } else {
                    replaced[result] = try patch.addSingle(
                        .quantize(to: .int4), [source], in: graph, name: graph[result].name, location: node.location,
                        quantization: FourBitCodes.narrowed(graph.type(of: result)).quantization)
                }
                patch.replaceUses(of: result, with: replaced[result] ?? source)
                continue
            }
            for output in node.outputs where values.contains(output) {
                patch.setType(of: output, to: FourBitCodes.narrowed(graph.type(of: output)))
                if case .quantize = node.op { patch.setOperator(of: node.id, to: .quantize(to: .int4)) }
            }
            if node.outputs.contains(where: values.contains), let operands = node.operandsWithSameCodes(in: graph) {
                for operand in Set(operands) {
                    guard let constant = graph.constant(operand) else { continue }
                    let copy =
                        narrowed[operand]
                        ?? patch.addConstant(FourBitCodes.narrowed(constant), name: "\(graph[operand].name)_int4")
                    narrowed[operand] = copy
                    for (index, input) in node.inputs.enumerated() where input == operand {
                        patch.setOperand(index, of: node.id, to: copy)
                    }
                }
            }
            if case .cast = node.op, let codes = node.inputs[0], values.contains(codes),
                let (sum, index) = indexOffsets(behind: node), let offsets = graph.constant(sum.inputs[index])
            {
                let raised = offsets.elements(of: Int32.self).map { $0 &+ FourBitCodes.offset }
                let operand = patch.addConstant(
                    Tensor(raised, shape: offsets.shape), name: "\(sum.location)_offsets")
                patch.setOperand(index, of: sum.id, to: operand)
            }
        }
        for node in graph.nodes.reversed() where node.outputs.contains(where: { replaced[$0] != nil }) {
            patch.remove(node.id)
        }
        return patch
    }
}
