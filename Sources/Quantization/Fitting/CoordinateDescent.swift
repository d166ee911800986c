/// Lowers a rounding objective by changing codes, one or in narrow layers two at a time, until no such change helps.
/// Ends in a local optimum, no worse than the start.
///
/// A change takes as many steps as a row has weights. With G, rows are visited in turn, which takes rows² * columns steps
/// for every time over all of them, and layers of at most ``RowSearch/pairWidth`` weights are searched as one row of
/// vec(Ŵ - W)ᵀ (G ⊗ H) vec(Ŵ - W).
enum CoordinateDescent {
    /// Times over all weights of a row, and over all rows where G couples them.
    private static let sweeps = 50
    private static let visits = 8
    /// Rows of at most this width are searched again from every neighbour of the optimum found.
    private static let restartWidth = 64

    /// - Parameter isFree: codes may be any of the grid; otherwise every weight goes up or down (AdaRound).
    static func improve(
        _ start: RoundedWeights, of weights: Matrix, grid: WeightGrid, objective: RoundingObjective, isFree: Bool
    ) -> RoundedWeights {
        var problem = Problem(start, weights, grid, objective, isFree: isFree)
        let size = weights.elements.count
        if objective.curvature == nil {
            for row in 0..<weights.rows {
                var search = problem.row(row)
                Self.search(&search, objective.covariance)
                problem.set(row, search)
            }
        } else if size <= RowSearch.pairWidth {
            problem.searchAsOneRow()
        } else {
            for _ in 0..<visits {
                var changes = 0
                for row in 0..<weights.rows {
                    var search = problem.row(row)
                    search.descend(objective.covariance, sweeps: 2)
                    changes += search.changes
                    if search.changes > 0 { problem.set(row, search) }
                }
                if changes * 1000 <= size { break }
            }
        }
        return problem.rounded
    }

    /// Descends, then tries every neighbour of where that ended as a new start.
    private static func search(_ search: inout RowSearch, _ covariance: Matrix) {
        search.descend(covariance, sweeps: sweeps)
        guard search.codes.count <= restartWidth else { return }
        var least = search.objective
        var isBetter = true
        while isBetter {
            isBetter = false
            for column in search.codes.indices {
                for move in [-1.0, 1] where search.isAllowed(column, move) {
                    var other = search
                    other.change(column, by: move, covariance)
                    other.descend(covariance, sweeps: sweeps)
                    let reached = other.objective
                    guard reached < least - 1e-9 * abs(least) else { continue }
                    least = reached
                    search = other
                    isBetter = true
                }
            }
        }
    }

    private struct Problem {
        var rounded: RoundedWeights
        private let objective: RoundingObjective
        private let factors: [Double]
        private let lower: [Double]
        private let upper: [Double]
        private let steps: [Double]
        private var codes: [Double]
        private var errors: Matrix
        private var products: Matrix

        init(
            _ start: RoundedWeights, _ weights: Matrix, _ grid: WeightGrid, _ objective: RoundingObjective,
            isFree: Bool
        ) {
            let limit = grid.limit
            let factors = start.codes.indices.map { grid.factor($0) }
            let steps = factors.indices.map { Double(grid.scales[$0 / weights.columns]) * factors[$0] }
            func bound(_ index: Int, _ rule: FloatingPointRoundingRule) -> Double {
                min(max((weights.elements[index] / steps[index]).rounded(rule), -limit), limit)
            }
            let lower = factors.indices.map { isFree ? -limit : bound($0, .down) }
            let upper = factors.indices.map { isFree ? limit : bound($0, .up) }
            codes = factors.indices.map { min(max(Double(start.codes[$0]) / factors[$0], lower[$0]), upper[$0]) }
            errors = Matrix(
                rows: weights.rows, columns: weights.columns,
                codes.indices.map { [codes] in codes[$0] * steps[$0] - weights.elements[$0] })
            products = objective.products(errors)
            rounded = start
            rounded.scales = grid.scales
            (self.objective, self.factors, self.lower, self.upper) = (objective, factors, lower, upper)
            self.steps = steps
            store(0..<codes.count)
        }

        private mutating func store(_ range: Range<Int>) {
            for i in range { rounded.codes[i] = Int8(codes[i] * factors[i]) }
        }

        private func range(_ row: Int) -> Range<Int> { row * errors.columns..<(row + 1) * errors.columns }

        func row(_ row: Int) -> RowSearch {
            let range = range(row)
            return RowSearch(
                lower: Array(lower[range]), upper: Array(upper[range]), steps: Array(steps[range]),
                codes: Array(codes[range]), errors: Array(errors.elements[range]),
                products: Array(products.elements[range]), weight: objective.weight(row),
                linear: objective.coupled(products, row: row, isCoupling: true))
        }

        mutating func set(_ row: Int, _ search: RowSearch) {
            let range = range(row)
            codes.replaceSubrange(range, with: search.codes)
            errors.elements.replaceSubrange(range, with: search.errors)
            products.elements.replaceSubrange(range, with: search.products)
            store(range)
        }

        mutating func searchAsOneRow() {
            guard let curvature = objective.curvature else { return }
            let whole = curvature.kronecker(objective.covariance)
            var product = Matrix(rows: 1, columns: codes.count)
            LinearAlgebra.multiply(Matrix(rows: 1, columns: codes.count, errors.elements), whole, addingTo: &product)
            var search = RowSearch(
                lower: lower, upper: upper, steps: steps, codes: codes, errors: errors.elements,
                products: product.elements, linear: [Double](repeating: 0, count: codes.count))
            CoordinateDescent.search(&search, whole)
            codes = search.codes
            store(0..<codes.count)
        }
    }
}

extension Matrix {
    /// Block (i, j) of the result is element (i, j) of this matrix times `other`.
    func kronecker(_ other: Matrix) -> Matrix {
        var result = Matrix(rows: rows * other.rows, columns: columns * other.columns)
        for row in 0..<result.rows {
            for column in 0..<result.columns {
                result[row, column] =
                    self[row / other.rows, column / other.columns] * other[row % other.rows, column % other.columns]
            }
        }
        return result
    }
}
