/// AdaRound's problem, up or down for every weight, by coordinate descent: a weight, or two in narrow layers,
/// changes its side as long as that lowers tr((Ŵ - W) H (Ŵ - W)ᵀ). Ends in a local optimum, no worse than any of the starts.
enum CoordinateDescent {
    private static let sweeps = 50

    static func round(
        _ weights: Matrix, scales: [Float], limit: Double, covariance: Matrix, starts: [RoundedWeights]
    ) -> RoundedWeights {
        var best = starts[0]
        for row in 0..<weights.rows {
            var least = Double.infinity
            for start in starts {
                var search = RowSearch(weights, row, scale: Double(scales[row]), limit: limit, start: start)
                let objective = search.descend(covariance, sweeps: sweeps)
                guard objective < least else { continue }
                least = objective
                for column in 0..<weights.columns {
                    best.codes[row * weights.columns + column] = Int8(search.codes[column])
                }
            }
        }
        best.scales = scales
        return best
    }

    private struct RowSearch {
        let lower: [Double]
        let upper: [Double]
        let scale: Double
        var codes: [Double]
        /// ŵ - w.
        var errors: [Double]
        /// H (ŵ - w).
        private var gradient: [Double] = []

        /// Gains below this share of a change's own cost are rounding.
        private static let rounding = 1e-12
        /// Layers of at most this width also change weights by twos, which takes width squared steps a sweep.
        private static let pairWidth = 256

        init(_ weights: Matrix, _ row: Int, scale: Double, limit: Double, start: RoundedWeights) {
            self.scale = scale
            let reals = (0..<weights.columns).map { weights[row, $0] / scale }
            let lower = reals.map { min(max($0.rounded(.down), -limit), limit) }
            let upper = reals.map { min(max($0.rounded(.up), -limit), limit) }
            let codes = reals.indices.map { column in
                min(max(Double(start.codes[row * weights.columns + column]), lower[column]), upper[column])
            }
            errors = zip(codes, reals).map { ($0 - $1) * scale }
            (self.lower, self.upper, self.codes) = (lower, upper, codes)
        }

        private func change(_ column: Int) -> Double {
            ((codes[column] == lower[column] ? upper[column] : lower[column]) - codes[column]) * scale
        }

        private mutating func flip(_ column: Int, by change: Double, _ covariance: Matrix) {
            codes[column] += (change / scale).rounded()
            errors[column] += change
            LinearAlgebra.add(
                change, covariance.elements, from: column * codes.count, count: codes.count, to: &gradient)
        }

        /// Returns the objective reached.
        mutating func descend(_ covariance: Matrix, sweeps: Int) -> Double {
            let width = codes.count
            var product = Matrix(rows: 1, columns: width)
            LinearAlgebra.multiply(Matrix(rows: 1, columns: width, errors), covariance, addingTo: &product)
            gradient = product.elements
            for _ in 0..<sweeps {
                var hasChanged = false
                for column in 0..<width where lower[column] < upper[column] {
                    let step = change(column)
                    let curvature = step * step * covariance[column, column]
                    let rise = 2 * step * gradient[column] + curvature
                    // A gain that rounding alone could make would let the search go in circles.
                    if rise < -Self.rounding * curvature {
                        flip(column, by: step, covariance)
                        hasChanged = true
                    } else if width <= Self.pairWidth, flipPair(column, step, rise, covariance) {
                        hasChanged = true
                    }
                }
                if !hasChanged { break }
            }
            return zip(errors, gradient).reduce(0) { $0 + $1.0 * $1.1 }
        }

        /// Changes `column`, which alone would raise the objective by `rise`, with the later one that makes most of it.
        private mutating func flipPair(_ column: Int, _ step: Double, _ rise: Double, _ covariance: Matrix) -> Bool {
            var best: (column: Int, step: Double, rise: Double)?
            for other in column + 1..<max(codes.count, column + 1) where lower[other] < upper[other] {
                let change = change(other)
                let curvature = change * change * covariance[other, other]
                let both =
                    rise + 2 * change * gradient[other] + curvature + 2 * step * change * covariance[column, other]
                guard both < -Self.rounding * curvature, both < best?.rise ?? 0 else { continue }
                best = (other, change, both)
            }
            guard let best else { return false }
            flip(column, by: step, covariance)
            flip(best.column, by: best.step, covariance)
            return true
        }
    }
}
