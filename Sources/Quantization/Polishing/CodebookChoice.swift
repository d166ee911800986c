import TensorCore

/// Lays out the meanings of 4-bit codes for a distribution.
package enum CodebookChoice {
    /// Steps of the grid on which ranges shrink.
    private static let grid = 24

    /// The codebook of `method` with the least squared error.
    ///
    /// - Parameter statistics: where range and alpha come from.
    package static func codebook(
        _ method: PolishingMethod, _ distribution: CodeDistribution, _ statistics: RangeStatistics
    ) -> PolishingCodebook {
        let range = Double(min(statistics.minimum, 0))...Double(max(statistics.maximum, 0))
        switch method {
        case .channel: return leastError(distribution, range, forward: { $0 }, inverse: { $0 })
        case .lognp:
            let log = LogPolishing(statistics)
            return leastError(distribution, range, forward: log.forward, inverse: log.inverse)
        case .codebook: return leastSquares(distribution)
        }
    }

    /// Sixteen even steps of a companded range, asymmetric, one of them 0: the reals behind the codes of a uniform
    /// quantiser of 4 bits. `scale` and zero point as ``QuantizationParameters/covering(_:_:)`` chooses them.
    package static func evenLevels(_ range: ClosedRange<Double>, inverse: (Double) -> Double) -> [Double] {
        let (low, high) = (min(range.lowerBound, 0), max(range.upperBound, 0))
        let last = Double(PolishingCodebook.size - 1)
        let step = (high - low) / last
        guard step > 0 else { return [0] }
        let zero = min(max((-low / step).rounded(), 0), last)
        return (0..<PolishingCodebook.size).map { inverse(step * (Double($0) - zero)) }
    }

    /// Each end of the companded range shrinks by itself while that lowers the error.
    private static func leastError(
        _ distribution: CodeDistribution, _ range: ClosedRange<Double>, forward: (Double) -> Double,
        inverse: (Double) -> Double
    ) -> PolishingCodebook {
        func codebook(_ low: Double, _ high: Double) -> PolishingCodebook {
            PolishingCodebook(
                evenLevels(low...high, inverse: inverse).map(distribution.code),
                zeroPoint: Int8(clamping: distribution.parameters.zeroPoint))
        }
        let whole = (low: forward(min(range.lowerBound, 0)), high: forward(max(range.upperBound, 0)))
        var ends = whole
        var best = codebook(ends.low, ends.high)
        var least = distribution.squaredError(best)
        for _ in 0..<2 {
            for isLow in [true, false] {
                let fixed = ends
                for step in 2..<grid {
                    let part = Double(step) / Double(grid)
                    let candidate = isLow ? (whole.low * part, fixed.high) : (fixed.low, whole.high * part)
                    guard candidate.0 < candidate.1 else { continue }
                    let found = codebook(candidate.0, candidate.1)
                    let error = distribution.squaredError(found)
                    if error < least { (least, best, ends) = (error, found, candidate) }
                }
            }
        }
        return best
    }

    // MARK: Least squares

    /// The 16 groups of neighbouring codes, one of which means 0, with the least squared error: by dynamic programming
    /// over the borders (the exact solution of what Lloyd's iteration, IEEE Trans. Inf. Theory 28(2), descends to).
    /// Groups mean their means, rounded to codes at last.
    private static func leastSquares(_ distribution: CodeDistribution) -> PolishingCodebook {
        let groups = Groups(distribution)
        let ends = 0...groups.count
        // The best divisions of the first codes into 1, 2, ... groups, without and with one that means 0.
        var free = [ends.map { Division(error: groups.error(0, $0)) }]
        var zero = [ends.map { Division(error: groups.squares(0, $0), isZero: true) }]
        for used in 1..<PolishingCodebook.size {
            free.append(groups.extended(free[used - 1]))
            var next = groups.extended(zero[used - 1])
            // The last group means 0: its error is a difference of running sums, so the best beginning only moves on.
            var best = (begin: 0, error: Double.infinity)
            for end in ends {
                let error = free[used - 1][end].error - groups.squares(0, end)
                if error < best.error { best = (end, error) }
                let total = best.error + groups.squares(0, end)
                if total < next[end].error { next[end] = Division(error: total, begin: best.begin, isZero: true) }
            }
            zero.append(next)
        }
        var codes: [Int8] = []
        var (end, needsZero) = (groups.count, true)
        for used in (0..<PolishingCodebook.size).reversed() {
            let division = needsZero ? zero[used][end] : free[used][end]
            if division.isZero {
                needsZero = false
            } else if division.begin < end {
                codes.append(distribution.code(groups.mean(division.begin, end)))
            }
            end = division.begin
        }
        return PolishingCodebook(codes, zeroPoint: Int8(clamping: distribution.parameters.zeroPoint))
    }

    /// The last of some groups: where it begins, whether it means 0, and the error of all.
    private struct Division {
        var error: Double
        var begin = 0
        var isZero = false
    }

    /// Running sums over the codes that occur.
    private struct Groups {
        private var counts = [0.0]
        private var sums = [0.0]
        private var squareSums = [0.0]
        var count: Int { counts.count - 1 }

        init(_ distribution: CodeDistribution) {
            for index in 0..<256 where distribution.counts[index] > 0 {
                let mean = distribution.sums[index] / distribution.counts[index]
                counts.append((counts.last ?? 0) + distribution.counts[index])
                sums.append((sums.last ?? 0) + distribution.sums[index])
                squareSums.append((squareSums.last ?? 0) + distribution.sums[index] * mean)
            }
        }

        func mean(_ begin: Int, _ end: Int) -> Double {
            let count = counts[end] - counts[begin]
            return count > 0 ? (sums[end] - sums[begin]) / count : 0
        }

        func squares(_ begin: Int, _ end: Int) -> Double { squareSums[end] - squareSums[begin] }

        func error(_ begin: Int, _ end: Int) -> Double {
            let mean = mean(begin, end)
            return max(squares(begin, end) - mean * (sums[end] - sums[begin]), 0)
        }

        /// One more group behind `divisions`, for every end. The best beginning never falls as the end grows, for
        /// errors of groups are Monge: the one in the middle bounds both halves.
        func extended(_ divisions: [Division]) -> [Division] {
            var result = divisions
            func fill(_ ends: ClosedRange<Int>, _ begins: ClosedRange<Int>) {
                let end = (ends.lowerBound + ends.upperBound) / 2
                var best = Division(error: .infinity)
                for begin in begins.lowerBound...max(min(begins.upperBound, end), begins.lowerBound) {
                    let total = divisions[begin].error + error(begin, end)
                    if total < best.error { best = Division(error: total, begin: begin) }
                }
                result[end] = best
                if ends.lowerBound < end { fill(ends.lowerBound...end - 1, begins.lowerBound...best.begin) }
                if end < ends.upperBound { fill(end + 1...ends.upperBound, best.begin...begins.upperBound) }
            }
            fill(0...count, 0...count)
            return result
        }
    }
}
