import CKernels
import TensorCore

/// The distribution of one tensor's elements over any number of samples, as a mergeable statistic.
///
/// Bins are linear, aligned at zero, and as wide as the smallest power of two for which ``binsPerSide`` bins on either
/// side cover the largest magnitude seen. Widening merges pairs of bins exactly, so the result does not depend on the
/// order or grouping of samples; and multiplying by a power of two only renames the bins.
public struct RangeStatistics: Sendable, Hashable {
    /// Bins on each side of zero for a whole tensor.
    public static let tensorBins = 2048
    /// Bins on each side of zero for one channel of many.
    public static let channelBins = 512
    /// Bins are never narrower than 2 to this power.
    static let smallestExponent = -149

    /// Bins on each side of zero, a power of two; 0 when no histogram is kept.
    public private(set) var binsPerSide: Int
    public private(set) var minimum = Float.infinity
    public private(set) var maximum = -Float.infinity
    /// Finite elements seen.
    public private(set) var count: UInt64 = 0
    /// NaN and infinite elements seen; they are left out of everything else.
    public private(set) var nonFiniteCount: UInt64 = 0
    /// Samples with finite elements.
    public private(set) var sampleCount: UInt64 = 0
    /// Sums over the samples of the extremes of each.
    public private(set) var minimumSum = FixedPointSum()
    public private(set) var maximumSum = FixedPointSum()
    /// The width of a bin is `2^exponent`.
    public private(set) var exponent = RangeStatistics.smallestExponent
    /// Counts of `floor(x / width) + binsPerSide`; empty until something finite is seen.
    public private(set) var bins: [UInt64] = []

    public init(binsPerSide: Int = RangeStatistics.tensorBins) { self.binsPerSide = binsPerSide }

    /// Adds all elements of a float32 tensor, which count as one sample.
    public mutating func add(_ tensor: Tensor) {
        tensor.withElements(of: Float.self) { elements in
            guard let base = elements.baseAddress else { return }
            let extrema = ck_extrema_f32(base, Int64(elements.count))
            guard addExtrema(extrema.low, extrema.high, finite: Int(extrema.finite), of: elements.count) else { return }
            bins.withUnsafeMutableBufferPointer { bins in
                guard let bins = bins.baseAddress, binsPerSide > 0 else { return }
                ck_histogram_f32(
                    base, Int64(elements.count), extrema.finite == Int64(elements.count) ? 1 : 0, Int32(exponent),
                    Int32(binsPerSide), bins)
            }
        }
    }

    /// Adds a sample's extremes and element counts, and makes room for its elements in the bins.
    ///
    /// - Returns: false when it has no finite element.
    private mutating func addExtrema(_ low: Float, _ high: Float, finite: Int, of all: Int) -> Bool {
        nonFiniteCount += UInt64(all - finite)
        guard finite > 0 else { return false }
        minimum = min(minimum, low)
        maximum = max(maximum, high)
        count += UInt64(finite)
        sampleCount += 1
        minimumSum.add(Double(low))
        maximumSum.add(Double(high))
        widen(toCover: max(abs(low), abs(high)))
        return true
    }

    /// Adds what another statistic has seen of the same tensor. Of two resolutions the coarser stays.
    public mutating func merge(_ other: RangeStatistics) {
        let common = min(binsPerSide, other.binsPerSide)
        coarsen(to: common)
        var other = other
        other.coarsen(to: common)
        nonFiniteCount += other.nonFiniteCount
        guard other.count > 0 else { return }
        let magnitude = max(other.magnitude, magnitude)
        widen(toCover: magnitude)
        other.widen(toCover: magnitude)
        minimum = min(minimum, other.minimum)
        maximum = max(maximum, other.maximum)
        count += other.count
        sampleCount += other.sampleCount
        minimumSum.merge(other.minimumSum)
        maximumSum.merge(other.maximumSum)
        for i in bins.indices { bins[i] += other.bins[i] }
    }

