import Operators
import TensorCore

/// A proposed rewrite: nodes to add, uses to redirect, nodes to remove. Nothing happens until ``Graph/apply(_:)``.
public struct GraphPatch: Sendable {
    /// The pass that proposes it; becomes part of the new nodes' location.
    public let pass: String
    private let firstValue: Int
    private let firstNode: Int
    var newValues: [Value] = []
    var newNodes: [Node] = []
    var replacements: [(old: ValueID, new: ValueID)] = []
    var removals: [NodeID] = []
    var operatorChanges: [(node: NodeID, op: Operator)] = []
    var operandChanges: [(node: NodeID, index: Int, value: ValueID?)] = []
    var typeChanges: [(value: ValueID, type: TensorType)] = []
    var permutedPorts: [(value: ValueID, permutation: [Int])] = []

    public init(_ pass: String, on graph: Graph) {
        self.pass = pass
        firstValue = graph.valueSlots.count
        firstNode = graph.nodeSlots.count
    }

    public var isEmpty: Bool {
        newNodes.isEmpty && replacements.isEmpty && removals.isEmpty && operatorChanges.isEmpty
            && operandChanges.isEmpty && typeChanges.isEmpty && permutedPorts.isEmpty
    }

    public mutating func addConstant(_ tensor: Tensor, name: String) -> ValueID {
        append(Value(name: name, type: tensor.type, constant: tensor, producer: nil))
    }

    /// Proposes a node; operands may be values of `graph` or of this patch. Types are inferred; `quantization` sets the
    /// parameters of the results where given, and `elementTypes` their element types where the operator leaves them open.
    public mutating func addNode(
        _ op: Operator, _ inputs: [ValueID?], in graph: Graph, names: [String], location: String,
        quantization: [QuantizationParameters?]? = nil, elementTypes: [ElementType]? = nil
    ) throws -> [ValueID] {
        let id = NodeID(index: firstNode + newNodes.count)
        let operands = Operands(
            types: inputs.map { $0.map { value($0, in: graph).type } },
            constants: inputs.map { $0.flatMap { value($0, in: graph).constant } })
        var types = try inferTypes(op, operands, location: "\(location) [\(pass)]")
        if let quantization {
            for i in types.indices where i < quantization.count { types[i].quantization = quantization[i] }
        }
        if let elementTypes { try setTypes(elementTypes, of: &types, op, location: "\(location) [\(pass)]") }
        let outputs = types.enumerated().map { i, type in
            append(
                Value(name: i < names.count ? names[i] : "\(location):\(i)", type: type, constant: nil, producer: id))
        }
        newNodes.append(Node(id: id, op: op, inputs: inputs, outputs: outputs, location: location))
        return outputs
    }

    /// All uses of `old`, as operand and as graph output, become uses of `new`. When `old` is a graph output, `new` takes
    /// its name.
    public mutating func replaceUses(of old: ValueID, with new: ValueID) { replacements.append((old, new)) }

    /// Removes a node whose results nothing uses any more once the patch is applied.
    public mutating func remove(_ node: NodeID) { removals.append(node) }

    /// Gives a node another payload; its results keep their types.
    public mutating func setOperator(of node: NodeID, to op: Operator) { operatorChanges.append((node, op)) }

    /// Gives one operand of a node another value.
    public mutating func setOperand(_ index: Int, of node: NodeID, to value: ValueID?) {
        operandChanges.append((node, index, value))
    }

    /// Gives a value another type. The verifier holds it against inference.
    public mutating func setType(of value: ValueID, to type: TensorType) { typeChanges.append((value, type)) }

    /// Says that axis i of the input or output `value` is now axis `permutation[i]` of what it was. Composes with an
    /// earlier permutation of the port.
    public mutating func permutePort(_ value: ValueID, by permutation: [Int]) {
        permutedPorts.append((value, permutation))
    }

    /// A value of the graph, with the type that this patch gives it, or a value of this patch.
    public func value(_ id: ValueID, in graph: Graph) -> Value {
        guard id.index < firstValue else { return newValues[id.index - firstValue] }
        var value = graph[id]
        if let change = typeChanges.last(where: { $0.value == id }) { value.type = change.type }
        return value
    }

    private mutating func append(_ value: Value) -> ValueID {
        newValues.append(value)
        return ValueID(index: firstValue + newValues.count - 1)
    }

    var base: (values: Int, nodes: Int) { (firstValue, firstNode) }
}

