import TensorCore

/// The distribution of one tensor's elements over any number of samples, as a mergeable statistic.
///
/// Bins are linear, aligned at zero, and as wide as the smallest power of two for which ``binCount`` bins on either side
/// cover the largest magnitude seen. Widening merges pairs of bins exactly, so the result does not depend on the order
/// or grouping of samples.
public struct RangeStatistics: Sendable, Hashable {
    /// Bins on each side of zero.
    public static let binCount = 2048

    public private(set) var minimum = Float.infinity
    public private(set) var maximum = -Float.infinity
    /// Finite elements seen.
    public private(set) var count = 0
    /// NaN and infinite elements seen; they are left out of everything else.
    public private(set) var nonFiniteCount = 0
    /// The width of a bin is `2^exponent`.
    public private(set) var exponent = -149
    /// Counts of `floor(x / width) + binCount`, for bins -binCount ..< binCount.
    public private(set) var bins: [UInt64] = []

    public init() {}

    /// Adds all elements of a float32 tensor.
    public mutating func add(_ tensor: Tensor) {
        tensor.withElements(of: Float.self) { add($0) }
    }

    mutating func add(_ elements: UnsafeBufferPointer<Float>) {
        var low = Float.infinity
        var high = -Float.infinity
        var finite = 0
        for x in elements where abs(x) <= Float.greatestFiniteMagnitude {
            if x < low { low = x }
            if x > high { high = x }
            finite += 1
        }
        nonFiniteCount += elements.count - finite
        guard finite > 0 else { return }
        minimum = min(minimum, low)
        maximum = max(maximum, high)
        count += finite
        widen(toCover: max(abs(low), abs(high)))
        let inverseWidth = Self.powerOfTwo(-exponent)
        let offset = Self.binCount
        bins.withUnsafeMutableBufferPointer { bins in
            for x in elements where abs(x) <= Float.greatestFiniteMagnitude {
                let position = Double(x) * inverseWidth
                let truncated = Int(position)
                bins[(position < Double(truncated) ? truncated - 1 : truncated) + offset] += 1
            }
        }
    }

    /// Adds what another statistic has seen of the same tensor.
    public mutating func merge(_ other: RangeStatistics) {
        nonFiniteCount += other.nonFiniteCount
        guard other.count > 0 else { return }
        var other = other
        let magnitude = max(
            abs(other.minimum), abs(other.maximum), abs(count > 0 ? minimum : 0), abs(count > 0 ? maximum : 0))
        widen(toCover: magnitude)
        other.widen(toCover: magnitude)
        minimum = min(minimum, other.minimum)
        maximum = max(maximum, other.maximum)
        count += other.count
        for i in bins.indices { bins[i] += other.bins[i] }
    }

    /// Lower edge of a bin.
    func edge(_ bin: Int) -> Double { Double(bin - Self.binCount) * Self.powerOfTwo(exponent) }

    private mutating func widen(toCover magnitude: Float) {
        if bins.isEmpty {
            bins = [UInt64](repeating: 0, count: 2 * Self.binCount)
            exponent = Self.exponent(covering: magnitude)
            return
        }
        let needed = Self.exponent(covering: magnitude)
        while exponent < needed {
            var merged = [UInt64](repeating: 0, count: bins.count)
            for i in bins.indices {
                merged[((i - Self.binCount) >> 1) + Self.binCount] += bins[i]
            }
            bins = merged
            exponent += 1
        }
    }

    /// The smallest e with `magnitude < binCount * 2^e`.
    private static func exponent(covering magnitude: Float) -> Int {
        guard magnitude > 0 else { return -149 }
        return Int(magnitude.exponent) + 1 - 11
    }

    static func powerOfTwo(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }
}

/// The smallest and largest element of every channel, as a mergeable statistic.
public struct ChannelExtrema: Sendable, Hashable {
    public private(set) var minima: [Float] = []
    public private(set) var maxima: [Float] = []

    public init() {}

    /// Adds a float32 tensor whose channels are its last axis.
    public mutating func add(_ tensor: Tensor) {
        let channels = tensor.shape.rank > 0 ? tensor.shape[-1] : 1
        if minima.isEmpty {
            minima = [Float](repeating: .infinity, count: channels)
            maxima = [Float](repeating: -.infinity, count: channels)
        }
        guard channels == minima.count, channels > 0 else { return }
        tensor.withElements(of: Float.self) { elements in
            minima.withUnsafeMutableBufferPointer { minima in
                maxima.withUnsafeMutableBufferPointer { maxima in
                    var channel = 0
                    for x in elements {
                        if x < minima[channel] { minima[channel] = x }
                        if x > maxima[channel] { maxima[channel] = x }
                        channel += 1
                        if channel == channels { channel = 0 }
                    }
                }
            }
        }
    }

    public mutating func merge(_ other: ChannelExtrema) {
        if minima.isEmpty {
            self = other
            return
        }
        for i in minima.indices where i < other.minima.count {
            minima[i] = min(minima[i], other.minima[i])
            maxima[i] = max(maxima[i], other.maxima[i])
        }
    }

    /// Largest magnitude of every channel.
    public var magnitudes: [Float] { zip(minima, maxima).map { max(abs($0), abs($1)) } }
}
