import GraphIR
import Quantization
import Runtime
import TensorCore

/// Adds the noise of one operator at a time to the float graph and measures what it does to the output.
struct NoiseInjection {
    private let twin: FloatTwin
    private let plan: Plan
    private let values: [ValueID: ValueID]
    private let inputs: [[Tensor]]
    private let noise: [LockstepPass.Noise]
    private let output: Int
    private let measure: (Tensor) -> [Double]

    /// Mean squared error of the output for every measured node.
    private(set) var squaredErrors: [NodeID: Double] = [:]
    /// Mean squared error of the quantised graph's output.
    private(set) var total = 0.0

    init(
        twin: FloatTwin, inputs: [[Tensor]], noise: [LockstepPass.Noise], output: Int, options: RunOptions,
        measure: @escaping (Tensor) -> [Double]
    ) throws {
        self.twin = twin
        self.inputs = inputs
        self.noise = noise
        self.output = output
        self.measure = measure
        let whole = try twin.whole(injecting: noise.map(\.value))
        values = whole.values
        plan = try Plan(whole.graph, options: options)
    }

    /// - Parameter actual: the quantised graph's output for every sample.
    mutating func run(actual: [[Double]], progress: (String, Int, Int) -> Void) throws {
        var sums: [NodeID: Double] = [:]
        var count = 0
        let nodes = Array(Set(noise.map(\.node))).sorted()
        for sample in inputs.indices {
            let exact = measure(try plan.run(operands(sample, adding: nil))[output])
            count += exact.count
            total += Self.squares(actual[sample], exact)
            for (number, node) in nodes.enumerated() {
                progress("measure output errors", sample * nodes.count + number, inputs.count * nodes.count)
                let result = measure(try plan.run(operands(sample, adding: node))[output])
                sums[node, default: 0] += Self.squares(result, exact)
            }
        }
        progress("measure output errors", inputs.count * nodes.count, inputs.count * nodes.count)
        let number = Double(max(count, 1))
        squaredErrors = sums.mapValues { $0 / number }
        total /= number
    }

    /// The distributions of values of the quantised graph in the float graph.
    func histograms(of wanted: [ValueID]) throws -> [ValueHistogram] {
        final class Collector {
            var statistics: [ValueID: RangeStatistics] = [:]
        }
        let collector = Collector()
        let observed = Set(wanted.compactMap { values[$0] })
        for sample in inputs.indices {
            func add(_ value: ValueID, _ tensor: Tensor) {
                guard observed.contains(value), tensor.elementType == .float32 else { return }
                collector.statistics[value, default: RangeStatistics()].add(tensor)
            }
            let graphInputs = Set(plan.graph.inputs.map(\.value))
            for (port, tensor) in zip(plan.graph.inputs, inputs[sample]) { add(port.value, tensor) }
            _ = try plan.run(operands(sample, adding: nil)) { value, tensor in
                if !graphInputs.contains(value) { add(value, tensor) }
            }
        }
        return wanted.compactMap { value in
            guard let statistics = values[value].flatMap({ collector.statistics[$0] }) else { return nil }
            return ValueHistogram(
                twin.graph[value].name, statistics, range: twin.graph.type(of: value).representableRange)
        }
    }

    private func operands(_ sample: Int, adding node: NodeID?) -> [Tensor] {
        inputs[sample]
            + noise.map { $0.node == node ? $0.errors[sample] : Tensor(zeros: $0.errors[sample].type) }
    }

    private static func squares(_ actual: [Double], _ wanted: [Double]) -> Double {
        zip(actual, wanted).reduce(0) { sum, pair in
            let error = pair.0 - pair.1
            return error.isFinite ? sum + error * error : sum
        }
    }
}
