#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The companding of LogNP polishing (arXiv 2503.16709, section 4.2): reals become nearly logarithms before a uniform
/// quantiser rounds them, and reals again behind it, so that a channel with outliers keeps steps for its many small
/// elements.
package struct LogPolishing: Sendable, Hashable {
    /// Where the function turns from linear to logarithmic; positive.
    package let alpha: Double

    /// - Parameter alpha: what is not positive and finite counts as the smallest positive normal number.
    package init(alpha: Double) {
        self.alpha = alpha.isFinite ? max(alpha, .leastNormalMagnitude) : .leastNormalMagnitude
    }

    /// Alpha as the paper has it, the 95th percentile of |x|, of all samples together (the paper averages the
    /// percentiles of the samples), and at least a 1024th of the largest magnitude: channels that are zero nearly
    /// everywhere have percentile 0.
    package init(_ statistics: RangeStatistics) {
        self.init(
            alpha: max(statistics.magnitudePercentile(95), Double(statistics.magnitude) / 1024))
    }

    /// `sign(x) log2(1 + |x| / alpha)`.
    package func forward(_ x: Double) -> Double {
        let result = log1p(abs(x) / alpha) / Self.ln2
        return x < 0 ? -result : result
    }

    /// The inverse of ``forward(_:)``: `sign(u) alpha (2^|u| - 1)`.
    package func inverse(_ u: Double) -> Double {
        let result = alpha * expm1(abs(u) * Self.ln2)
        return u < 0 ? -result : result
    }

    private static let ln2 = 0.693147180559945309417232121458
}

extension RangeStatistics {
    /// The magnitude that `percent` of the finite elements do not exceed, linearly within a bin, at most the largest
    /// seen; 0 before any was seen.
    func magnitudePercentile(_ percent: Double) -> Double {
        guard count > 0 else { return 0 }
        let wanted = Double(count) * percent / 100
        let width = Self.powerOfTwo(exponent)
        var seen = 0.0
        for reach in 0..<binsPerSide where !bins.isEmpty {
            let inside = Double(bins[binsPerSide + reach] + bins[binsPerSide - 1 - reach])
            if inside > 0, seen + inside >= wanted {
                return min((Double(reach) + (wanted - seen) / inside) * width, Double(magnitude))
            }
            seen += inside
        }
        return Double(magnitude)
    }
}
