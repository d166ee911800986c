#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension RangeStatistics {
    /// Divergences closer than this differ by rounding only.
    private static let equalDivergences = 1e-12

    /// The range that loses the least information: among ranges symmetric about 0, each a whole number of bins, the one
    /// whose clipped distribution P and quantised distribution Q have the least Kullback-Leibler divergence.
    ///
    /// P takes what is outside into its outermost bins; Q spreads every group of P's inner counts evenly over the bins of
    /// the group that P occupies. This is what TensorRT (Migacz, "8-bit inference with TensorRT", GTC 2017) and ONNX
    /// Runtime's `compute_entropy` do, with as many groups as there are codes and without smoothing: a range where Q
    /// misses a bin of P is out of the question. Elements on one side of 0 only get all codes on that side.
    ///
    /// The bin at zero counts as much as the next one (as in NVIDIA's pytorch-quantization): zeros are exact in every
    /// range, and those of a rectifier would outweigh everything else.
    ///
    /// Of ranges whose divergences are equal the narrowest is taken.
    func entropyRange(levels: Int) -> ClosedRange<Double>? {
        guard !bins.isEmpty else { return nil }
        let isOneSided = minimum >= 0 || maximum < 0
        let counts: ArraySlice<UInt64> =
            !isOneSided ? bins[...] : minimum >= 0 ? bins[binsPerSide...] : bins[..<binsPerSide]
        // One-sided distributions are mirrored, so that index 0 is the bin at zero.
        var ordered = isOneSided && maximum < 0 ? Array(counts.reversed()) : Array(counts)
        let half = isOneSided ? 0 : binsPerSide
        if maximum >= 0 { ordered[half] = ordered[half + 1] }
        let smallest = isOneSided ? levels : levels / 2
        guard smallest < binsPerSide else { return nil }
        let sums = ordered.prefixSums { Double($0) }
        let occupied = ordered.prefixSums { $0 > 0 ? 1 : 0 }
        let logarithms = ordered.prefixSums { $0 > 0 ? Double($0) * log(Double($0)) : 0 }
        var best = binsPerSide
        var least = Double.infinity
        for reach in smallest...binsPerSide {
            let range = isOneSided ? 0..<reach : half - reach..<half + reach
            let candidate = Clipped(
                range: range, ordered: ordered, sums: sums, occupied: occupied, logarithms: logarithms)
            let divergence = candidate.divergence(groups: levels)
            if divergence < least - Self.equalDivergences {
                least = divergence
                best = reach
            }
        }
        let edge = Double(best) * Self.powerOfTwo(exponent)
        return -edge...edge
    }
}

extension Array where Element == UInt64 {
    /// Sums of `term` over the first n elements, n from 0 to all.
    fileprivate func prefixSums(_ term: (UInt64) -> Double) -> [Double] {
        var sum = 0.0
        return [0]
            + map { element in
                sum += term(element)
                return sum
            }
    }
}

/// A histogram clipped to a range of its bins.
private struct Clipped {
    let range: Range<Int>
    let ordered: [UInt64]
    let sums: [Double]
    let occupied: [Double]
    let logarithms: [Double]

    /// Kullback-Leibler divergence of the clipped counts from those quantised to `groups` groups, both normalised.
    func divergence(groups: Int) -> Double {
        let total = sums[ordered.count]
        let inside = sums[range.upperBound] - sums[range.lowerBound]
        guard inside > 0 else { return .infinity }
        let below = sums[range.lowerBound]
        let above = total - sums[range.upperBound]
        let width = range.count / groups
        // sum of p ln p - p ln q over the bins, counts first and the normalisation behind.
        var plain = logarithms[range.upperBound] - logarithms[range.lowerBound]
        var cross = 0.0
        for group in 0..<groups {
            let start = range.lowerBound + group * width
            let end = group == groups - 1 ? range.upperBound : start + width
            let inner = sums[end] - sums[start]
            var bins = occupied[end] - occupied[start]
            var count = inner
            if group == 0, below > 0 { add(below, at: range.lowerBound, &plain, &bins, &count) }
            if group == groups - 1, above > 0 { add(above, at: range.upperBound - 1, &plain, &bins, &count) }
            guard count > 0 else { continue }
            guard inner > 0 else { return .infinity }
            cross += count * log(inner / bins)
        }
        return (plain - cross) / total - log(total) + log(inside)
    }

    /// Moves clipped counts into the bin at the border.
    private func add(_ outside: Double, at bin: Int, _ plain: inout Double, _ bins: inout Double, _ count: inout Double)
    {
        let own = Double(ordered[bin])
        if own > 0 { plain -= own * log(own) } else { bins += 1 }
        plain += (own + outside) * log(own + outside)
        count += outside
    }
}
