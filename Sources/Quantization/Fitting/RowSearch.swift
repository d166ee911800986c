/// The codes of one row, changed one or two at a time as long as that lowers g (ŵ - w) H (ŵ - w)ᵀ + 2 linear · (ŵ - w).
struct RowSearch {
    /// Codes in units of the weights' steps.
    let lower: [Double]
    let upper: [Double]
    let steps: [Double]
    /// g.
    let weight: Double
    let linear: [Double]
    var codes: [Double]
    /// ŵ - w.
    var errors: [Double]
    /// (ŵ - w) H.
    var products: [Double]
    /// Changes of codes so far.
    private(set) var changes = 0

    /// Gains below this share of a change's own cost are rounding.
    private static let rounding = 1e-12
    /// Rows of at most this width also change weights by twos, which takes width squared steps a sweep.
    static let pairWidth = 256

    init(
        lower: [Double], upper: [Double], steps: [Double], codes: [Double], errors: [Double], products: [Double],
        weight: Double = 1, linear: [Double]
    ) {
        (self.lower, self.upper, self.steps) = (lower, upper, steps)
        (self.codes, self.errors, self.products) = (codes, errors, products)
        (self.weight, self.linear) = (weight, linear)
    }

    /// Half the objective's derivative.
    private func gradient(_ column: Int) -> Double { weight * products[column] + linear[column] }

    /// The objective, up to what it is at w.
    var objective: Double {
        codes.indices.reduce(0) { $0 + errors[$1] * (weight * products[$1] + 2 * linear[$1]) }
    }

    mutating func change(_ column: Int, by codes: Double, _ covariance: Matrix) {
        let step = codes * steps[column]
        self.codes[column] += codes
        errors[column] += step
        LinearAlgebra.add(
            step, covariance.elements, from: column * errors.count, count: errors.count, to: &products)
        changes += 1
    }

    /// Until nothing lowers the objective any more, at most `sweeps` times over all weights.
    mutating func descend(_ covariance: Matrix, sweeps: Int) {
        let width = codes.count
        for _ in 0..<sweeps {
            let before = changes
            for column in 0..<width where lower[column] < upper[column] {
                let curvature = weight * covariance[column, column]
                let step = steps[column]
                let gradient = gradient(column)
                // The least point of a parabola, or the bound nearest to it.
                let best = (codes[column] - gradient / (curvature * step)).rounded()
                let move = min(max(best, lower[column]), upper[column]) - codes[column]
                let rise = move * step * (2 * gradient + move * step * curvature)
                // A gain that rounding alone could make would let the search go in circles.
                if rise < -Self.rounding * move * move * step * step * curvature {
                    change(column, by: move, covariance)
                } else if width <= Self.pairWidth {
                    changePair(column, covariance)
                }
            }
            if changes == before { break }
        }
    }

    /// Changes `column` by one code with the later one that makes most of it, if any does.
    private mutating func changePair(_ column: Int, _ covariance: Matrix) {
        var best: (column: Int, move: Double, own: Double)?
        var least = 0.0
        let (step, own) = (steps[column], gradient(column))
        let curvature = weight * covariance[column, column] * step * step
        for move in [-1.0, 1] where isAllowed(column, move) {
            let rise = 2 * move * step * own + curvature
            let row = column * codes.count
            for other in column + 1..<max(codes.count, column + 1) {
                let second = steps[other]
                let cost = weight * covariance[other, other] * second * second
                let slope = 2 * second * (gradient(other) + move * step * weight * covariance.elements[row + other])
                let direction = slope > 0 ? -1.0 : 1
                let both = rise - abs(slope) + cost
                guard both < least, both < -Self.rounding * (curvature + cost), isAllowed(other, direction) else {
                    continue
                }
                least = both
                best = (other, direction, move)
            }
        }
        guard let best else { return }
        change(column, by: best.own, covariance)
        change(best.column, by: best.move, covariance)
    }

    func isAllowed(_ column: Int, _ move: Double) -> Bool {
        codes[column] + move >= lower[column] && codes[column] + move <= upper[column]
    }
}