    /// True when the other has as many bins and their counts can be added.
    package func canMerge(_ other: RangeStatistics) -> Bool {
        binsPerSide == other.binsPerSide && !count.addingReportingOverflow(other.count).overflow
            && !nonFiniteCount.addingReportingOverflow(other.nonFiniteCount).overflow
            && !sampleCount.addingReportingOverflow(other.sampleCount).overflow
    }

    /// The largest magnitude seen, 0 before that.
    var magnitude: Float { count > 0 ? max(abs(minimum), abs(maximum)) : 0 }

    /// Mean square of the finite elements, each taken as its bin's centre; 0 before any was seen.
    var meanSquare: Double {
        guard count > 0 else { return 0 }
        let half = Self.powerOfTwo(exponent) / 2
        let sum = bins.indices.reduce(0.0) { sum, bin in
            let centre = edge(bin) + half
            return bins[bin] == 0 ? sum : sum + Double(bins[bin]) * centre * centre
        }
        return sum / Double(count)
    }

    /// Lower edge of a bin.
    func edge(_ bin: Int) -> Double { Double(bin - binsPerSide) * Self.powerOfTwo(exponent) }

    /// The statistic of the same elements times `2^power`.
    func scaled(byPowerOfTwo power: Int) -> RangeStatistics {
        guard count > 0, power != 0 else { return self }
        var result = self
        let factor = Float(sign: .plus, exponent: power, significand: 1)
        result.minimum = minimum * factor + 0
        result.maximum = maximum * factor + 0
        result.minimumSum = minimumSum.scaled(by: power)
        result.maximumSum = maximumSum.scaled(by: power)
        if magnitude > 0 { result.exponent += power }
        return result
    }

    /// The statistic of a tensor from those of its channels, all over the same samples. A sample's extremes are taken
    /// to be where the channels' means of extremes are: sums of extremes are bounds, everything else is exact.
    static func joining(_ channels: [RangeStatistics]) -> RangeStatistics {
        guard var result = channels.first else { return RangeStatistics() }
        for channel in channels.dropFirst() {
            let (samples, low, high) = (result.sampleCount, result.minimumSum, result.maximumSum)
            result.merge(channel)
            result.sampleCount = max(samples, channel.sampleCount)
            result.minimumSum = FixedPointSum(units: min(low.units, channel.minimumSum.units))
            result.maximumSum = FixedPointSum(units: max(high.units, channel.maximumSum.units))
        }
        return result
    }

    /// Lowers the number of bins on each side to `side`, which is a power of two or 0.
    private mutating func coarsen(to side: Int) {
        guard side < binsPerSide else { return }
        defer { binsPerSide = side }
        if side == 0 {
            bins = []
            exponent = Self.smallestExponent
        }
        guard !bins.isEmpty else { return }
        let fitting = Self.exponent(covering: magnitude, side)
        let shift = fitting - exponent
        var merged = [UInt64](repeating: 0, count: 2 * side)
        for i in bins.indices where bins[i] > 0 { merged[((i - binsPerSide) >> shift) + side] += bins[i] }
        bins = merged
        exponent = fitting
    }

    private mutating func widen(toCover magnitude: Float) {
        guard binsPerSide > 0 else { return }
        let needed = Self.exponent(covering: magnitude, binsPerSide)
        if bins.isEmpty {
            bins = [UInt64](repeating: 0, count: 2 * binsPerSide)
            exponent = needed
        } else if needed > exponent {
            let shift = needed - exponent
            var merged = [UInt64](repeating: 0, count: bins.count)
            for i in bins.indices where bins[i] > 0 { merged[((i - binsPerSide) >> shift) + binsPerSide] += bins[i] }
            bins = merged
            exponent = needed
        }
    }

