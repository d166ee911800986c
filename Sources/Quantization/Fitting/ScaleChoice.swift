import TensorCore

/// Scales, and where asked for factors of groups, for rows of weights.
package enum ScaleChoice {
    /// Shares of the scale that covers a row's largest weight which are tried, in thousandths. Few codes ask for more of
    /// them: at 4 bits the best scale often clips.
    private static func shares(limit: Double) -> StrideThrough<Int> {
        isFine(limit) ? stride(from: 1000, through: 800, by: -20) : stride(from: 1000, through: 300, by: -5)
    }

    /// True for 8-bit codes, whose scales hardly matter.
    private static func isFine(_ limit: Double) -> Bool { limit >= 127 }

    /// For every row the scale with which rounding to nearest costs least, weighting input i's squared error by
    /// `importance[i]`. Rows of zeros get scale 1.
    ///
    /// - Parameter limit: largest magnitude of a code.
    package static func scales(for weights: Matrix, importance: [Double], limit: Double = 127) -> [Float] {
        (0..<weights.rows).map { row in
            let range = row * weights.columns..<(row + 1) * weights.columns
            return scale(for: weights.elements[range], importance: importance[...], limit: limit)
        }
    }

    private static func scale(
        for values: ArraySlice<Double>, importance: ArraySlice<Double>, limit: Double
    ) -> Float {
        let largest = values.reduce(0) { max($0, abs($1)) }
        guard largest > 0, largest.isFinite else { return 1 }
        var best: (scale: Float, error: Double) = (1, .infinity)
        for share in shares(limit: limit) {
            let scale = QuantizationParameters.positive(largest / limit * Double(share) / 1000)
            let error = error(of: values, importance, step: Double(scale), limit)
            if error < best.error { best = (scale, error) }
        }
        return best.scale
    }

    private static func error(
        of values: ArraySlice<Double>, _ importance: ArraySlice<Double>, step: Double, _ limit: Double
    ) -> Double {
        zip(values, importance).reduce(0) {
            let difference = RoundedWeights.code($1.0 / step, limit: limit) * step - $1.0
            return $0 + $1.1 * difference * difference
        }
    }

    // MARK: Groups

    /// Largest magnitude of the codes of grouped weights, which are int8.
    private static let largestCode = 127.0

    /// Scales of rows and factors of groups of columns: every group has a best step of its own, which a multiple of the
    /// row's scale comes near.
    ///
    /// - Parameter groups: the group of every column, 0 and up.
    static func grid(
        for weights: Matrix, importance: [Double], limit: Double, groups: [Int]
    ) -> WeightGrid {
        let largestFactor = (largestCode / limit).rounded(.down)
        let members = (0..<(groups.max() ?? -1) + 1).map { group in groups.indices.filter { groups[$0] == group } }
        let weightings = members.map { $0.map { importance[$0] } }
        var factors = [Int8](repeating: 1, count: weights.elements.count)
        var scales: [Float] = []
        for row in 0..<weights.rows {
            let values = members.map { $0.map { weights[row, $0] } }
            let steps = zip(values, weightings).map { values, weighting -> Double in
                values.contains { $0 != 0 }
                    ? Double(scale(for: values[...], importance: weighting[...], limit: limit)) : 0
            }
            guard let largest = steps.max(), largest > 0 else {
                scales.append(1)
                continue
            }
            var best: (scale: Float, factors: [Double], error: Double) = (1, [], .infinity)
            for part in stride(from: 1.0, through: largestFactor, by: 0.5) {
                let scale = QuantizationParameters.positive(largest / part)
                var chosen: [Double] = []
                var sum = 0.0
                for group in members.indices {
                    let real = steps[group] / Double(scale)
                    let choices = Set([real.rounded(.down), real.rounded(.up)].map { min(max($0, 1), largestFactor) })
                    let errors = choices.sorted().map {
                        ($0, error(of: values[group][...], weightings[group][...], step: $0 * Double(scale), limit))
                    }
                    guard let least = errors.min(by: { $0.1 < $1.1 }) else { continue }
                    chosen.append(least.0)
                    sum += least.1
                }
                if sum < best.error { best = (scale, chosen, sum) }
            }
            scales.append(best.scale)
            for (group, columns) in members.enumerated() where group < best.factors.count {
                for column in columns { factors[row * weights.columns + column] = Int8(best.factors[group]) }
            }
        }
        return WeightGrid(scales: scales, limit: limit, factors: factors)
    }

    // MARK: Scales after rounding

    /// Multiples of the first scales that are tried with the method itself, up to a width that keeps that cheap.
    private static let multiples: [Float] = [0.8, 0.87, 0.94, 1.06, 1.13]
    private static let multipleWidth = 1152
    /// Times that scales are refitted to codes and codes to scales.
    private static let refits = 4

    /// Rounds `weights` by `method`, refitting scales to codes and codes to scales as long as the objective falls. 8-bit
    /// codes keep the scales that `grid` has.
    static func round(
        _ weights: Matrix, by method: WeightRounding, grid: WeightGrid, objective: RoundingObjective
    ) -> RoundedWeights {
        guard !isFine(grid.limit) else { return method.round(weights, grid: grid, objective: objective) }
        let objective = method == .kfac ? objective : objective.ofOutputs
        func refitted(_ rounded: RoundedWeights) -> RoundedWeights {
            var result = rounded
            result.scales = objective.refittedScales(rounded, of: weights)
            return result
        }
        /// On the cheap: without search.
        func start(_ grid: WeightGrid) -> RoundedWeights {
            method == .nearest
                ? grid.nearest(weights) : NearestPlane.round(weights, grid: grid, objective: objective)
        }
        func with(_ scales: [Float]) -> WeightGrid {
            var result = grid
            result.scales = scales
            return result
        }
        var best = refitted(start(grid))
        if weights.columns <= multipleWidth {
            let others = multiples.map { multiple in refitted(start(with(grid.scales.map { $0 * multiple }))) }
            best = method.best([best] + others, of: weights, objective)
        }
        for _ in 0..<refits {
            let next = method.best([best, refitted(start(with(best.scales)))], of: weights, objective)
            if next == best { break }
            best = next
        }
        guard method == .adaRound || method == .kfac else { return best }
        for _ in 0..<refits {
            let searched = method.improve(best, of: weights, grid: with(best.scales), objective: objective)
            let next = method.best([best, refitted(searched)], of: weights, objective)
            if next == best { break }
            best = next
        }
        return best
    }
}
