import Operators
import TensorCore

/// A value of one graph; stays valid while other values come and go.
public struct ValueID: Sendable, Hashable, Comparable {
    public let index: Int
    public static func < (a: ValueID, b: ValueID) -> Bool { a.index < b.index }
}

/// A node of one graph; stays valid while other nodes come and go.
public struct NodeID: Sendable, Hashable, Comparable {
    public let index: Int
    public static func < (a: NodeID, b: NodeID) -> Bool { a.index < b.index }
}

/// A tensor that flows through the graph, or a constant.
public struct Value: Sendable {
    /// The name in the source model; made unique on export.
    public var name: String
    public var type: TensorType
    /// The bytes of a constant.
    public var constant: Tensor?
    /// The node that computes it; nil for graph inputs and constants.
    public internal(set) var producer: NodeID?
}

/// One operator applied to values.
public struct Node: Sendable {
    public let id: NodeID
    public internal(set) var op: Operator
    /// nil where an optional operand is absent.
    public internal(set) var inputs: [ValueID?]
    public internal(set) var outputs: [ValueID]
    /// Where it comes from, for diagnostics: the source's node name, or the pass that made it.
    public var location: String
}

/// An input or output of the graph and what it was in the source model.
public struct Port: Sendable, Hashable {
    public var value: ValueID
    /// The tensor's name in the source model.
    public var sourceName: String
    /// When not nil, axis i of this tensor is axis `sourcePermutation[i]` of the source's.
    public var sourcePermutation: [Int]?

    public init(value: ValueID, sourceName: String, sourcePermutation: [Int]? = nil) {
        self.value = value
        self.sourceName = sourceName
        self.sourcePermutation = sourcePermutation
    }
}

/// A network: operators in execution order, the values between them, inputs and outputs.
///
/// Importers build it with `add...`; passes change it through ``GraphPatch`` only.
public struct Graph: Sendable {
    public var name: String
    public var inputs: [Port] = []
    public var outputs: [Port] = []
    var valueSlots: [Value?] = []
    var nodeSlots: [Node?] = []
    /// Consumers of every value slot, one entry for every use.
    var userSlots: [[NodeID]] = []
    /// Execution order.
    public internal(set) var order: [NodeID] = []

    public init(name: String) { self.name = name }

    // MARK: Reading

    public subscript(value: ValueID) -> Value {
        guard let found = valueSlots[value.index] else { preconditionFailure("value \(value.index) was removed") }
        return found
    }

    public subscript(node: NodeID) -> Node {
        guard let found = nodeSlots[node.index] else { preconditionFailure("node \(node.index) was removed") }
        return found
    }

    public func contains(_ node: NodeID) -> Bool { node.index < nodeSlots.count && nodeSlots[node.index] != nil }

    /// The nodes in execution order.
    public var nodes: [Node] { order.map { self[$0] } }

    /// The values that exist, by identifier.
    public var valueIDs: [ValueID] { valueSlots.indices.filter { valueSlots[$0] != nil }.map(ValueID.init(index:)) }

    public func type(of value: ValueID) -> TensorType { self[value].type }
    public func constant(_ value: ValueID?) -> Tensor? { value.flatMap { self[$0].constant } }

    /// The integers of a constant, nil for other values.
    public func integers(_ value: ValueID?) -> [Int]? { constant(value)?.integers() }

    /// The nodes that read `value`, one entry for every use.
    public func users(of value: ValueID) -> [NodeID] { userSlots[value.index] }

    public func producer(of value: ValueID) -> Node? { self[value].producer.map { self[$0] } }

    public func isOutput(_ value: ValueID) -> Bool { outputs.contains { $0.value == value } }

    /// True when one node alone reads `value` and it is no graph output.
    public func hasSingleUse(_ value: ValueID) -> Bool { userSlots[value.index].count == 1 && !isOutput(value) }

