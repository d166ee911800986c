import CLAPACK

/// A row-major matrix of binary64 numbers.
package struct Matrix: Sendable, Hashable {
    package var rows: Int
    package var columns: Int
    package var elements: [Double]

    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        elements = [Double](repeating: 0, count: rows * columns)
    }

    /// Precondition: `rows * columns` elements.
    package init(rows: Int, columns: Int, _ elements: [Double]) {
        precondition(elements.count == rows * columns)
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    package subscript(row: Int, column: Int) -> Double {
        get { elements[row * columns + column] }
        set { elements[row * columns + column] = newValue }
    }

    /// Mean of the diagonal.
    package var meanOfDiagonal: Double {
        rows == 0 ? 0 : (0..<rows).reduce(0) { $0 + self[$1, $1] } / Double(rows)
    }

    package func addingToDiagonal(_ addend: Double) -> Matrix {
        var result = self
        for i in 0..<rows { result[i, i] += addend }
        return result
    }
}

/// Products and factorisations by BLAS and LAPACK, always on one thread, so that results do not depend on the number of
/// threads.
package enum LinearAlgebra {
    private static let isSerial: Void = openblas_set_num_threads(1)

    /// Adds `factor * left * right` to `result`.
    static func multiply(_ left: Matrix, _ right: Matrix, addingTo result: inout Matrix, factor: Double = 1) {
        precondition(left.columns == right.rows && result.rows == left.rows && result.columns == right.columns)
        guard !result.elements.isEmpty, left.columns > 0 else { return }
        _ = isSerial
        cblas_dgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(left.rows), Int32(right.columns), Int32(left.columns),
            factor, left.elements, Int32(left.columns), right.elements, Int32(right.columns), 1, &result.elements,
            Int32(result.columns))
    }

    /// `rows * weightsᵀ`: `count` rows of `width` numbers times as many rows of `weights` as fit.
    static func products(_ rows: [Float], width: Int, count: Int, weights: [Float]) -> [Float] {
        let outputs = weights.count / max(width, 1)
        var result = [Float](repeating: 0, count: count * outputs)
        guard count > 0, outputs > 0 else { return result }
        _ = isSerial
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(count), Int32(outputs), Int32(width), 1, rows, Int32(width),
            weights, Int32(width), 0, &result, Int32(outputs))
        return result
    }

    /// The lower triangle of `rowsᵀ * rows` in binary32, for `count` rows from `first` on; the rest of `result` stays.
    static func gram(_ rows: [Float], width: Int, first: Int, count: Int, into result: inout [Float]) {
        guard count > 0, width > 0 else { return }
        _ = isSerial
        rows.withUnsafeBufferPointer { pointer in
            guard let base = pointer.baseAddress else { return }
            cblas_ssyrk(
                CblasRowMajor, CblasLower, CblasTrans, Int32(width), Int32(count), 1, base + first * width,
                Int32(width), 0, &result, Int32(width))
        }
    }

    /// Adds `leftᵀ * right` to `result`, for `count` rows of both.
    static func addProduct(transposed left: [Double], _ right: [Double], count: Int, to result: inout Matrix) {
        guard count > 0, !result.elements.isEmpty else { return }
        _ = isSerial
        cblas_dgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, Int32(result.rows), Int32(result.columns), Int32(count), 1, left,
            Int32(result.rows), right, Int32(result.columns), 1, &result.elements, Int32(result.columns))
    }

    /// Adds `factor` times one vector to another, `count` elements from the given offsets on.
    static func add(_ factor: Double, _ source: [Double], from: Int, count: Int, to target: inout [Double]) {
        _ = isSerial
        source.withUnsafeBufferPointer { pointer in
            guard let base = pointer.baseAddress else { return }
            cblas_daxpy(Int32(count), factor, base + from, 1, &target, 1)
        }
    }

    /// The lower factor L of a symmetric positive definite matrix L Lᵀ, of which only the lower triangle is read; above
    /// the diagonal the result keeps what the matrix held. Nil when the matrix is not positive definite.
    package static func choleskyFactor(_ matrix: Matrix) -> Matrix? {
        precondition(matrix.rows == matrix.columns)
        _ = isSerial
        var result = matrix
        var order = Int32(matrix.rows)
        var info: Int32 = 0
        guard order > 0 else { return result }
        // A lower triangle by rows is an upper one by columns.
        var stride = order
        dpotrf_("U", &order, &result.elements, &stride, &info)
        return info == 0 ? result : nil
    }

    /// X with `X * (L Lᵀ) = right`, from the lower factor L.
    static func solve(factor: Matrix, right: Matrix) -> Matrix {
        precondition(factor.rows == factor.columns && right.columns == factor.rows)
        var result = right
        var order = Int32(factor.rows)
        var columns = Int32(right.rows)
        var stride = order
        var rightStride = order
        var info: Int32 = 0
        guard order > 0, columns > 0 else { return result }
        _ = isSerial
        dpotrs_("U", &order, &columns, factor.elements, &stride, &result.elements, &rightStride, &info)
        return result
    }
}
