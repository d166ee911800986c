import GraphIR
import Operators
import ReferenceKernels
import TensorCore

/// Which kernels run a graph.
public enum Engine: String, Sendable, CaseIterable {
    /// C kernels where there are any, with results equal to the reference's (integers bit for bit, floats within
    /// `close`).
    case fast
    /// Plain Swift, slow and obvious.
    case reference
}

/// How a graph is run.
public struct RunOptions: Sendable {
    public var engine: Engine
    /// Worker threads of the fast engine; results do not depend on it.
    public var threads: Int

    public init(engine: Engine = .fast, threads: Int = 1) {
        self.engine = engine
        self.threads = threads
    }
}

/// Sees values while a graph runs: called once for every computed value, in execution order.
public typealias ValueObserver = (ValueID, Tensor) throws -> Void

/// A graph made ready to run any number of times.
public final class Plan: @unchecked Sendable {
    public let graph: Graph
    public let options: RunOptions

    /// Validates `graph`.
    ///
    /// - Throws: `Diagnostic` for a graph that the verifier rejects.
    public init(_ graph: Graph, options: RunOptions = RunOptions()) throws {
        try graph.verify()
        self.graph = graph
        self.options = options
    }

    /// Runs the graph on one tensor for every input, in the order of `graph.inputs`, and returns one for every output.
    ///
    /// - Throws: `Diagnostic` (.badData) when an input has another type than the graph's, or whatever a kernel throws.
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
        var remaining: [ValueID: Int] = [:]
        for node in graph.nodes { for case let input? in node.inputs { remaining[input, default: 0] += 1 } }
        for port in graph.outputs { remaining[port.value, default: 0] += 1 }
        for node in graph.nodes {
            let operands = node.inputs.map { $0.flatMap { values[$0] ?? graph.constant($0) } }
            let results: [Tensor]
            do {
                results = try ReferenceKernels.evaluate(
                    node.op, inputs: operands, outputTypes: graph.outputTypes(of: node))
            } catch let diagnostic as Diagnostic {
                throw diagnostic.located(in: node.location)
            }
            for (output, tensor) in zip(node.outputs, results) {
                values[output] = tensor
                try observe?(output, tensor)
            }
            for case let input? in node.inputs {
                remaining[input, default: 0] -= 1
                if remaining[input] == 0 { values[input] = nil }
            }
        }
        return try graph.outputs.map { port in
            guard let tensor = values[port.value] ?? graph.constant(port.value) else {
                throw Diagnostic(.internalError, at: port.sourceName, "the output was not computed")
            }
            return tensor
        }
    }
}
