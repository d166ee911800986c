/// GPTQ as Babai's nearest plane: with H = L Lᵀ the objective is |(ŵ - w) L|², which is least along each axis in turn, the
/// last first, when the code nearest to `w_j + sum over k > j of L_kj (w_k - ŵ_k) / L_jj` is taken. With G = M Mᵀ the
/// objective is |Mᵀ (Ŵ - W) L|², and within a column the rows go the same way: the lattice is the Kronecker product of
/// both, whose triangular basis any order takes in which a weight follows those below and to the right of it.
///
/// Takes rows * columns² + columns * rows² steps, the latter with G only.
enum NearestPlane {
    private static let block = 128

    /// Rounds rows of `weights` to codes; the last column is rounded first, and with G in it the row that matters most.
    static func round(_ weights: Matrix, grid: WeightGrid, objective: RoundingObjective) -> RoundedWeights {
        let (rows, columns) = (weights.rows, weights.columns)
        let factor = objective.factor
        var result = RoundedWeights(
            rows: rows, columns: columns, codes: [Int8](repeating: 0, count: rows * columns), scales: grid.scales)
        let coupling = objective.curvature.flatMap { RowCoupling($0) }
        // sum over the columns k rounded so far of L_kj (w_k - ŵ_k)
        var carried = Matrix(rows: rows, columns: columns)
        var sums = [Double](repeating: 0, count: rows)
        for begin in stride(from: max(columns - 1, 0) / block * block, through: 0, by: -block) where columns > 0 {
            let end = min(begin + block, columns)
            var errors = Matrix(rows: rows, columns: end - begin)
            for column in (begin..<end).reversed() {
                let diagonal = factor[column, column]
                for row in 0..<rows {
                    var sum = carried[row, column]
                    for later in column + 1..<max(end, column + 1) {
                        sum += factor[later, column] * errors[row, later - begin]
                    }
                    sums[row] = sum
                }
                func code(_ row: Int, _ sum: Double) -> Double {
                    let index = row * columns + column
                    let factor = grid.factor(index)
                    let scale = Double(grid.scales[row]) * factor
                    let wanted = weights.elements[index] + sum / diagonal
                    let code = RoundedWeights.code(wanted / scale, limit: grid.limit)
                    result.codes[index] = Int8(code * factor)
                    errors[row, column - begin] = weights.elements[index] - code * scale
                    return errors[row, column - begin]
                }
                if let coupling {
                    coupling.visit(sums, diagonal: diagonal, code)
                } else {
                    for row in 0..<rows { _ = code(row, sums[row]) }
                }
            }
            guard begin > 0 else { continue }
            var feedback = Matrix(rows: rows, columns: begin)
            LinearAlgebra.multiply(errors, factor.part(rows: begin..<end, columns: begin), addingTo: &feedback)
            for row in 0..<rows {
                for column in 0..<begin { carried[row, column] += feedback[row, column] }
            }
        }
        return result
    }

    /// The rows of a column one after another, the one with the largest curvature first.
    private struct RowCoupling {
        private let order: [Int]
        /// Row i holds column i of M, divided by its diagonal.
        private var shares: [[Double]]

        init?(_ curvature: Matrix) {
            let order = (0..<curvature.rows).sorted { (curvature[$0, $0], $0) < (curvature[$1, $1], $1) }
            var permuted = Matrix(rows: curvature.rows, columns: curvature.rows)
            for row in order.indices {
                for column in order.indices { permuted[row, column] = curvature[order[row], order[column]] }
            }
            guard let factor = LinearAlgebra.choleskyFactor(permuted) else { return nil }
            self.order = order
            shares = order.indices.map { column in
                (column..<order.count).map { factor[$0, column] / factor[column, column] }
            }
        }

        /// Calls `round` for every row with what the columns rounded before and the rows before ask for; `round` returns
        /// the row's error.
        func visit(_ sums: [Double], diagonal: Double, _ round: (Int, Double) -> Double) {
            // In the order of visits from the end.
            var left = order.map { sums[$0] }
            for position in order.indices.reversed() {
                let share = shares[position]
                var sum = 0.0
                for later in share.indices { sum += share[later] * left[position + later] }
                left[position] += diagonal * round(order[position], sum)
            }
        }
    }
}

extension Matrix {
    /// The first `columns` columns of some rows.
    fileprivate func part(rows: Range<Int>, columns count: Int) -> Matrix {
        var result = Matrix(rows: rows.count, columns: count)
        for row in rows {
            for column in 0..<count { result[row - rows.lowerBound, column] = self[row, column] }
        }
        return result
    }
}
