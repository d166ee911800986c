import GraphIR
import Operators
import Runtime
import TensorCore

/// Runs a quantised graph and its twin node by node over all samples and measures the noise of every node.
struct LockstepPass {
    /// The noise that one node added, for every sample.
    struct Noise {
        var node: NodeID
        var value: ValueID
        /// Relative to the signal.
        var relative: Double
        var errors: [Tensor]
    }

    let twin: FloatTwin
    let inputs: [[Tensor]]
    let samples: [[Tensor]]
    let reasons: [String: String]

    private(set) var entries: [NodeID: OperatorNoise] = [:]
    /// The nodes with the most own noise relative to their signal, loudest first.
    private(set) var loudest: [Noise] = []
    /// The quantised graph's outputs for every sample.
    private(set) var outputs: [[Tensor]] = []

    /// What is known of one value, for every sample.
    private struct Known {
        var actual: [Tensor]
        /// The actual values as reals.
        var real: [Tensor]
        /// Those of the float twin.
        var float: [Tensor]
    }
    private var known: [ValueID: Known] = [:]

    init(twin: FloatTwin, inputs: [[Tensor]], samples: [[Tensor]], reasons: [String: String]) {
        self.twin = twin
        self.inputs = inputs
        self.samples = samples
        self.reasons = reasons
    }

    /// - Parameter limit: how many of the loudest nodes' errors are kept.
    mutating func run(keeping limit: Int, options: RunOptions, progress: (String, Int, Int) -> Void) throws {
        let graph = twin.graph
        for (index, port) in graph.inputs.enumerated() {
            let actual = samples.enumerated().map { $1[index].retyped(graph.type(of: port.value)) }
            known[port.value] = Known(
                actual: actual, real: actual.map { $0.dequantized() }, float: inputs.map { $0[index] })
        }
        var remaining: [ValueID: Int] = [:]
        for node in graph.nodes { for case let input? in node.inputs { remaining[input, default: 0] += 1 } }
        for port in graph.outputs { remaining[port.value, default: 0] += 1 }
        for (number, node) in graph.nodes.enumerated() {
            progress("measure operators", number, graph.nodes.count)
            try measure(node, limit, options)
            for output in node.outputs where remaining[output] == nil { known[output] = nil }
            for case let input? in node.inputs {
                remaining[input, default: 0] -= 1
                if remaining[input] == 0 { known[input] = nil }
            }
        }
        progress("measure operators", graph.nodes.count, graph.nodes.count)
        outputs = samples.indices.map { sample in
            graph.outputs.compactMap { known[$0.value]?.actual[sample] ?? graph.constant($0.value) }
        }
        known = [:]
    }

    private mutating func measure(_ node: Node, _ limit: Int, _ options: RunOptions) throws {
        let graph = twin.graph
        let form = twin.form(of: node)
        let actual = try SingleNode(node, of: graph, options: options)
        let float = try SingleNode(node, of: twin, options: options)
        var results = node.outputs.map { _ in Known(actual: [], real: [], float: []) }
        var own = NoiseSums()
        var accumulated = NoiseSums()
        var errors = node.outputs.map { _ in [Tensor]() }
        for sample in samples.indices {
            let produced = try actual.run { try value($0, sample, \.actual) }
            let exact = form == .unchanged ? produced : try float.run { try value($0, sample, \.real) }
            let reference = try float.run { try value($0, sample, \.float) }
            for (index, output) in node.outputs.enumerated() {
                let real = produced[index].dequantized()
                results[index].actual.append(produced[index])
                results[index].real.append(real)
                results[index].float.append(reference[index].dequantized())
                let type = graph.type(of: output)
                own.add(
                    wanted: exact[index].dequantized(), actual: real, limits: type.representableRange,
                    step: type.quantization?.scale ?? 0)
                accumulated.add(wanted: reference[index].dequantized(), actual: real)
                if form != .unchanged, real.elementType == .float32 {
                    errors[index].append(real.difference(to: exact[index].dequantized()))
                }
            }
        }
        for (output, result) in zip(node.outputs, results) { known[output] = result }
        let isInteger = form != .unchanged && node.outputs.contains(where: twin.isCodes)
        var entry = OperatorNoise(
            node, of: graph, isInteger: isInteger,
            reason: reasons[node.location] ?? (node.op == .dequantize ? "turns codes into reals" : nil))
        entry.accumulatedSQNR = decibels(relativeNoise: accumulated.relative)
        if form != .unchanged {
            entry.ownSQNR = decibels(relativeNoise: own.relative)
            entry.clipped = entry.scale == nil ? nil : own.clippedShare
        }
        entries[node.id] = entry
        for (output, errors) in zip(node.outputs, errors) where own.relative > 0 && !errors.isEmpty {
            keep(Noise(node: node.id, value: output, relative: own.relative, errors: errors), limit)
        }
    }

    private func value(_ id: ValueID, _ sample: Int, _ side: KeyPath<Known, [Tensor]>) throws -> Tensor {
        guard let tensors = known[id]?[keyPath: side] else {
            throw Diagnostic(.internalError, at: twin.graph[id].name, "is used before it is computed")
        }
        return tensors[sample]
    }

    private mutating func keep(_ noise: Noise, _ limit: Int) {
        let position = loudest.firstIndex { $0.relative < noise.relative } ?? loudest.count
        guard position < limit else { return }
        loudest.insert(noise, at: position)
        if loudest.count > limit { loudest.removeLast() }
    }
}
