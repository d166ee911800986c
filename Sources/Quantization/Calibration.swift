import GraphIR
import Runtime
import TensorCore

/// What calibration has learnt of a float graph: one mergeable statistic for every float value it computes.
public struct CalibrationStatistics: Sendable {
    /// Ranges and histograms.
    public internal(set) var ranges: [ValueID: RangeStatistics] = [:]
    /// Extrema of every channel (last axis).
    public internal(set) var channels: [ValueID: ChannelExtrema] = [:]
    public internal(set) var sampleCount = 0

    public init() {}

    /// Runs `plan` on one sample and adds the float32 values among `values` (all when nil), with the extrema of their
    /// channels for those among `channels`.
    ///
    /// - Throws: what ``Plan/run(_:observe:)`` throws.
    public mutating func collect(
        _ plan: Plan, sample: [Tensor], values: Set<ValueID>? = nil, channels: Set<ValueID>? = nil
    ) throws {
        let collector = Collector(self, values, channels)
        self = CalibrationStatistics()
        defer { self = collector.statistics }
        _ = try plan.run(sample) { collector.add($0, $1) }
        collector.statistics.sampleCount += 1
    }

    /// Adds what was learnt from other samples; the result does not depend on how samples were divided.
    public mutating func merge(_ other: CalibrationStatistics) {
        for (value, statistics) in other.ranges { ranges[value, default: RangeStatistics()].merge(statistics) }
        for (value, extrema) in other.channels { channels[value, default: ChannelExtrema()].merge(extrema) }
        sampleCount += other.sampleCount
    }

    /// Holds the statistics while an escaping observer adds to them.
    private final class Collector {
        var statistics: CalibrationStatistics
        private let values: Set<ValueID>?
        private let channels: Set<ValueID>?

        init(_ statistics: CalibrationStatistics, _ values: Set<ValueID>?, _ channels: Set<ValueID>?) {
            self.statistics = statistics
            self.values = values
            self.channels = channels
        }

        func add(_ value: ValueID, _ tensor: Tensor) {
            guard tensor.elementType == .float32, values?.contains(value) ?? true else { return }
            statistics.ranges[value, default: RangeStatistics()].add(tensor)
            if channels?.contains(value) ?? true, tensor.shape.rank >= 2 {
                statistics.channels[value, default: ChannelExtrema()].add(tensor)
            }
        }
    }
}