    /// The smallest e with `magnitude < side * 2^e`, at least ``smallestExponent``.
    private static func exponent(covering magnitude: Float, _ side: Int) -> Int {
        guard magnitude > 0, side > 0 else { return smallestExponent }
        return max(Int(magnitude.exponent) + 1 - side.trailingZeroBitCount, smallestExponent)
    }

    static func powerOfTwo(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }
}

extension RangeStatistics {
    /// Adds a float32 tensor whose channels are its last axis to the statistics of its channels.
    ///
    /// - Parameter channels: one statistic for every channel; made, with ``channelBins`` bins, when empty.
    static func add(_ tensor: Tensor, to channels: inout [RangeStatistics], histograms: Bool) {
        let width = tensor.shape.rank > 0 ? tensor.shape[-1] : 1
        if channels.isEmpty {
            channels = [RangeStatistics](
                repeating: RangeStatistics(binsPerSide: histograms ? channelBins : 0), count: width)
        }
        guard width == channels.count, width > 0, tensor.count > 0 else { return }
        let rows = tensor.count / width
        tensor.withElements(of: Float.self) { elements in
            guard let base = elements.baseAddress else { return }
            var low = [Float](repeating: .infinity, count: width)
            var high = [Float](repeating: -.infinity, count: width)
            var finite = [Int](repeating: rows, count: width)
            var sums = [Double](repeating: 0, count: width)
            ck_channel_statistics_f32(base, Int64(rows), Int64(width), &low, &high, &sums)
            if ck_extrema_f32(base, Int64(elements.count)).finite != Int64(elements.count) {
                for (i, x) in elements.enumerated() where !x.isFinite { finite[i % width] -= 1 }
            }
            for c in 0..<width { _ = channels[c].addExtrema(low[c], high[c], finite: finite[c], of: rows) }
            guard histograms else { return }
            let inverse = channels.map { powerOfTwo(-$0.exponent) }
            let size = 2 * channelBins
            var found = [UInt64](repeating: 0, count: width * size)
            ck_channel_histograms_f32(base, Int64(rows), Int64(width), inverse, Int32(channelBins), &found)
            for c in 0..<width {
                for i in channels[c].bins.indices { channels[c].bins[i] += found[c * size + i] }
            }
        }
    }
}

extension RangeStatistics {
    /// What a range statistic consists of, not yet checked.
    package struct Parts {
        package var binsPerSide: Int
        package var minimum = Float.infinity
        package var maximum = -Float.infinity
        package var count: UInt64 = 0
        package var nonFiniteCount: UInt64 = 0
        package var sampleCount: UInt64 = 0
        package var minimumSum = FixedPointSum()
        package var maximumSum = FixedPointSum()
        package var exponent = RangeStatistics.smallestExponent
        package var bins: [UInt64] = []

        package init(binsPerSide: Int) { self.binsPerSide = binsPerSide }
    }

    /// The statistic of these parts; nil when they contradict each other.
    package init?(_ parts: Parts) {
        self.init(binsPerSide: parts.binsPerSide)
        nonFiniteCount = parts.nonFiniteCount
        guard parts.count > 0 else { return }
        guard parts.minimum.isFinite, parts.maximum.isFinite, parts.minimum <= parts.maximum,
            parts.sampleCount > 0, parts.sampleCount <= parts.count
        else { return nil }
        (minimum, maximum, count, sampleCount) = (parts.minimum, parts.maximum, parts.count, parts.sampleCount)
        (minimumSum, maximumSum) = (parts.minimumSum, parts.maximumSum)
        guard binsPerSide > 0 else { return }
        (exponent, bins) = (parts.exponent, parts.bins)
        guard bins.count == 2 * binsPerSide, exponent == Self.exponent(covering: magnitude, binsPerSide) else {
            return nil
        }
        var sum: UInt64 = 0
        for bin in bins {
            let (next, overflows) = sum.addingReportingOverflow(bin)
            guard !overflows else { return nil }
            sum = next
        }
        guard sum == count else { return nil }
    }
}
