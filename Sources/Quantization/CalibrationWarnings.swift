import GraphIR
import TensorCore

extension CalibrationStatistics {
    /// Fewer samples than this say little of what a network will see.
    static let fewSamples: UInt64 = 4
    /// A channel this many times wider than the middle one leaves the others a single step of 8 bits or none.
    static let wideChannel: Float = 256

    /// Why a network quantised by these statistics may be far from the float one, one sentence each: few samples, inputs or
    /// many values that do not vary within a sample (their moments are singular, so that nothing can be fitted to them),
    /// values with NaN or infinite elements.
    ///
    /// - Parameter graph: the graph whose values were observed.
    public func warnings(of graph: Graph) -> [String] {
        var result: [String] = []
        if sampleCount < Self.fewSamples {
            result.append(
                "only \(sampleCount) calibration sample\(sampleCount == 1 ? "" : "s"): ranges and fitted weights may not "
                    + "hold for others")
        }
        for port in graph.inputs where ranges[port.value]?.isConstantInEverySample ?? false {
            result.append(
                "input \(graph[port.value].name) does not vary within any calibration sample: its statistics are singular"
            )
        }
        let constant = ranges.values.count(where: \.isConstantInEverySample)
        if constant * 4 > ranges.count {
            result.append("\(constant) of \(ranges.count) values do not vary within any calibration sample")
        }
        let broken = ranges.filter { $0.value.nonFiniteCount > 0 }.keys.map { graph[$0].name }.sorted()
        if let first = broken.first {
            result.append(
                "\(broken.count) values have NaN or infinite elements in the calibration samples, first \(first)")
        }
        return result
    }

    /// That channels are far wider than the others of their value, in a sentence; empty when none is. About the values
    /// whose channels were observed.
    public func wideChannelWarnings(of graph: Graph) -> [String] {
        var widest: (name: String, channel: Int, ratio: Float)?
        var count = 0
        for (value, channels) in channels.sorted(by: { $0.key < $1.key }) {
            guard let (channel, ratio) = channels.widest, ratio > Self.wideChannel else { continue }
            count += 1
            if ratio > widest?.ratio ?? 0 { widest = (graph[value].name, channel, ratio) }
        }
        guard let widest else { return [] }
        return [
            "\(count) value\(count == 1 ? " has a channel" : "s have channels") over \(Int(Self.wideChannel)) times wider "
                + "than the middle one, which leaves the others few codes; channel \(widest.channel) of \(widest.name) is "
                + "\(Int(widest.ratio.rounded())) times wider"
        ]
    }
}

extension RangeStatistics {
    /// True when the elements of every sample are all the same.
    var isConstantInEverySample: Bool { count > sampleCount && minimumSum == maximumSum }
}

extension ChannelStatistics {
    /// The channel with the largest magnitude, and this over that of the middle one of those that are not 0 everywhere; nil
    /// for fewer than three of these, or when a magnitude is not finite.
    var widest: (channel: Int, ratio: Float)? {
        let magnitudes = zip(minima, maxima).map { max(abs($0), abs($1)) }
        let present = magnitudes.filter { $0 > 0 }.sorted()
        guard present.count > 2, let largest = present.last, largest.isFinite,
            let channel = magnitudes.firstIndex(of: largest)
        else { return nil }
        return (channel, min(largest / present[present.count / 2], 1e9))
    }
}
