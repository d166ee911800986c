import Evaluation
import GraphIR
import Operators
import Runtime
import TensorCore

/// The float counterpart of a quantised graph, node by node: every integer operator is the float operator of the same
/// kind on real numbers, QUANTIZE and DEQUANTIZE pass their operand on.
///
/// Constants are those of the float graph that was quantised where a node of it has the same result, operator and shapes;
/// else they are dequantised. Nodes that the float graph does not have keep the clipping of their result, which may be
/// what they are for. Operators that read codes as codes (BITCAST, CAST) stay, behind a QUANTIZE.
struct FloatTwin: Sendable {
    /// How a node of the quantised graph appears.
    enum Form: Sendable, Hashable {
        /// It is float, or computes indices: the same node.
        case unchanged
        /// QUANTIZE or DEQUANTIZE: its operand.
        case identity
        /// The float operator.
        case float
        /// The same node on codes made of the real operand.
        case codes
    }

    let graph: Graph
    /// Nodes of the float graph by the name of their first result; empty when constants are dequantised.
    private let counterparts: [String: Node]
    private let reference: Graph
    private let usesReferenceConstants: Bool

    init(of graph: Graph, reference: Graph, usesReferenceConstants: Bool) {
        self.graph = graph
        self.reference = reference
        self.usesReferenceConstants = usesReferenceConstants
        var counterparts: [String: Node] = [:]
        for node in reference.nodes {
            if let output = node.outputs.first { counterparts[reference[output].name] = node }
        }
        self.counterparts = counterparts
    }

    func form(of node: Node) -> Form {
        let reads = node.inputs.contains { $0.map { isCodes($0) } ?? false }
        let writes = node.outputs.contains { isCodes($0) }
        switch node.op {
        case .quantize, .dequantize: return .identity
        case .bitcast, .cast: return reads ? .codes : .unchanged
        default: return reads || writes ? .float : .unchanged
        }
    }

    /// True for integers that stand for reals.
    func isCodes(_ value: ValueID) -> Bool {
        let type = graph.type(of: value)
        return type.quantization != nil && !type.elementType.isFloat
    }

    /// The node of the float graph that computes what `node` computes. Files give a second value of the same name a
    /// number, as in `depth_1`.
    func counterpart(of node: Node) -> Node? {
        guard let output = node.outputs.first else { return nil }
        let name = graph[output].name
        var candidates = [name]
        if let underscore = name.lastIndex(of: "_"), name[underscore...].dropFirst().allSatisfy(\.isNumber) {
            candidates.append(String(name[..<underscore]))
        }
        return candidates.lazy.compactMap { counterparts[$0] }.first { $0.op.name == node.op.name }
    }

