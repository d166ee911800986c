import TensorCore

/// How a tensor's range is chosen from its distribution.
public enum RangeMethod: Sendable, Hashable {
    /// The extremes seen.
    case minMax
    /// The mean over the samples of the extremes of each. (Moving averages weigh samples by their order; this one does
    /// not, so shards merge.)
    case averageMinMax
    /// The narrowest range that leaves out at most `(100 - percent) / 2` percent of the elements at either end.
    case percentile(Double)
    /// The range whose quantised distribution is nearest to the real one by Kullback-Leibler divergence.
    case entropy
    /// The range with the least mean squared error of quantisation, among shrunk versions of the min-max range.
    case meanSquaredError

    /// The method that `--range` and recipes call `name`: minmax, average, entropy, mse, percentile (99.99) or a
    /// percentage above 50.
    public init?(name: String) {
        switch name {
        case "minmax": self = .minMax
        case "average": self = .averageMinMax
        case "entropy": self = .entropy
        case "mse": self = .meanSquaredError
        case "percentile": self = .percentile(99.99)
        default:
            guard let percent = Double(name), percent > 50, percent <= 100 else { return nil }
            self = .percentile(percent)
        }
    }

    /// The names that ``init(name:)`` knows, for messages.
    public static let names = "minmax, average, entropy, mse, percentile or a percentage above 50"

    /// True when extremes are not enough.
    public var needsHistogram: Bool { self != .minMax && self != .averageMinMax }
}

extension RangeStatistics {
    /// The real interval to quantise, always with 0 inside.
    ///
    /// - Parameter function: what alone reads the tensor, such as ELU, whose results' error the mean squared error is then
    ///   taken of: where the function is flat, clipping costs nothing.
    public func range(
        by method: RangeMethod, levels: Int, through function: ((Double) -> Double)? = nil
    ) -> ClosedRange<Float> {
        guard count > 0 else { return 0...0 }
        let whole = min(minimum, 0)...max(maximum, 0)
        switch method {
        case .minMax: return whole
        case .averageMinMax:
            let low = Float(minimumSum.value / Double(sampleCount))
            let high = Float(maximumSum.value / Double(sampleCount))
            return (min(low, 0)...max(high, 0)).clamped(to: whole)
        case .entropy:
            guard let found = entropyRange(levels: levels) else { return whole }
            return (Float(found.lowerBound)...Float(found.upperBound)).clamped(to: whole)
        case .percentile(let percent): return percentileRange(percent).clamped(to: whole)
        case .meanSquaredError: return leastErrorRange(within: whole, levels: levels, function)
        }
    }

    private func percentileRange(_ percent: Double) -> ClosedRange<Float> {
        let tail = Double(count) * (100 - percent) / 200
        func cut<S: Sequence>(_ order: S) -> Int where S.Element == Int {
            var seen = 0.0
            for bin in order {
                seen += Double(bins[bin])
                if seen > tail { return bin }
            }
            return 2 * binsPerSide
        }
        let low = edge(cut(bins.indices))
        let high = edge(cut(bins.indices.reversed()) + 1)
        return Float(min(low, 0))...Float(max(high, 0))
    }

    /// A bin that has elements: its centre, what the function makes of it, and their number.
    private struct OccupiedBin {
        var centre: Double
        var result: Double
        var count: Double
    }

    /// Expected squared error of a range: outside, the distance to the border; inside, the rounding of the bin's centre
    /// where steps are wider than bins, else step^2 / 12. With a function, that of its results.
    private func squaredError(
        _ low: Double, _ high: Double, levels: Int, _ occupied: [OccupiedBin], _ function: ((Double) -> Double)?
    ) -> Double {
        let step = (high - low) / Double(levels - 1)
        let fine = step < Self.powerOfTwo(exponent)
        let uniform = step * step / 12
        let inverse = 1 / step
        var error = 0.0
        for bin in occupied {
            let clamped = min(max(bin.centre, low), high)
            let rounded = (clamped * inverse).rounded() * step
            guard let function else {
                let rounding = fine ? uniform : (clamped - rounded) * (clamped - rounded)
                error += bin.count * ((bin.centre - clamped) * (bin.centre - clamped) + rounding)
                continue
            }
            let difference = bin.result - function(fine ? clamped : rounded)
            let slope = fine ? function(clamped + step / 2) - function(clamped - step / 2) : 0
            error += bin.count * (difference * difference + slope * slope / 12)
        }
        return error
    }

    private func leastErrorRange(
        within whole: ClosedRange<Float>, levels: Int, _ function: ((Double) -> Double)?
    ) -> ClosedRange<Float> {
        var best = (low: Double(whole.lowerBound), high: Double(whole.upperBound))
        guard best.high > best.low else { return whole }
        let half = Self.powerOfTwo(exponent) / 2
        let occupied = bins.indices.filter { bins[$0] > 0 }.map {
            let centre = edge($0) + half
            return OccupiedBin(centre: centre, result: function?(centre) ?? centre, count: Double(bins[$0]))
        }
        var least = squaredError(best.low, best.high, levels: levels, occupied, function)
        // Coordinate descent over both ends on a 1/50 grid: each end shrinks by itself while that helps.
        let unit = (low: best.low / 50, high: best.high / 50)
        for _ in 0..<2 {
            for end in 0..<2 {
                for k in 5...50 {
                    let low = end == 0 ? unit.low * Double(k) : best.low
                    let high = end == 1 ? unit.high * Double(k) : best.high
                    guard high > low else { continue }
                    let error = squaredError(low, high, levels: levels, occupied, function)
                    if error < least {
                        least = error
                        best = (low, high)
                    }
                }
            }
        }
        return Float(best.low)...Float(best.high)
    }
}

extension QuantizationParameters {
    /// Asymmetric parameters of an integer type for a real interval that contains 0.
    ///
    /// The scale is computed in binary64 and rounded once; the zero point is the nearest code to real 0. A degenerate
    /// interval gets scale 1. int16 is symmetric as the TFLite specification asks.
    public static func covering(_ range: ClosedRange<Float>, _ type: ElementType) -> QuantizationParameters {
        let codes = type.integerRange ?? -128...127
        let low = Double(min(range.lowerBound, 0))
        let high = Double(max(range.upperBound, 0))
        if type == .int16 {
            let magnitude = max(-low, high)
            return QuantizationParameters(scale: magnitude > 0 ? positive(magnitude / 32767) : 1, zeroPoint: 0)
        }
        guard high > low else { return QuantizationParameters(scale: 1, zeroPoint: 0) }
        let scale = positive((high - low) / Double(codes.upperBound - codes.lowerBound))
        let zeroPoint = (Double(codes.lowerBound) - low / Double(scale)).rounded()
        let clamped = min(max(zeroPoint, Double(codes.lowerBound)), Double(codes.upperBound))
        return QuantizationParameters(scale: scale, zeroPoint: Int32(clamped))
    }

    /// A scale as binary32, never so small that its reciprocal overflows.
    static func positive(_ scale: Double) -> Float { max(Float(scale), 1e-30) }
}
