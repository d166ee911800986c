import CKernels
import GraphIR
import Operators
import ReferenceKernels
import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A graph made ready for the fast engine: memory placed, weights packed, one list of steps for every node.
final class FastProgram {
    private indirect enum Work {
        case steps([Step])
        /// Part of a fusion whose inner values exist only when somebody observes them.
        case fused([Step], observed: Work)
        /// No fast kernel: the reference kernel on copies.
        case reference
        /// The result already lies where it belongs.
        case nothing
    }

    private let graph: Graph
    private let nodes: [Node]
    /// Products whose float sums keep the order of the reference kernels.
    private let ordered: Set<NodeID>
    private var work: [Work] = []
    private let memory: UnsafeMutableRawPointer
    private let placement: Placement
    private let pool: ThreadPool
    private var scratch: [UnsafeMutableRawPointer] = []
    /// Packed constants that kernels read one element a byte.
    private var unpacked: [ValueID: Tensor] = [:]

    /// Bytes of the weights that kernels have packed for themselves.
    private(set) var weightByteCount = 0

    /// Bytes of the block that holds all values.
    var arenaByteCount: Int { placement.byteCount }

    /// - Throws: `Diagnostic` (.unsupported) when the values need more memory than can be had.
    init(_ graph: Graph, threads: Int) throws {
        self.graph = graph
        nodes = graph.nodes
        ordered = OrderedSums.nodes(of: graph)
        placement = Placement(graph)
        guard let block = FastProgram.allocate(placement.byteCount) else {
            throw Diagnostic(
                .unsupported, at: graph.name, "the values need \(placement.byteCount >> 20) MiB of memory at once")
        }
        memory = block
        pool = ThreadPool(threads: threads)
        var scratchBytes = 64
        for node in nodes {
            let next = prepare(node)
            if case .steps(let steps) = next {
                scratchBytes = max(scratchBytes, steps.map(\.scratch).max() ?? 0)
                weightByteCount += steps.reduce(0) { $0 + $1.weightBytes }
            }
            work.append(next)
        }
        fuseDecodes()
        fuseLookups()
        for _ in 0..<pool.threads {
            scratch.append(.allocate(byteCount: scratchBytes + 64, alignment: 64))
        }
    }

