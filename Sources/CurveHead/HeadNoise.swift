#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How far the accumulator of a quantised head is from the float network's, and what that leaves for a curve head to gain:
/// a head makes the rounding of the output smaller, not the noise that is in the accumulator already.
public struct HeadNoise: Sendable, Hashable {
    /// The interval that the 8-bit output's codes cover; numbers outside are clipped to it first.
    public let range: ClosedRange<Double>
    private var squares = 0.0
    private var sum = 0.0
    private var energy = 0.0
    private var count = 0.0

    public init(range: ClosedRange<Double>) { self.range = range }

    /// Adds pairs of the float network's numbers and the accumulator's.
    public mutating func add(wanted: [Double], found: [Double]) {
        for (wanted, found) in zip(wanted, found) where wanted.isFinite && found.isFinite {
            let target = min(max(wanted, range.lowerBound), range.upperBound)
            let difference = min(max(found, range.lowerBound), range.upperBound) - target
            squares += difference * difference
            sum += target
            energy += target * target
            count += 1
        }
    }

    /// Root mean square of the noise.
    public var deviation: Double { count > 0 ? (squares / count).squareRoot() : 0 }

    /// The noise in steps of an 8-bit output.
    public var steps: Double { deviation / ((range.upperBound - range.lowerBound) / 255) }

    /// Variance of the wanted numbers over the noise, in dB.
    public var decibels: Double {
        guard count > 0, squares > 0 else { return .infinity }
        return 10 * log10(max(energy / count - sum / count * (sum / count), 1e-300) / (squares / count))
    }

    /// How many times smaller the RMSE of depth becomes with an output of `length` codes instead of 255: rounding is
    /// uniform in a step and independent of the noise.
    public func gain(length: Double) -> Double {
        let (noise, step) = (steps * steps, 1 / 12.0)
        let share = 255 / length
        return ((noise + step) / (noise + step * share * share)).squareRoot()
    }

    /// The gain of an output that does not round at all.
    public var largestGain: Double { gain(length: .infinity) }

    /// The serpentine head, which has as many levels as the Hilbert head for fewer hinges, of the lowest order that reaches
    /// all but a fiftieth of ``largestGain``, else the highest order; nil when no head gains a fiftieth.
    public var bestCurve: ExactCurve? {
        guard largestGain > 1.02 else { return nil }
        let curves = ExactCurve.orders.compactMap { try? ExactCurve(.serpentine, order: $0) }
        return curves.first { gain(length: Double($0.length)) >= 0.98 * largestGain } ?? curves.last
    }
}