    public func inputTypes(of node: Node) -> [TensorType?] { node.inputs.map { $0.map { self[$0].type } } }
    public func outputTypes(of node: Node) -> [TensorType] { node.outputs.map { self[$0].type } }

    /// Operands as inference takes them.
    public func operands(_ inputs: [ValueID?]) -> Operands {
        Operands(types: inputs.map { $0.map { self[$0].type } }, constants: inputs.map { constant($0) })
    }

    // MARK: Building

    @discardableResult
    public mutating func addInput(_ name: String, _ type: TensorType) -> ValueID {
        let value = appendValue(Value(name: name, type: type, constant: nil, producer: nil))
        inputs.append(Port(value: value, sourceName: name))
        return value
    }

    public mutating func addConstant(_ tensor: Tensor, name: String) -> ValueID {
        appendValue(Value(name: name, type: tensor.type, constant: tensor, producer: nil))
    }

    /// Appends a node behind all others and returns its results. Types are inferred; `quantization` sets the parameters
    /// of the results where given, and `elementTypes` their element types where the
    /// operator leaves them open (`Operator.admitsResult`).
    ///
    /// - Throws: `Diagnostic` located at `location` when the operands do not fit.
    @discardableResult
    public mutating func addNode(
        _ op: Operator, _ inputs: [ValueID?], names: [String], location: String,
        quantization: [QuantizationParameters?]? = nil, elementTypes: [ElementType]? = nil
    ) throws -> [ValueID] {
        let id = NodeID(index: nodeSlots.count)
        var types = try inferTypes(op, operands(inputs), location: location)
        if let quantization {
            for i in types.indices where i < quantization.count { types[i].quantization = quantization[i] }
        }
        if let elementTypes { try setTypes(elementTypes, of: &types, op, location: location) }
        let outputs = types.enumerated().map { i, type in
            appendValue(
                Value(name: i < names.count ? names[i] : "\(location):\(i)", type: type, constant: nil, producer: id))
        }
        nodeSlots.append(Node(id: id, op: op, inputs: inputs, outputs: outputs, location: location))
        for case let input? in inputs { userSlots[input.index].append(id) }
        order.append(id)
        return outputs
    }

    public mutating func addOutput(_ value: ValueID, sourceName: String? = nil) {
        outputs.append(Port(value: value, sourceName: sourceName ?? self[value].name))
    }

    /// Gives a value another name, for importers that learn it late.
    public mutating func rename(_ value: ValueID, _ name: String) { valueSlots[value.index]?.name = name }

    /// Replaces a constant's tensor, or turns a graph input into a constant (the port is removed).
    public mutating func setConstant(_ value: ValueID, _ tensor: Tensor) {
        valueSlots[value.index]?.constant = tensor
        valueSlots[value.index]?.type = tensor.type
        inputs.removeAll { $0.value == value }
    }

    mutating func appendValue(_ value: Value) -> ValueID {
        valueSlots.append(value)
        userSlots.append([])
        return ValueID(index: valueSlots.count - 1)
    }
}

/// Infers result types and puts `location` in front of what goes wrong.
func inferTypes(_ op: Operator, _ operands: Operands, location: String) throws -> [TensorType] {
    do {
        return try Inference.outputs(of: op, operands)
    } catch let diagnostic as Diagnostic {
        throw diagnostic.located(in: "\(op.name) \(location)")
    }
}

/// Gives results the element types asked for.
///
/// - Throws: `Diagnostic` (.badModel) for one that the operator does not give.
func setTypes(_ asked: [ElementType], of types: inout [TensorType], _ op: Operator, location: String) throws {
    for i in types.indices where i < asked.count {
        guard op.admitsResult(of: asked[i], inferred: types[i].elementType) else {
            throw Diagnostic(
                .badModel, at: "\(op.name) \(location)",
                "gives \(types[i].elementType.rawValue), not \(asked[i].rawValue)")
        }
        types[i].elementType = asked[i]
    }
}
