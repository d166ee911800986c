import GraphIR
import Operators
import Runtime
import TensorCore

/// How fast a model runs.
public struct BenchmarkReport: Sendable, Codable {
    /// The time that all nodes of one operator take.
    public struct OperatorTime: Sendable, Codable {
        public var operatorName: String
        public var count: Int
        public var milliseconds: Double
        /// How many of them ran on a fast kernel.
        public var fast: Int
    }

    /// One node and the shortest time it took.
    public struct NodeTime: Sendable, Codable {
        public var name: String
        public var operatorName: String
        public var minimumMilliseconds: Double
    }

    public var model: String
    public var engine: String
    public var threads: Int
    public var runs: Int
    public var minimumMilliseconds: Double
    public var medianMilliseconds: Double
    public var percentile90Milliseconds: Double
    public var multiplyAccumulates: Int
    /// Slowest first; empty unless asked for.
    public var operators: [OperatorTime]
    /// In order of execution; empty unless operators are timed. Their sum is what a run takes that nothing interrupts.
    public var nodes: [NodeTime]

    /// Multiply-accumulates a second of the median run, in units of 1e9.
    public var gigaMultiplyAccumulatesPerSecond: Double {
        medianMilliseconds > 0 ? Double(multiplyAccumulates) / medianMilliseconds / 1e6 : 0
    }
}

extension Session {
    /// Runs the model `runs` times on inputs drawn from a seed, after `warmUps` runs that do not count.
    public func benchmark(
        runs: Int, warmUps: Int = 2, options: RunOptions, perOperator: Bool, progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> BenchmarkReport {
        let inputs = graph.inputs.map { Self.random(graph.type(of: $0.value)) }
        for _ in 0..<warmUps { _ = try run(inputs) }
        var times: [Double] = []
        for index in 0..<runs {
            progress(index, runs)
            let begin = ContinuousClock.now
            _ = try run(inputs)
            times.append((ContinuousClock.now - begin) / .milliseconds(1))
        }
        progress(runs, runs)
        times.sort()
        let (operators, nodes) = perOperator ? try operatorTimes(inputs, runs: runs) : ([], [])
        return BenchmarkReport(
            model: model.path, engine: options.engine.rawValue, threads: options.threads, runs: runs,
            minimumMilliseconds: times.first ?? 0, medianMilliseconds: times.isEmpty ? 0 : times[times.count / 2],
            percentile90Milliseconds: times.isEmpty ? 0 : times[min(times.count - 1, times.count * 9 / 10)],
            multiplyAccumulates: graph.nodes.reduce(0) { sum, node in
                sum
                    + Cost.multiplyAccumulates(
                        of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
            }, operators: operators, nodes: nodes)
    }

    /// Every operator's median over the runs, so that a run that the machine interrupted does not count, and every node's
    /// minimum.
    private func operatorTimes(
        _ inputs: [Tensor], runs: Int
    ) throws -> (operators: [BenchmarkReport.OperatorTime], nodes: [BenchmarkReport.NodeTime]) {
        final class Times {
            var entries: [String: BenchmarkReport.OperatorTime] = [:]
            var nodes: [Double] = []
        }
        var collected: [String: [BenchmarkReport.OperatorTime]] = [:]
        var nodes = graph.nodes.map {
            BenchmarkReport.NodeTime(
                name: $0.location, operatorName: $0.op.name, minimumMilliseconds: .infinity)
        }
        for _ in 0..<runs {
            let times = Times()
            _ = try profile(inputs) { node, duration, isFast in
                var entry =
                    times.entries[node.op.name]
                    ?? .init(operatorName: node.op.name, count: 0, milliseconds: 0, fast: 0)
                entry.count += 1
                entry.fast += isFast ? 1 : 0
                entry.milliseconds += duration / .milliseconds(1)
                times.entries[node.op.name] = entry
                times.nodes.append(duration / .milliseconds(1))
            }
            for (name, entry) in times.entries { collected[name, default: []].append(entry) }
            for (index, time) in times.nodes.enumerated() where index < nodes.count {
                nodes[index].minimumMilliseconds = min(nodes[index].minimumMilliseconds, time)
            }
        }
        let operators = collected.values.compactMap { entries in
            let sorted = entries.sorted { $0.milliseconds < $1.milliseconds }
            return sorted.isEmpty ? nil : sorted[sorted.count / 2]
        }.sorted { $0.milliseconds > $1.milliseconds }
        return (operators, nodes)
    }

    /// Floats uniform in [0, 1), integers over their whole range (at most 16 bits), always the same.
    private static func random(_ type: TensorType) -> Tensor {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state >> 11
        }
        let count = type.shape.elementCount
        switch type.elementType {
        case .float32: return Tensor((0..<count).map { _ in Float(next() % 4096) / 4096 }, shape: type.shape)
        case .float16, .float64: return Tensor(zeros: type)
        case .bool: return Tensor((0..<count).map { _ in next() % 2 == 0 }, shape: type.shape)
        default:
            var tensor = Tensor(zeros: type)
            if type.elementType.byteCount <= 2 {
                tensor.withUnsafeMutableBytes { bytes in
                    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: next()) }
                }
            }
            return tensor
        }
    }
}