    private func fuseDecodes() {
        let positions = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.id, $0) })
        for (index, node) in nodes.enumerated() {
            guard let fusion = DecodeFusion(node, in: graph), let cast = positions[fusion.cast],
                case .steps(let casting) = work[cast], case .steps(let gathering) = work[index],
                let words = site(fusion.words), let table = node.inputs[0].flatMap(site),
                let output = site(node.outputs[0])
            else { continue }
            work[cast] = .fused([], observed: .steps(casting))
            work[index] = .fused(
                [DecodeFusion.step(words: words, table: table, output: output)], observed: .steps(gathering))
        }
    }

    private func fuseLookups() {
        let positions = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.id, $0) })
        for (index, node) in nodes.enumerated() {
            guard let fusion = LookupFusion(node, in: graph), let codes = site(fusion.codes),
                let output = site(node.outputs[0])
            else { continue }
            for inner in fusion.inner.compactMap({ positions[$0] }) {
                work[inner] = .fused([], observed: work[inner])
            }
            work[index] = .fused([fusion.step(codes: codes, output: output)], observed: work[index])
        }
    }

    /// Memory for `byteCount` bytes and what vector loads may read behind them; nil beyond 32 GiB or when there is none.
    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard byteCount < 1 << 35 else { return nil }
        return aligned_alloc(64, (byteCount + 319) & ~63)
    }

    deinit {
        free(memory)
        for block in scratch { block.deallocate() }
    }

    private func site(_ value: ValueID) -> Site? {
        let type = graph.type(of: value)
        if var constant = graph.constant(value) {
            if constant.isPacked {
                constant = unpacked[value] ?? constant.unpacked()
                unpacked[value] = constant
            }
            // Tensor memory stays where it is as long as the graph holds the tensor.
            guard let base = constant.withUnsafeBytes({ $0.baseAddress }) else { return nil }
            return Site(type: type, address: UnsafeMutableRawPointer(mutating: base), constant: constant)
        }
        guard let offset = placement.offsets[value] else { return nil }
        return Site(type: type, address: memory + offset, constant: nil)
    }

    private func prepare(_ node: Node) -> Work {
        var inputs: [Site?] = []
        for (index, input) in node.inputs.enumerated() {
            guard let input else {
                inputs.append(nil)
                continue
            }
            if index == 1, FastProgram.packsWeights(node.op), let weights = graph.constant(input), weights.isPacked {
                // The kernels keep weights of their own, so that these need no address.
                inputs.append(Site(type: weights.type, address: memory, constant: weights))
                continue
            }
            guard let found = site(input) else { return .reference }
            inputs.append(found)
        }
        let outputs = node.outputs.compactMap(site)
        guard outputs.count == node.outputs.count else { return .reference }
        if Placement.isView(node.op), let input = inputs.first.flatMap({ $0 }), let output = outputs.first,
            input.address == output.address
        {
            return .nothing
        }
        let site = KernelSite(op: node.op, inputs: inputs, outputs: outputs, ordered: ordered.contains(node.id))
        return FastKernels.steps(for: site).map(Work.steps) ?? .reference
    }

    /// True for operators whose constant weights, operand 1, no kernel reads at their address.
    private static func packsWeights(_ op: Operator) -> Bool {
        switch op {
        case .conv2D, .depthwiseConv2D, .transposeConv, .fullyConnected: true
        default: false
        }
    }

    /// A copy of a value as it is now.
    private func tensor(_ value: ValueID) throws -> Tensor {
        if let constant = graph.constant(value) { return constant }
        let type = graph.type(of: value)
        guard let offset = placement.offsets[value],
            let tensor = Tensor(type, bytes: UnsafeRawBufferPointer(start: memory + offset, count: type.byteCount))
        else { throw Diagnostic(.internalError, at: graph[value].name, "the value has no memory") }
        return tensor
    }

    /// A value where it is, until the next node runs.
    private func borrowed(_ value: ValueID) throws -> Tensor {
        let type = graph.type(of: value)
        guard let offset = placement.offsets[value] else { return try tensor(value) }
        return Tensor(type, borrowing: UnsafeMutableRawBufferPointer(start: memory + offset, count: type.byteCount))
    }

    private func store(_ tensor: Tensor, as value: ValueID) throws {
        guard let offset = placement.offsets[value] else {
            throw Diagnostic(.internalError, at: graph[value].name, "the value has no memory")
        }
        tensor.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress { (memory + offset).copyMemory(from: base, byteCount: bytes.count) }
        }
    }

    /// Runs on inputs that were checked against the graph's types. `timed` sees every node and its duration.
    func run(
        _ inputs: [Tensor], _ observation: Observation?, timed: ((Node, Duration, Bool) -> Void)? = nil,
        replacing: [ValueID: ValueReplacement] = [:]
    ) throws -> [Tensor] {
        for (port, tensor) in zip(graph.inputs, inputs) {
            try store(tensor, as: port.value)
            try observation?.see(port.value, tensor)
        }
        let clock = ContinuousClock()
        for (node, next) in zip(nodes, work) {
            let start = timed == nil ? nil : clock.now
            let isFast = try run(next, of: node, isObserved: observation != nil || !replacing.isEmpty)
            if let start { timed?(node, clock.now - start, isFast) }
            for output in node.outputs {
                guard let replacement = replacing[output] else { continue }
                let operands = try node.inputs.map { try $0.map(tensor) }
                try store(replacement(operands, tensor(output)), as: output)
            }
            guard let observation else { continue }
            for output in node.outputs where observation.wants(output) {
                try observation.observe(output, observation.borrows ? borrowed(output) : tensor(output))
            }
        }
        return try graph.outputs.map { try tensor($0.value) }
    }

    /// Does the work of a node; false where the reference kernel does it.
    private func run(_ work: Work, of node: Node, isObserved: Bool) throws -> Bool {
        switch work {
        case .nothing: return true
        case .steps(let steps):
            for step in steps { try run(step, of: node) }
            return true
        case .fused(let fused, let observed):
            return try run(isObserved ? observed : .steps(fused), of: node, isObserved: isObserved)
        case .reference:
            try runReference(node)
            return false
        }
    }

    private func run(_ step: Step, of node: Node) throws {
        let parts = step.parts(threads: pool.threads)
        var good = true
        if parts == 1 {
            good = step.body(0..<step.units, scratch[0])
        } else {
            let results = UnsafeMutablePointer<Bool>.allocate(capacity: parts)
            defer { results.deallocate() }
            pool.run(parts) { part, thread in
                let range = part * step.units / parts..<(part + 1) * step.units / parts
                results[part] = step.body(range, scratch[thread])
            }
            for part in 0..<parts where !results[part] { good = false }
        }
        guard good else {
            throw Diagnostic(.badData, at: "\(node.location): \(node.op.name)", "an index is out of range")
        }
    }

    private func runReference(_ node: Node) throws {
        let operands = try node.inputs.map { try $0.map(tensor) }
        do {
            let results = try ReferenceKernels.evaluate(
                node.op, inputs: operands, outputTypes: graph.outputTypes(of: node))
            for (output, result) in zip(node.outputs, results) { try store(result, as: output) }
        } catch let diagnostic as Diagnostic {
            throw diagnostic.located(in: node.location)
        }
    }
}
