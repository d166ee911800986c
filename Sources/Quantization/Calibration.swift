import GraphIR
import Runtime
import TensorCore

/// Which statistics of which values calibration gathers.
public struct CalibrationRequest: Sendable {
    /// Values whose distribution is gathered; nil: all float values.
    public var values: Set<ValueID>?
    /// Values whose channels' extremes and means are gathered as well; nil: all among `values`.
    public var channels: Set<ValueID>?
    /// Values whose distribution is gathered channel by channel as well.
    public var channelDistributions: Set<ValueID>
    /// False: extremes only, which is all that some range methods need.
    public var histograms: Bool

    public init(
        values: Set<ValueID>? = nil, channels: Set<ValueID>? = nil, channelDistributions: Set<ValueID> = [],
        histograms: Bool = true
    ) {
        self.values = values
        self.channels = channels
        self.channelDistributions = channelDistributions
        self.histograms = histograms
    }
}

/// What calibration has learnt of a float graph: mergeable statistics of the float values it computes.
public struct CalibrationStatistics: Sendable, Hashable {
    /// Ranges and histograms.
    public package(set) var ranges: [ValueID: RangeStatistics] = [:]
    /// Extremes and means of every channel (last axis).
    public package(set) var channels: [ValueID: ChannelStatistics] = [:]
    /// Ranges and histograms of every channel (last axis).
    public package(set) var channelRanges: [ValueID: [RangeStatistics]] = [:]
    public package(set) var sampleCount: UInt64 = 0

    public init() {}

    /// Runs `plan` on one sample and adds what `request` asks for.
    ///
    /// - Throws: what ``Plan/run(_:observe:)`` throws.
    public mutating func collect(
        _ plan: Plan, sample: [Tensor], request: CalibrationRequest = CalibrationRequest()
    ) throws {
        let collector = Collector(self, request)
        self = CalibrationStatistics()
        defer { self = collector.statistics }
        _ = try plan.run(sample, observing: request.values, readingInPlace: { collector.add($0, $1) })
        collector.statistics.sampleCount += 1
    }

    /// Adds what was learnt from other samples; the result does not depend on how samples were divided.
    public mutating func merge(_ other: CalibrationStatistics) {
        ranges.merge(other.ranges) { mine, theirs in
            var merged = mine
            merged.merge(theirs)
            return merged
        }
        channels.merge(other.channels) { mine, theirs in
            var merged = mine
            merged.merge(theirs)
            return merged
        }
        channelRanges.merge(other.channelRanges) { mine, theirs in
            guard mine.count == theirs.count else { return mine }
            var merged = mine
            for i in merged.indices { merged[i].merge(theirs[i]) }
            return merged
        }
        sampleCount += other.sampleCount
    }

    /// Holds the statistics while an escaping observer adds to them.
    private final class Collector {
        var statistics: CalibrationStatistics
        private let request: CalibrationRequest

        init(_ statistics: CalibrationStatistics, _ request: CalibrationRequest) {
            self.statistics = statistics
            self.request = request
        }

        func add(_ value: ValueID, _ tensor: Tensor) {
            guard tensor.elementType == .float32, request.values?.contains(value) ?? true else { return }
            let bins = request.histograms ? RangeStatistics.tensorBins : 0
            statistics.ranges[value, default: RangeStatistics(binsPerSide: bins)].add(tensor)
            guard tensor.shape.rank >= 2 else { return }
            if request.channels?.contains(value) ?? true {
                statistics.channels[value, default: ChannelStatistics()].add(tensor)
            }
            if request.channelDistributions.contains(value) {
                RangeStatistics.add(
                    tensor, to: &statistics.channelRanges[value, default: []], histograms: request.histograms)
            }
        }
    }
}
