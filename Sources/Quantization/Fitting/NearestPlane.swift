/// GPTQ as Babai's nearest plane: with H = L Lᵀ the objective is |(ŵ - w) L|², which is least along each axis in turn, the
/// last first, when the code nearest to `w_j + sum over k > j of L_kj (w_k - ŵ_k) / L_jj` is taken.
enum NearestPlane {
    private static let block = 128

    /// Rounds rows of `weights` to codes; the last column is rounded first.
    static func round(_ weights: Matrix, scales: [Float], limit: Double, factor: Matrix) -> RoundedWeights {
        let (rows, columns) = (weights.rows, weights.columns)
        var result = RoundedWeights(
            rows: rows, columns: columns, codes: [Int8](repeating: 0, count: rows * columns), scales: scales)
        // sum over the columns k rounded so far of L_kj (w_k - ŵ_k)
        var carried = Matrix(rows: rows, columns: columns)
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
                    let scale = Double(scales[row])
                    let wanted = weights[row, column] + sum / diagonal
                    let code = RoundedWeights.code(wanted / scale, limit: limit)
                    result.codes[row * columns + column] = Int8(code)
                    errors[row, column - begin] = weights[row, column] - code * scale
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
