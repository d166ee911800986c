import Evaluation
import GraphIR
import TensorCore

/// How two models compare on the same data.
public struct ComparisonReport: Sendable, Codable {
    /// One value that both models compute, by name.
    public struct Layer: Sendable, Codable {
        public var name: String
        public var type: String
        public var sqnr: Double
        public var acSQNR: Double
        public var maximum: Double
    }

    public var reference: String
    public var candidate: String
    public var samples: Int
    public var outputs: [OutputComparison]
    /// In the candidate's order of execution; empty unless asked for. The mean over samples of the figures in dB.
    public var layers: [Layer]
    /// What the page of `--report` shows; nil without it.
    public var report: AccuracyReport?
    /// Operator by operator, when the candidate runs on the DSP and layers were asked for.
    public var dsp: DSPDifference?
    /// When the candidate runs on a DSP whose rounding is only assumed.
    public var spread: RoundingSpread?
    /// Where the candidate's operators run and why, and the error of depth by sample; with the page on the DSP only.
    public var placement: DSPInspection?
    public var depthErrors: [AccuracyReport.DepthError]?
}

/// Holds a model against another one.
public enum Comparer {
    /// Runs both models on every sample of `data` and compares outputs, and with `layers` every value that has the same
    /// name and as many elements in both.
    ///
    /// - Parameter seen: is given every sample's name with the reference's outputs and the candidate's.
    /// - Throws: `.badData` when the outputs do not match; what running and `seen` throw.
    public static func compare(
        reference: Session, candidate: Session, data: SampleFolder, layers: Bool,
        seen: (String, [Tensor], [Tensor]) throws -> Void = { _, _, _ in },
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> ComparisonReport {
        guard reference.graph.outputs.count == candidate.graph.outputs.count else {
            throw Diagnostic(
                .badData, at: candidate.model.path,
                "has \(candidate.graph.outputs.count) outputs, the reference \(reference.graph.outputs.count)")
        }
        var collectors = candidate.graph.outputs.map(OutputCollector.init)
        var sums: [String: (layer: ComparisonReport.Layer, count: Int, order: Int)] = [:]
        for index in 0..<data.count {
            progress(index, data.count)
            let wanted = Set(candidate.graph.nodes.flatMap { $0.outputs.map { candidate.graph[$0].name } })
            var kept: [String: Tensor] = [:]
            let expected = try reference.run(
                data.tensors(index, for: reference.graph),
                observe: layers
                    ? { id, tensor in
                        let name = reference.graph[id].name
                        if wanted.contains(name) { kept[name] = tensor }
                    } : nil)
            let actual = try candidate.run(
                data.tensors(index, for: candidate.graph),
                observe: layers
                    ? { id, tensor in
                        let name = candidate.graph[id].name
                        guard let other = kept[name], let pair = aligned(other, tensor) else { return }
                        let statistics = ErrorStatistics(reference: pair.0, candidate: pair.1)
                        var entry =
                            sums[name]
                            ?? (
                                .init(name: name, type: "\(tensor.type)", sqnr: 0, acSQNR: 0, maximum: 0), 0,
                                id.index
                            )
                        entry.layer.sqnr += statistics.sqnr
                        entry.layer.acSQNR += statistics.acSQNR
                        entry.layer.maximum = max(entry.layer.maximum, statistics.maximum)
                        entry.count += 1
                        sums[name] = entry
                    } : nil)
            try seen(data.name(index), expected, actual)
            for (number, port) in candidate.graph.outputs.enumerated() {
                let match = reference.graph.outputs.firstIndex { $0.sourceName == port.sourceName } ?? number
                var tensor = expected[match]
                if let permutation = reference.graph.outputs[match].sourcePermutation {
                    tensor = tensor.unpermuted(permutation)
                }
                try collectors[number].add(sample: data.name(index), expected: tensor, actual: actual[number])
            }
        }
        progress(data.count, data.count)
        let ordered = sums.values.sorted { $0.order < $1.order }.map { entry in
            var layer = entry.layer
            layer.sqnr /= Double(entry.count)
            layer.acSQNR /= Double(entry.count)
            return layer
        }
        return ComparisonReport(
            reference: reference.model.path, candidate: candidate.model.path, samples: data.count,
            outputs: collectors.map {
                $0.comparison(
                    .leastSQNR(-.infinity), depth: DepthOutput($0.port, of: candidate.model, recipe: data.recipe))
            }, layers: ordered)
    }

    /// The real values of both, the first brought to the second's layout when it is channels-first; nil when their
    /// shapes cannot be matched.
    private static func aligned(_ reference: Tensor, _ candidate: Tensor) -> ([Double], [Double])? {
        if reference.shape == candidate.shape { return (reference.realValues(), candidate.realValues()) }
        guard reference.shape.rank == 4, candidate.shape.rank == 4 else { return nil }
        let moved = reference.permuted([0, 2, 3, 1])
        return moved.shape == candidate.shape ? (moved.realValues(), candidate.realValues()) : nil
    }
}
