import GraphIR
import ImageIO
import Quantization
import TFLiteCodec
import TensorCore

/// What `depthc calibrate` writes: calibration statistics of one graph, in a form that other processes can merge.
///
/// The bytes follow from the statistics alone, so equal data give equal files however it was divided.
public struct StatisticsFile: Sendable, Hashable {
    /// FNV-1a hash of the canonical float graph's exported bytes: names, weights, shapes, layout and options.
    public var graphHash: UInt64
    /// The statistics by position of their value: inputs first, then the nodes' results in execution order.
    package var entries: [Int: ValueEntry] = [:]
    public var sampleCount: UInt64

    /// What is known of one value.
    package struct ValueEntry: Sendable, Hashable {
        package var range: RangeStatistics
        package var channels: ChannelStatistics?
        package var channelRanges: [RangeStatistics]?
    }

    package init(graphHash: UInt64, entries: [Int: ValueEntry], sampleCount: UInt64) {
        self.graphHash = graphHash
        self.entries = entries
        self.sampleCount = sampleCount
    }

    /// The statistics that were gathered of `graph`.
    public init(_ statistics: CalibrationStatistics, of graph: Graph) throws {
        graphHash = try Self.hash(of: graph)
        sampleCount = statistics.sampleCount
        for (position, value) in Self.values(of: graph).enumerated() {
            guard let range = statistics.ranges[value] else { continue }
            entries[position] = ValueEntry(
                range: range, channels: statistics.channels[value], channelRanges: statistics.channelRanges[value])
        }
    }

    /// The statistics by value of `graph`.
    ///
    /// - Throws: `Diagnostic` (.badData) when they were gathered of another graph, or of no sample.
    public func statistics(for graph: Graph) throws -> CalibrationStatistics {
        guard try Self.hash(of: graph) == graphHash else {
            throw Diagnostic(
                .badData, at: "statistics", "were gathered of another model",
                suggestion: "run depthc calibrate on this one, with the same --shape, --fix and --keep-layout")
        }
        guard sampleCount > 0 else {
            throw Diagnostic(.badData, at: "statistics", "hold no samples", suggestion: "merge all shards")
        }
        var result = CalibrationStatistics()
        result.sampleCount = sampleCount
        for (position, value) in Self.values(of: graph).enumerated() {
            guard let entry = entries[position] else { continue }
            let shape = graph.type(of: value).shape
            let channels = shape.rank > 0 ? shape[-1] : 1
            guard entry.channels.map({ $0.minima.count == channels }) ?? true,
                entry.channelRanges.map({ $0.count == channels }) ?? true
            else {
                throw Diagnostic(
                    .badData, at: "statistics", "value \(graph[value].name) has \(channels) channels, they have others")
            }
            result.ranges[value] = entry.range
            result.channels[value] = entry.channels
            result.channelRanges[value] = entry.channelRanges
        }
        return result
    }

    /// Adds what another file has of the same graph.
    ///
    /// - Throws: `Diagnostic` (.badData) when it was gathered of another graph or in another way.
    public mutating func merge(_ other: StatisticsFile) throws(Diagnostic) {
        guard graphHash == other.graphHash else {
            throw Diagnostic(.badData, at: "", "was gathered of another model than the files before it")
        }
        guard other.sampleCount > 0 else { return }
        guard sampleCount > 0 else {
            self = other
            return
        }
        guard Set(entries.keys) == Set(other.entries.keys),
            !sampleCount.addingReportingOverflow(other.sampleCount).overflow
        else { throw Diagnostic(.badData, at: "", "holds other values than the files before it") }
        for (position, theirs) in other.entries {
            guard var mine = entries[position], mine.isAlike(theirs) else {
                throw Diagnostic(.badData, at: "", "holds other statistics than the files before it")
            }
            mine.range.merge(theirs.range)
            if let channels = theirs.channels { mine.channels?.merge(channels) }
            for (c, range) in (theirs.channelRanges ?? []).enumerated() { mine.channelRanges?[c].merge(range) }
            entries[position] = mine
        }
        sampleCount += other.sampleCount
    }

    private static func values(of graph: Graph) -> [ValueID] {
        graph.inputs.map(\.value) + graph.nodes.flatMap(\.outputs)
    }

    private static func hash(of graph: Graph) throws -> UInt64 {
        try TFLiteCodec.encode(graph, metadata: [:]).fnv1a
    }
}

extension StatisticsFile.ValueEntry {
    /// True when the other holds the same kinds of statistics for as many channels, and counts can be added.
    fileprivate func isAlike(_ other: Self) -> Bool {
        guard range.canMerge(other.range), channels?.minima.count == other.channels?.minima.count,
            channelRanges?.count == other.channelRanges?.count
        else { return false }
        if let mine = channels?.count, let theirs = other.channels?.count,
            mine.addingReportingOverflow(theirs).overflow
        {
            return false
        }
        return zip(channelRanges ?? [], other.channelRanges ?? []).allSatisfy { $0.canMerge($1) }
    }
}
