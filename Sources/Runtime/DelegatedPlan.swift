import GraphIR
import TensorCore

/// Runs nodes of a graph in the engine's place, as an accelerator behind a delegate does.
public protocol DelegateKernel: Sendable {
    /// Runs the nodes on the values that they read from elsewhere and returns those that something else reads.
    ///
    /// - Parameters:
    ///   - inputs: one tensor for every input of the part, in order.
    ///   - observe: sees values inside the part that the delegate computes as such, in any order.
    func run(_ inputs: [Tensor], observe: ValueObserver?) throws -> [Tensor]
}

/// A set of nodes that a delegate runs as one; see `Graph.part(_:)` for its inputs and outputs.
public struct DelegatedPart: Sendable {
    public var nodes: [NodeID]
    public var kernel: any DelegateKernel

    public init(nodes: [NodeID], kernel: any DelegateKernel) {
        self.nodes = nodes
        self.kernel = kernel
    }
}

/// A graph of which a delegate runs some parts, and the engine the nodes between them.
public final class DelegatedPlan: Sendable {
    public let graph: Graph
    private let stages: [Stage]

    fileprivate struct Stage: Sendable {
        var inputs: [ValueID]
        var outputs: [ValueID]
        var work: Work
    }

    fileprivate enum Work: Sendable {
        case engine(Plan)
        case delegate(any DelegateKernel)
    }

    /// Cuts `graph` into stages: every part of the delegate, and what the engine can run together between them.
    ///
    /// - Throws: `Diagnostic` (.internalError) for parts that overlap or wait for each other; what planning throws.
    public init(_ graph: Graph, parts: [DelegatedPart], options: RunOptions = RunOptions()) throws {
        self.graph = graph
        var owner: [NodeID: Int] = [:]
        for (index, part) in parts.enumerated() {
            for node in part.nodes where owner.updateValue(index, forKey: node) != nil {
                throw Diagnostic(.internalError, at: graph[node].location, "is in two delegated parts")
            }
        }
        var stages: [Stage] = []
        var computed = Set(graph.inputs.map(\.value))
        var waitingNodes = graph.order.filter { owner[$0] == nil }
        var waitingParts = Set(parts.indices)
        func isReady(_ inputs: some Sequence<ValueID?>) -> Bool {
            inputs.allSatisfy { $0.map { computed.contains($0) || graph.constant($0) != nil } ?? true }
        }
        while !waitingNodes.isEmpty || !waitingParts.isEmpty {
            var together: [NodeID] = []
            waitingNodes.removeAll { id in
                guard isReady(graph[id].inputs) else { return false }
                together.append(id)
                computed.formUnion(graph[id].outputs)
                return true
            }
            if !together.isEmpty {
                let part = graph.part(together)
                stages.append(Stage(part, .engine(try Plan(part, options: options))))
            }
            let ready = waitingParts.sorted().filter { isReady(graph.part(parts[$0].nodes).inputs.map(\.value)) }
            for index in ready {
                waitingParts.remove(index)
                computed.formUnion(parts[index].nodes.flatMap { graph[$0].outputs })
                stages.append(Stage(graph.part(parts[index].nodes), .delegate(parts[index].kernel)))
            }
            guard !together.isEmpty || !ready.isEmpty else {
                throw Diagnostic(.internalError, at: graph.name, "delegated parts wait for each other")
            }
        }
        self.stages = stages
    }

    /// Runs the graph on one tensor for every input and returns one for every output; see `Plan.run`.
    ///
    /// Of values inside a delegated part, `observe` sees those that the delegate computes as such.
    public func run(_ inputs: [Tensor], observe: ValueObserver? = nil) throws -> [Tensor] {
        guard inputs.count == graph.inputs.count else {
            throw Diagnostic(.badData, at: graph.name, "\(inputs.count) inputs given, \(graph.inputs.count) needed")
        }
        var values: [ValueID: Tensor] = [:]
        for (port, tensor) in zip(graph.inputs, inputs) {
            let type = graph.type(of: port.value)
            guard tensor.shape == type.shape, tensor.elementType == type.elementType else {
                throw Diagnostic(
                    .badData, at: "input \(port.sourceName)", "got \(tensor.type), the model takes \(type)")
            }
            values[port.value] = tensor.retyped(type)
            try observe?(port.value, tensor.retyped(type))
        }
        for stage in stages {
            let given = try stage.inputs.map { try value($0, values) }
            let results: [Tensor]
            switch stage.work {
            case .engine(let plan):
                let alreadySeen = Set(stage.inputs)
                results = try plan.run(
                    given, observe: observe.map { see in { if !alreadySeen.contains($0) { try see($0, $1) } } })
            case .delegate(let kernel):
                results = try kernel.run(given, observe: observe)
            }
            for (output, tensor) in zip(stage.outputs, results) { values[output] = tensor }
        }
        return try graph.outputs.map { try value($0.value, values) }
    }

    private func value(_ id: ValueID, _ values: [ValueID: Tensor]) throws -> Tensor {
        guard let tensor = values[id] ?? graph.constant(id) else {
            throw Diagnostic(.internalError, at: graph[id].name, "was not computed")
        }
        return tensor
    }
}

extension DelegatedPlan.Stage {
    fileprivate init(_ part: Graph, _ work: DelegatedPlan.Work) {
        self.init(inputs: part.inputs.map(\.value), outputs: part.outputs.map(\.value), work: work)
    }
}