    /// True when most convolutions and matrix products compute with the float graph's weights.
    var usesFloatWeights: Bool {
        let nodes = graph.nodes.filter { node in
            Cost.multiplyAccumulates(
                of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
                > 0
        }
        return usesReferenceConstants && 2 * nodes.count { counterpart(of: $0) != nil } >= nodes.count
    }

    /// The type of a value in the twin.
    func type(of value: ValueID) -> TensorType {
        let type = graph.type(of: value)
        return isCodes(value) ? TensorType(.float32, type.shape) : type
    }

    /// Adds the twin of `node` to `target` and returns its results there.
    ///
    /// - Parameter operands: values of `target` for the operands that are not constant.
    func emit(_ node: Node, into target: inout Graph, operands: [ValueID: ValueID]) throws -> [ValueID] {
        let form = form(of: node)
        var inputs: [ValueID?] = []
        for (index, input) in node.inputs.enumerated() {
            guard let input else {
                inputs.append(nil)
                continue
            }
            if let known = operands[input] {
                inputs.append(known)
            } else if let constant = graph.constant(input) {
                let real = form == .codes ? constant : realConstant(constant, node, index)
                inputs.append(target.addConstant(real, name: graph[input].name))
            } else {
                throw Diagnostic(.internalError, at: graph[input].name, "is used before it is computed")
            }
        }
        let names = node.outputs.map { graph[$0].name }
        switch form {
        case .identity:
            return inputs.prefix(1).compactMap { $0 }
        case .codes:
            for (index, input) in node.inputs.enumerated() {
                guard let input, isCodes(input), graph.constant(input) == nil, let operand = inputs[index] else {
                    continue
                }
                let type = graph.type(of: input)
                inputs[index] = try target.addNode(
                    .quantize(to: type.elementType), [operand], names: ["\(graph[input].name)/codes"],
                    location: "\(graph[input].name)/codes", quantization: [type.quantization])[0]
            }
            return try target.addNode(
                node.op, inputs, names: names, location: node.location,
                quantization: graph.outputTypes(of: node).map(\.quantization))
        case .unchanged:
            return try target.addNode(
                node.op, inputs, names: names, location: node.location,
                quantization: graph.outputTypes(of: node).map(\.quantization))
        case .float:
            let results = try target.addNode(node.op, inputs, names: names, location: node.location)
            guard !counterparts.isEmpty, counterpart(of: node) == nil else { return results }
            return try zip(node.outputs, results).map { try clip($1, like: $0, in: &target) }
        }
    }

    /// Limits a value to what the codes of `output` can express.
    private func clip(_ value: ValueID, like output: ValueID, in target: inout Graph) throws -> ValueID {
        guard let range = graph.type(of: output).representableRange else { return value }
        var result = value
        for (kind, limit) in [(Binary.Kind.maximum, range.lowerBound), (.minimum, range.upperBound)] {
            let constant = target.addConstant(Tensor(scalar: limit), name: "\(graph[output].name)/limit")
            let name = "\(graph[output].name)/\(kind.rawValue)"
            result = try target.addNode(.binary(Binary(kind)), [result, constant], names: [name], location: name)[0]
        }
        return result
    }

    private func realConstant(_ constant: Tensor, _ node: Node, _ index: Int) -> Tensor {
        if usesReferenceConstants, let counterpart = counterpart(of: node), index < counterpart.inputs.count,
            let original = reference.constant(counterpart.inputs[index]), original.shape == constant.shape,
            original.elementType == .float32 || original.type.quantization != nil
        {
            return original.dequantized()
        }
        return constant.dequantized()
    }

    /// The whole twin as a graph. `injected` lists nodes (by identifier) to whose results a further input is added, in
    /// that order behind the graph's own inputs, one for every result.
    ///
    /// - Returns: the graph, and its value for every value of the quantised graph that is not constant.
    func whole(injecting injected: [ValueID] = []) throws -> (graph: Graph, values: [ValueID: ValueID]) {
        var result = Graph(name: graph.name)
        var values: [ValueID: ValueID] = [:]
        for port in graph.inputs {
            values[port.value] = result.addInput(graph[port.value].name, type(of: port.value))
        }
        var errors: [ValueID: ValueID] = [:]
        for value in injected {
            errors[value] = result.addInput("\(graph[value].name)/error", type(of: value))
        }
        for node in graph.nodes {
            for (output, emitted) in zip(node.outputs, try emit(node, into: &result, operands: values)) {
                values[output] = emitted
                guard let error = errors[output] else { continue }
                let name = "\(graph[output].name)/injected"
                values[output] = try result.addNode(
                    .binary(Binary(.add)), [emitted, error], names: [name], location: name)[0]
            }
        }
        for port in graph.outputs {
            if let value = values[port.value] {
                result.addOutput(value, sourceName: port.sourceName)
            } else if let constant = graph.constant(port.value) {
                result.addOutput(result.addConstant(constant.dequantized(), name: port.sourceName))
            }
        }
        return (result, values)
    }
}

/// One node made ready to run by itself.
struct SingleNode {
    private let plan: Plan?
    private let sources: [ValueID]

    /// `node` as it is in `graph`.
    init(_ node: Node, of graph: Graph, options: RunOptions) throws {
        var single = Graph(name: node.location)
        sources = Self.operands(of: node, in: graph)
        var mapped: [ValueID: ValueID] = [:]
        for source in sources { mapped[source] = single.addInput(graph[source].name, graph.type(of: source)) }
        let inputs = node.inputs.map { input -> ValueID? in
            input.flatMap { id in
                mapped[id] ?? graph.constant(id).map { single.addConstant($0, name: graph[id].name) }
            }
        }
        let results = try single.addNode(
            node.op, inputs, names: node.outputs.map { graph[$0].name }, location: node.location,
            quantization: graph.outputTypes(of: node).map(\.quantization))
        for result in results { single.addOutput(result) }
        plan = try Plan(single, options: options)
    }

    /// The twin of `node`.
    init(_ node: Node, of twin: FloatTwin, options: RunOptions) throws {
        sources = Self.operands(of: node, in: twin.graph)
        guard twin.form(of: node) != .identity || sources.isEmpty else {
            plan = nil
            return
        }
        var single = Graph(name: node.location)
        var mapped: [ValueID: ValueID] = [:]
        for source in sources { mapped[source] = single.addInput(twin.graph[source].name, twin.type(of: source)) }
        for result in try twin.emit(node, into: &single, operands: mapped) { single.addOutput(result) }
        plan = try Plan(single, options: options)
    }

    /// Runs on the operands that `value` gives.
    func run(_ value: (ValueID) throws -> Tensor) throws -> [Tensor] {
        let operands = try sources.map(value)
        return try plan?.run(operands) ?? Array(operands.prefix(1))
    }

    /// The operands that are not constant, each once.
    private static func operands(of node: Node, in graph: Graph) -> [ValueID] {
        var seen = Set<ValueID>()
        return node.inputs.compactMap { $0 }.filter { graph.constant($0) == nil && seen.insert($0).inserted }
    }
}
