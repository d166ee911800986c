import CKernels
import TensorCore

/// Extremes and means of every channel of one tensor over any number of samples, as a mergeable statistic.
public struct ChannelStatistics: Sendable, Hashable {
    public private(set) var minima: [Float] = []
    public private(set) var maxima: [Float] = []
    /// Sums of each channel's finite elements.
    public private(set) var sums: [FixedPointSum] = []
    /// Elements of one channel.
    public private(set) var count: UInt64 = 0

    public init() {}

    package init(minima: [Float], maxima: [Float], sums: [FixedPointSum], count: UInt64) {
        self.minima = minima
        self.maxima = maxima
        self.sums = sums
        self.count = count
    }

    /// Adds one sample: a float32 tensor whose channels are its last axis. Within it every channel is summed in
    /// binary64, in the order of its elements.
    public mutating func add(_ tensor: Tensor) {
        let channels = tensor.shape.rank > 0 ? tensor.shape[-1] : 1
        if minima.isEmpty { makeRoom(channels) }
        guard channels == minima.count, channels > 0, tensor.count > 0 else { return }
        var totals = [Double](repeating: 0, count: channels)
        tensor.withElements(of: Float.self) { elements in
            guard let base = elements.baseAddress else { return }
            ck_channel_statistics_f32(
                base, Int64(elements.count / channels), Int64(channels), &minima, &maxima, &totals)
        }
        for c in 0..<channels { sums[c].add(totals[c]) }
        count += UInt64(tensor.count / channels)
    }

    private mutating func makeRoom(_ channels: Int) {
        minima = [Float](repeating: .infinity, count: channels)
        maxima = [Float](repeating: -.infinity, count: channels)
        sums = [FixedPointSum](repeating: FixedPointSum(), count: channels)
    }

    public mutating func merge(_ other: ChannelStatistics) {
        if minima.isEmpty { makeRoom(other.minima.count) }
        guard minima.count == other.minima.count else { return }
        for i in minima.indices {
            minima[i] = min(minima[i], other.minima[i])
            maxima[i] = max(maxima[i], other.maxima[i])
            sums[i].merge(other.sums[i])
        }
        count += other.count
    }

    /// Largest magnitude of every channel; 0 where nothing finite was seen.
    public var magnitudes: [Float] {
        zip(minima, maxima).map { $0.0 <= $0.1 ? max(abs($0.0), abs($0.1)) : 0 }
    }

    /// Mean of every channel.
    public var means: [Double] { sums.map { count > 0 ? $0.value / Double(count) : 0 } }

    /// The statistic of the same elements, channel c times `2^powers[c]`.
    func scaled(byPowersOfTwo powers: [Int]) -> ChannelStatistics {
        guard powers.count == minima.count else { return self }
        var result = self
        for (c, power) in powers.enumerated() {
            let factor = Float(sign: .plus, exponent: power, significand: 1)
            result.minima[c] = minima[c] * factor + 0
            result.maxima[c] = maxima[c] * factor + 0
            result.sums[c] = sums[c].scaled(by: power)
        }
        return result
    }

    /// The statistic of channels put behind each other.
    static func joining(_ parts: [ChannelStatistics]) -> ChannelStatistics {
        ChannelStatistics(
            minima: parts.flatMap(\.minima), maxima: parts.flatMap(\.maxima), sums: parts.flatMap(\.sums),
            count: parts.first?.count ?? 0)
    }
}
