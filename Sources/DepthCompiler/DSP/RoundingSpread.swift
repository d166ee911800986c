import Evaluation
import GraphIR
import Runtime
import TensorCore

/// How much a model's outputs depend on a rounding that is only assumed.
public struct RoundingSpread: Sendable, Codable {
    /// One output: the greatest minus the least of the variants' results, element by element, as reals.
    public struct Output: Sendable, Codable {
        public var name: String
        public var maximum = 0.0
        public var mean = 0.0
        /// Share of the elements on which not all variants agree.
        public var share = 0.0
    }

    /// The roundings that were tried; the first is the one that all other numbers stand on.
    public var variants: [String]
    public var samples: Int
    public var outputs: [Output]

    /// Runs every sample of `data` with every rounding; nil for profiles whose kernels are public.
    public init?(
        _ model: Model, delegate: DSPDelegate, data: SampleFolder, options: RunOptions,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        guard delegate.assumption != nil else { return nil }
        let compilation = try DSPCompilation(model, delegate: delegate)
        let graph = compilation.graph
        let plans = try AssumedRounding.allCases.map { try compilation.plan(options: options, rounding: $0) }
        var sums = graph.outputs.map { (output: Output(name: $0.sourceName), count: 0, differing: 0) }
        for sample in 0..<data.count {
            progress(sample, data.count)
            let inputs = try data.tensors(sample, for: graph)
            let results = try plans.map { try $0.run(inputs) }
            for index in sums.indices {
                let variants = results.map { $0[index].realValues() }
                for element in variants[0].indices {
                    let values = variants.map { $0[element] }
                    guard let least = values.min(), let most = values.max(), (most - least).isFinite else { continue }
                    sums[index].count += 1
                    sums[index].output.maximum = max(sums[index].output.maximum, most - least)
                    sums[index].output.mean += most - least
                    if most > least { sums[index].differing += 1 }
                }
            }
        }
        progress(data.count, data.count)
        variants = AssumedRounding.allCases.map(\.rawValue)
        samples = data.count
        outputs = sums.map { entry in
            var output = entry.output
            output.mean /= Double(max(entry.count, 1))
            output.share = Double(entry.differing) / Double(max(entry.count, 1))
            return output
        }
    }
}
