import GraphIR
import Operators
import Runtime
import TensorCore

/// Samples that pass through a graph node by node, so that a node can change before those behind it see its results. A
/// value is held for all samples until its last reader has run.
struct SampleFlow {
    let count: Int
    let options: RunOptions
    private var values: [ValueID: [Tensor]] = [:]
    private var remaining: [ValueID: Int] = [:]

    /// - Parameter samples: one tensor for every input of `graph`.
    init(_ graph: Graph, samples: [[Tensor]], options: RunOptions) {
        count = samples.count
        self.options = options
        for (index, port) in graph.inputs.enumerated() {
            let type = graph.type(of: port.value)
            values[port.value] = samples.map { $0[index].retyped(type) }
        }
        for node in graph.nodes { for case let input? in node.inputs { remaining[input, default: 0] += 1 } }
    }

    /// A value that was computed and is still needed, for every sample.
    func tensors(_ value: ValueID) -> [Tensor]? { values[value] }

    /// Keeps the results of `node` that are read and drops operands that no other node reads.
    ///
    /// - Parameter results: for every output the tensors of all samples.
    mutating func advance(over node: Node, results: [[Tensor]]) {
        for (output, tensors) in zip(node.outputs, results) where remaining[output] != nil { values[output] = tensors }
        for case let input? in node.inputs {
            remaining[input, default: 0] -= 1
            if remaining[input] == 0 { values[input] = nil }
        }
    }

    /// Runs one node on all samples; `replaced` stands in for some of its constants.
    func evaluate(_ node: Node, _ graph: Graph, replacing replaced: [ValueID: Tensor] = [:]) throws -> [[Tensor]] {
        try evaluate(
            node, graph,
            operands: node.inputs.map { input in
                input.map { replaced[$0].map(SingleNode.Operand.constant) ?? .value($0) }
            })
    }

    /// Runs one node on all samples with other operands.
    func evaluate(_ node: Node, _ graph: Graph, operands: [SingleNode.Operand?]) throws -> [[Tensor]] {
        let single = try SingleNode(node, graph, operands: operands, options: options)
        var results = [[Tensor]](repeating: [], count: node.outputs.count)
        for sample in 0..<count {
            let outputs = try single.run { source in
                guard let tensors = values[source] else {
                    throw Diagnostic(.internalError, at: graph[source].name, "is used before it is computed")
                }
                return tensors[sample]
            }
            for (index, tensor) in outputs.enumerated() { results[index].append(tensor) }
        }
        return results
    }
}

/// One node of a graph, made ready to run by itself.
struct SingleNode {
    /// What a node is given in place of one of its operands.
    enum Operand {
        case value(ValueID)
        case constant(Tensor)
    }

    private let plan: Plan
    /// The computed values that it reads, each once.
    private let sources: [ValueID]

    /// Constants among the operands are those of `graph`; `op` takes the place of the node's own operator.
    init(_ node: Node, _ graph: Graph, operands: [Operand?], options: RunOptions, op: Operator? = nil) throws {
        var single = Graph(name: node.location)
        var sources: [ValueID] = []
        var mapped: [ValueID: ValueID] = [:]
        let inputs = operands.map { operand -> ValueID? in
            switch operand {
            case nil: return nil
            case .constant(let tensor)?: return single.addConstant(tensor, name: "constant")
            case .value(let input)?:
                if let known = mapped[input] { return known }
                let value = graph[input]
                if let constant = value.constant {
                    mapped[input] = single.addConstant(constant, name: value.name)
                } else {
                    mapped[input] = single.addInput(value.name, value.type)
                    sources.append(input)
                }
                return mapped[input]
            }
        }
        let outputs = try single.addNode(
            op ?? node.op, inputs, names: node.outputs.map { graph[$0].name }, location: node.location,
            quantization: graph.outputTypes(of: node).map(\.quantization))
        for output in outputs { single.addOutput(output) }
        plan = try Plan(single, options: options)
        self.sources = sources
    }

    /// The node's results when `tensor` gives the values that it reads.
    func run(_ tensor: (ValueID) throws -> Tensor) throws -> [Tensor] { try plan.run(sources.map(tensor)) }
}
