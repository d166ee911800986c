import GraphIR
import Operators
import ReferenceKernels
import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

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

/// Puts another tensor of the same type in the place of a value that was computed; is given the operands of the node that
/// computed it (nil for operands left out) and the value.
public typealias ValueReplacement = (_ operands: [Tensor?], _ result: Tensor) throws -> Tensor

/// Who sees which values of a run.
struct Observation {
    /// nil: all.
    var values: Set<ValueID>?
    /// True: tensors are read where they are.
    var borrows: Bool
    var observe: ValueObserver

    func wants(_ value: ValueID) -> Bool { values?.contains(value) ?? true }

    func see(_ value: ValueID, _ tensor: Tensor) throws { if wants(value) { try observe(value, tensor) } }
}

/// A graph made ready to run any number of times.
public final class Plan: @unchecked Sendable {
    public let graph: Graph
    public let options: RunOptions
    /// The fast engine's program; nil for the reference engine.
    private let program: FastProgram?
    private let lock = PlanLock()

    /// Validates `graph`; for the fast engine also packs weights and places every value in memory.
    ///
    /// - Throws: `Diagnostic` for a graph that the verifier rejects.
    public init(_ graph: Graph, options: RunOptions = RunOptions()) throws {
        try graph.verify()
        self.graph = graph
        self.options = options
        program = options.engine == .fast ? try FastProgram(graph, threads: options.threads) : nil
    }

    /// Bytes of the block of memory that holds all values of the fast engine; 0 for the reference engine.
    public var arenaByteCount: Int { program?.arenaByteCount ?? 0 }

    /// Bytes of the weights that the fast engine has packed for its kernels; 0 for the reference engine.
    package var weightByteCount: Int { program?.weightByteCount ?? 0 }

    /// Runs the graph on one tensor for every input, in the order of `graph.inputs`, and returns one for every output.
    ///
    /// - Parameter observing: the values that `observe` sees; nil: all.
    /// - Throws: `Diagnostic` (.badData) when an input has another type than the graph's, or whatever a kernel throws.
    public func run(
        _ inputs: [Tensor], observing: Set<ValueID>? = nil, observe: ValueObserver? = nil
    ) throws -> [Tensor] {
        try run(inputs, observe.map { Observation(values: observing, borrows: false, observe: $0) }, timed: nil)
    }

    /// Runs the graph and lets `observe` read the values among `observing` (nil: all) where they are: the tensors it
    /// gets must not be kept or changed.
    package func run(
        _ inputs: [Tensor], observing: Set<ValueID>?, readingInPlace observe: @escaping ValueObserver
    ) throws -> [Tensor] {
        try run(inputs, Observation(values: observing, borrows: true, observe: observe), timed: nil)
    }

    /// Runs the graph with other tensors in the place of some of the values it computes. The values must not be those of
    /// operators that move no element, whose results may share their operand's memory.
    package func run(_ inputs: [Tensor], replacing replacements: [ValueID: ValueReplacement]) throws -> [Tensor] {
        try run(inputs, nil, timed: nil, replacing: replacements)
    }

    /// Runs the graph and tells for every node how long it took and whether a fast kernel did it.
    public func profile(
        _ inputs: [Tensor], _ timed: @escaping (_ node: Node, _ duration: Duration, _ isFast: Bool) -> Void
    ) throws -> [Tensor] {
        try run(inputs, nil, timed: timed)
    }

    private func run(
        _ inputs: [Tensor], _ observation: Observation?, timed: ((Node, Duration, Bool) -> Void)?,
        replacing: [ValueID: ValueReplacement] = [:]
    ) throws -> [Tensor] {
        guard inputs.count == graph.inputs.count else {
            throw Diagnostic(.badData, at: graph.name, "\(inputs.count) inputs given, \(graph.inputs.count) needed")
        }
        var typed: [Tensor] = []
        for (port, tensor) in zip(graph.inputs, inputs) {
            let type = graph.type(of: port.value)
            guard tensor.shape == type.shape, tensor.elementType == type.elementType else {
                throw Diagnostic(
                    .badData, at: "input \(port.sourceName)", "got \(tensor.type), the model takes \(type)")
            }
            typed.append(tensor.retyped(type))
        }
        if let program {
            return try lock.withLock { try program.run(typed, observation, timed: timed, replacing: replacing) }
        }
        return try runReference(typed, observation, timed: timed, replacing: replacing)
    }

    private func runReference(
        _ inputs: [Tensor], _ observation: Observation?, timed: ((Node, Duration, Bool) -> Void)?,
        replacing: [ValueID: ValueReplacement]
    ) throws -> [Tensor] {
        var values: [ValueID: Tensor] = [:]
        for (port, tensor) in zip(graph.inputs, inputs) {
            values[port.value] = tensor
            try observation?.see(port.value, tensor)
        }
        let clock = ContinuousClock()
        var remaining: [ValueID: Int] = [:]
        for node in graph.nodes { for case let input? in node.inputs { remaining[input, default: 0] += 1 } }
        for port in graph.outputs { remaining[port.value, default: 0] += 1 }
        for node in graph.nodes {
            let operands = node.inputs.map { $0.flatMap { values[$0] ?? graph.constant($0) } }
            let results: [Tensor]
            let start = clock.now
            do {
                results = try ReferenceKernels.evaluate(
                    node.op, inputs: operands, outputTypes: graph.outputTypes(of: node))
            } catch let diagnostic as Diagnostic {
                throw diagnostic.located(in: node.location)
            }
            timed?(node, clock.now - start, false)
            for (output, result) in zip(node.outputs, results) {
                let tensor = try replacing[output].map { try $0(operands, result) } ?? result
                values[output] = tensor
                try observation?.see(output, tensor)
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

/// One run at a time: the runs of a fast plan share its memory.
private final class PlanLock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func withLock<R>(_ body: () throws -> R) rethrows -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}