extension Graph {
    /// Carries out `patch`, puts the nodes in execution order and verifies what it touched.
    ///
    /// - Throws: `Diagnostic` (.internalError) when the patch was made for another state of the graph, leaves a dangling
    ///   use, a cycle, or a type that inference contradicts.
    public mutating func apply(_ patch: GraphPatch) throws {
        guard patch.base == (valueSlots.count, nodeSlots.count) else {
            throw Diagnostic(.internalError, at: patch.pass, "the graph has changed since this patch was proposed")
        }
        for value in patch.newValues { _ = appendValue(value) }
        nodeSlots.append(contentsOf: patch.newNodes.map(Optional.some))
        var touched = Set(patch.newNodes.map(\.id))
        for node in patch.newNodes {
            for case let input? in node.inputs { userSlots[input.index].append(node.id) }
        }
        for (value, type) in patch.typeChanges {
            valueSlots[value.index]?.type = type
            if let producer = self[value].producer { touched.insert(producer) }
            touched.formUnion(userSlots[value.index])
        }
        for (node, op) in patch.operatorChanges {
            nodeSlots[node.index]?.op = op
            touched.insert(node)
        }
        for (node, index, value) in patch.operandChanges {
            setOperand(index, of: node, to: value)
            touched.insert(node)
        }
        let added = Set(patch.newNodes.map(\.id))
        for (old, new) in patch.replacements { touched.formUnion(redirect(old, to: new, keeping: added)) }
        insertInOrder(patch)
        for node in patch.removals where contains(node) { try removeNode(node, pass: patch.pass) }
        for (value, permutation) in patch.permutedPorts { permutePorts(value, permutation) }
        try sortTopologically()
        for node in touched where contains(node) { try verify(node) }
    }

    private mutating func setOperand(_ index: Int, of node: NodeID, to value: ValueID?) {
        guard var changed = nodeSlots[node.index] else { return }
        while changed.inputs.count <= index { changed.inputs.append(nil) }
        if let old = changed.inputs[index], let use = userSlots[old.index].firstIndex(of: node) {
            userSlots[old.index].remove(at: use)
        }
        changed.inputs[index] = value
        if let value { userSlots[value.index].append(node) }
        nodeSlots[node.index] = changed
    }

    /// Redirects every use of `old` except those by nodes of the patch itself, which may wrap the old value.
    private mutating func redirect(_ old: ValueID, to new: ValueID, keeping added: Set<NodeID>) -> Set<NodeID> {
        let users = userSlots[old.index].filter { !added.contains($0) }
        for user in Set(users) {
            guard var node = nodeSlots[user.index] else { continue }
            for i in node.inputs.indices where node.inputs[i] == old { node.inputs[i] = new }
            nodeSlots[user.index] = node
        }
        userSlots[old.index].removeAll { !added.contains($0) }
        userSlots[new.index].append(contentsOf: users)
        for i in outputs.indices where outputs[i].value == old {
            outputs[i].value = new
            let name = self[old].name
            if self[new].constant == nil, self[new].producer != nil {
                valueSlots[old.index]?.name = "\(name)_replaced"
                valueSlots[new.index]?.name = name
            }
        }
        return Set(users)
    }

    private mutating func removeNode(_ id: NodeID, pass: String) throws {
        let node = self[id]
        for output in node.outputs {
            guard userSlots[output.index].allSatisfy({ !contains($0) }), !isOutput(output) else {
                throw Diagnostic(
                    .internalError, at: "\(pass) \(node.location)", "removes \(self[output].name), which is still used")
            }
        }
        for case let input? in node.inputs {
            if let use = userSlots[input.index].firstIndex(of: id) { userSlots[input.index].remove(at: use) }
        }
        for output in node.outputs { valueSlots[output.index] = nil }
        nodeSlots[id.index] = nil
        order.removeAll { $0 == id }
    }

    private mutating func insertInOrder(_ patch: GraphPatch) {
        guard !patch.newNodes.isEmpty else { return }
        let removed = Set(patch.removals)
        let position = order.firstIndex { removed.contains($0) } ?? order.count
        order.insert(contentsOf: patch.newNodes.map(\.id), at: position)
    }

    private mutating func permutePorts(_ value: ValueID, _ permutation: [Int]) {
        func compose(_ port: inout Port) {
            port.sourcePermutation = permutation.map { port.sourcePermutation?[$0] ?? $0 }
            if port.sourcePermutation == Array(0..<permutation.count) { port.sourcePermutation = nil }
        }
        for i in inputs.indices where inputs[i].value == value { compose(&inputs[i]) }
        for i in outputs.indices where outputs[i].value == value { compose(&outputs[i]) }
    }
}
