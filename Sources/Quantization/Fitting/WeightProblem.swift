import TensorCore

/// The weights of one group of a layer, to be fitted to statistics: rows are outputs, columns inputs, in units of the
/// results per input code.
struct WeightProblem {
    var weights: Matrix
    /// Rows that the statistics have not seen, inputs and wanted results.
    var heldOut: (rows: [Float], targets: [Float])
    var options: FittingOptions
    /// Largest magnitude of a code.
    var limit = 127.0
    /// G of the objective; nil when every output counts alike.
    var curvature: Matrix?
    /// Consecutive inputs with a factor of their own; nil for none.
    var groupSize: Int?

    struct Solution {
        var weights: RoundedWeights
        var bias: [Double]
        var damping: Double?
        var condition: CovarianceCondition
    }

    /// Fitted and rounded weights. Nil without rows or with weights that are no numbers. Where inputs are constant the
    /// rows say nothing of their weights, which stay near the float weights; the bias makes up for their means.
    func solve(_ statistics: GramStatistics) -> Solution? {
        guard statistics.count > 0, weights.elements.allSatisfy(\.isFinite) else { return nil }
        let variances = statistics.variances
        // The last input is rounded first: the one that matters most has all others to make up for its error.
        let order = variances.indices.sorted { (variances[$0], $0) < (variances[$1], $1) }
        let moments = statistics.moments(order: order)
        guard let fitted = fit(moments, order) else { return nil }
        let importance = (0..<weights.columns).map { moments.covariance[$0, $0] }
        let objective = RoundingObjective(
            covariance: moments.covariance.addingToDiagonal(fitted.ridge), factor: fitted.factor,
            curvature: options.rounding == .kfac ? curvature : nil, damping: options.curvatureDamping)
        let rounded = ScaleChoice.round(
            fitted.weights, by: options.rounding, grid: grid(fitted.weights, importance, order), objective: objective)
        return Solution(
            weights: rounded.inOriginalOrder(order), bias: moments.bias(for: rounded.reals), damping: fitted.damping,
            condition: CovarianceCondition(
                moments.covariance, rows: statistics.count, leastDamping: options.dampings.min() ?? 0))
    }

    private func grid(_ weights: Matrix, _ importance: [Double], _ order: [Int]) -> WeightGrid {
        if let groupSize {
            return ScaleChoice.grid(
                for: weights, importance: importance, limit: limit, groups: order.map { $0 / groupSize })
        }
        return WeightGrid(
            scales: ScaleChoice.scales(for: weights, importance: importance, limit: limit), limit: limit)
    }

    private struct Fitted {
        var weights: Matrix
        var ridge: Double
        var factor: Matrix
        var damping: Double?
    }

    /// The real weights to round, by the ridge that held-out rows choose, and the factor of the damped covariance.
    private func fit(_ moments: CentredMoments, _ order: [Int]) -> Fitted? {
        let mean = moments.covariance.meanOfDiagonal
        let unit = mean > 0 ? mean : 1
        let start = weights.permutedColumns(order)
        var best: Fitted?
        var least = Double.infinity
        if options.compensation {
            least = error(of: start, moments, order)
            for damping in options.dampings {
                let ridge = damping * unit
                guard let factor = LinearAlgebra.choleskyFactor(moments.covariance.addingToDiagonal(ridge)) else {
                    continue
                }
                let solution = ActivationCompensation.solve(moments, towards: start, ridge: ridge, factor: factor)
                let reached = error(of: solution, moments, order)
                guard reached < least else { continue }
                least = reached
                best = Fitted(weights: solution, ridge: ridge, factor: factor, damping: damping)
            }
        }
        if let best { return best }
        let ridge = options.roundingDamping * unit
        return LinearAlgebra.choleskyFactor(moments.covariance.addingToDiagonal(ridge)).map {
            Fitted(weights: start, ridge: ridge, factor: $0, damping: nil)
        }
    }

    private func error(of solution: Matrix, _ moments: CentredMoments, _ order: [Int]) -> Double {
        var inverse = order
        for (i, original) in order.enumerated() { inverse[original] = i }
        return Self.squaredError(
            weights: solution.permutedColumns(inverse).elements, bias: moments.bias(for: solution), heldOut)
    }

    /// Sum over rows of eᵀ G e, where e is the difference to the wanted results; without G of |e|².
    static func squaredError(
        weights: [Double], bias: [Double], _ heldOut: (rows: [Float], targets: [Float]), curvature: Matrix? = nil
    ) -> Double {
        let outputs = bias.count
        let width = weights.count / max(outputs, 1)
        let results = LinearAlgebra.products(
            heldOut.rows, width: width, count: heldOut.rows.count / max(width, 1), weights: weights.map(Float.init))
        let errors = results.indices.map { Double(results[$0]) + bias[$0 % outputs] - Double(heldOut.targets[$0]) }
        return energy(errors, outputs: outputs, curvature: curvature)
    }

    /// Sum over rows of eᵀ G e for rows e of `outputs` numbers; without G of |e|².
    static func energy(_ errors: [Double], outputs: Int, curvature: Matrix?) -> Double {
        guard let curvature else { return errors.reduce(0) { $0 + $1 * $1 } }
        let rows = Matrix(rows: errors.count / max(outputs, 1), columns: outputs, errors)
        var products = Matrix(rows: rows.rows, columns: outputs)
        LinearAlgebra.multiply(rows, curvature, addingTo: &products)
        return zip(errors, products.elements).reduce(0) { $0 + $1.0 * $1.1 }
    }
}

extension RoundedWeights {
    /// Columns moved back: column i goes to `order[i]`.
    fileprivate func inOriginalOrder(_ order: [Int]) -> RoundedWeights {
        var result = self
        for row in 0..<rows {
            for column in 0..<columns {
                result.codes[row * columns + order[column]] = codes[row * columns + column]
            }
        }
        return result
    }
}

/// Least squares of the float layer's results on the layer's quantised inputs.
///
/// After the activation-loss compensation of QuartDepth (arXiv 2503.16709), with the sign that a zero gradient gives:
/// W' = C G⁻¹, where C sums y x̂ᵀ and G sums x̂ x̂ᵀ.
package enum ActivationCompensation {
    /// argmin over W of the mean |W x̂ - y|² around the means, plus `ridge` |W - W₀|².
    ///
    /// - Parameter factor: the lower Cholesky factor of the covariance plus `ridge` on its diagonal.
    package static func solve(
        _ moments: CentredMoments, towards weights: Matrix, ridge: Double, factor: Matrix
    ) -> Matrix {
        var right = moments.cross
        for i in right.elements.indices { right.elements[i] += ridge * weights.elements[i] }
        return LinearAlgebra.solve(factor: factor, right: right)
    }
}
