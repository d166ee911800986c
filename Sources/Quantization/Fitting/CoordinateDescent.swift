/// AdaRound's problem, up or down for every weight, by coordinate descent: a weight changes its side as long as that
/// lowers tr((Ŵ - W) H (Ŵ - W)ᵀ). Ends in a local optimum, no worse than any of the starts.
enum CoordinateDescent {
    private static let sweeps = 50

    static func round(
        _ weights: Matrix, scales: [Float], covariance: Matrix, starts: [RoundedWeights]
    ) -> RoundedWeights {
        var best = starts[0]
        for row in 0..<weights.rows {
            var least = Double.infinity
            for start in starts {
                var search = RowSearch(weights, row, scale: Double(scales[row]), start: start)
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

        init(_ weights: Matrix, _ row: Int, scale: Double, start: RoundedWeights) {
            self.scale = scale
            let limit = RoundedWeights.limit
            let reals = (0..<weights.columns).map { weights[row, $0] / scale }
            let lower = reals.map { min(max($0.rounded(.down), -limit), limit) }
            let upper = reals.map { min(max($0.rounded(.up), -limit), limit) }
            let codes = reals.indices.map { column in
                min(max(Double(start.codes[row * weights.columns + column]), lower[column]), upper[column])
            }
            errors = zip(codes, reals).map { ($0 - $1) * scale }
            (self.lower, self.upper, self.codes) = (lower, upper, codes)
        }

        /// Returns the objective reached.
        mutating func descend(_ covariance: Matrix, sweeps: Int) -> Double {
            let width = codes.count
            var gradient = Matrix(rows: 1, columns: width)
            LinearAlgebra.multiply(Matrix(rows: 1, columns: width, errors), covariance, addingTo: &gradient)
            for _ in 0..<sweeps {
                var changed = false
                for column in 0..<width where lower[column] < upper[column] {
                    let other = codes[column] == lower[column] ? upper[column] : lower[column]
                    let change = (other - codes[column]) * scale
                    let gain = change * (2 * gradient[0, column] + change * covariance[column, column])
                    guard gain < 0 else { continue }
                    // A gain that rounding alone could make would let the search go in circles.
                    guard -gain > 1e-12 * change * change * covariance[column, column] else { continue }
                    codes[column] = other
                    errors[column] += change
                    changed = true
                    LinearAlgebra.add(
                        change, covariance.elements, from: column * width, count: width, to: &gradient.elements)
                }
                if !changed { break }
            }
            return zip(errors, gradient.elements).reduce(0) { $0 + $1.0 * $1.1 }
        }
    }
}
