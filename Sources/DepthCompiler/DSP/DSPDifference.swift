import DSPEmulator
import GraphIR
import Runtime
import TensorCore

/// How far codes of the DSP are from those of the CPU.
public struct CodeDifference: Sendable, Codable {
    /// How many codes differ by a certain number.
    public struct Bin: Sendable, Codable {
        /// DSP minus CPU.
        public var difference: Int
        public var count: Int
    }

    public var count = 0
    /// The largest magnitude.
    public var maximum = 0
    /// The mean magnitude.
    public var mean = 0.0
    /// Share of the codes that differ at all.
    public var share = 0.0
    /// By difference; the ends hold all that is beyond ``histogramLimit``.
    public var histogram: [Bin] = []
    /// Index along every axis of the first places that differ, at most three.
    public var first: [[Int]] = []

    static let histogramLimit = 8

    init() {}

    /// Adds the codes of two tensors of one type.
    mutating func add(cpu: Tensor, dsp: Tensor) {
        guard let wanted = cpu.integers(), let got = dsp.integers(), wanted.count == got.count else { return }
        var total = mean * Double(count)
        var differing = (share * Double(count)).rounded()
        var bins = Dictionary(uniqueKeysWithValues: histogram.map { ($0.difference, $0.count) })
        for (index, (a, b)) in zip(wanted, got).enumerated() {
            let difference = b - a
            bins[min(max(difference, -Self.histogramLimit), Self.histogramLimit), default: 0] += 1
            guard difference != 0 else { continue }
            maximum = max(maximum, abs(difference))
            total += Double(abs(difference))
            differing += 1
            if first.count < 3 {
                first.append(zip(cpu.shape.strides, cpu.shape.dimensions).map { index / max($0.0, 1) % max($0.1, 1) })
            }
        }
        count += wanted.count
        mean = count > 0 ? total / Double(count) : 0
        share = count > 0 ? differing / Double(count) : 0
        histogram = bins.sorted { $0.key < $1.key }.map { Bin(difference: $0.key, count: $0.value) }
    }
}

/// Where the DSP's numbers differ from the CPU's, operator by operator.
public struct DSPDifference: Sendable, Codable {
    /// One operator that runs on the DSP.
    public struct Node: Sendable, Codable {
        public var name: String
        public var operatorName: String
        public var type: String
        /// The CPU's kernel on the operands that the DSP had: what this operator alone does. nil where the DSP merges the
        /// operator with others.
        public var own: CodeDifference?
        /// The whole run on the CPU against the whole run on the DSP.
        public var accumulated: CodeDifference?
    }

    public var model: String
    public var profile: String
    /// What the DSP's numbers are taken to be where its kernels are not public.
    public var assumption: String?
    public var samples: Int
    /// In execution order.
    public var nodes: [Node]
}

extension DSPDifference {
    /// Runs `model` on the CPU and on the DSP for every sample of `data`.
    public init(
        _ model: Model, delegate: DSPDelegate, data: SampleFolder, options: RunOptions,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        let compilation = try DSPCompilation(model, delegate: delegate)
        let graph = compilation.graph
        let plans = (cpu: try Plan(graph, options: options), dsp: try compilation.plan(options: options))
        var entries: [(id: NodeID, single: Graph, plan: Plan, node: Node)] = try compilation.delegatedNodes.map { id in
            let single = graph.part([id])
            let output = graph[id].outputs[0]
            return (
                id, single, try Plan(single, options: options),
                Node(
                    name: graph[output].name, operatorName: graph[id].op.name, type: "\(graph.type(of: output))",
                    own: nil, accumulated: nil)
            )
        }
        for sample in 0..<data.count {
            progress(sample, data.count)
            let inputs = try data.tensors(sample, for: graph)
            var values: (cpu: [ValueID: Tensor], dsp: [ValueID: Tensor]) = ([:], [:])
            _ = try plans.cpu.run(inputs) { values.cpu[$0] = $1 }
            _ = try plans.dsp.run(inputs) { values.dsp[$0] = $1 }
            for index in entries.indices {
                let output = graph[entries[index].id].outputs[0]
                guard let dsp = values.dsp[output] else { continue }
                if let cpu = values.cpu[output] {
                    entries[index].node.accumulated = Self.added(entries[index].node.accumulated, cpu, dsp)
                }
                let operands = entries[index].single.inputs.map { values.dsp[$0.value] }
                guard operands.allSatisfy({ $0 != nil }) else { continue }
                let own = try entries[index].plan.run(operands.compactMap { $0 })
                guard let position = entries[index].single.outputs.firstIndex(where: { $0.value == output }) else {
                    continue
                }
                entries[index].node.own = Self.added(entries[index].node.own, own[position], dsp)
            }
        }
        progress(data.count, data.count)
        self.init(
            model: model.path, profile: delegate.name, assumption: delegate.assumption, samples: data.count,
            nodes: entries.map(\.node))
    }

    private static func added(_ before: CodeDifference?, _ cpu: Tensor, _ dsp: Tensor) -> CodeDifference {
        var result = before ?? CodeDifference()
        result.add(cpu: cpu, dsp: dsp)
        return result
    }
}
