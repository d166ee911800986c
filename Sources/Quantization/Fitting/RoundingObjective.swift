/// tr(G (Ŵ - W) H (Ŵ - W)ᵀ) for a layer's weights W, one row for every output: H is the covariance of the inputs, G the
/// second derivative of the network's loss with respect to the outputs, as Kronecker-factored curvature (KFAC, arXiv
/// 1503.05671) has it: vec(Ŵ - W)ᵀ (G ⊗ H) vec(Ŵ - W) with the rows one after another. Without G outputs count alike, and
/// rows are problems of their own.
package struct RoundingObjective: Sendable {
    /// H, symmetric positive definite, both triangles filled.
    package let covariance: Matrix
    /// The lower Cholesky factor of H.
    package let factor: Matrix
    /// G, symmetric positive definite, both triangles filled, and its lower Cholesky factor.
    let curvature: Matrix?
    let curvatureFactor: Matrix?

    /// - Parameters:
    ///   - factor: the lower Cholesky factor of `covariance`.
    ///   - curvature: G, symmetric positive semidefinite.
    ///   - damping: what is added to G's diagonal in shares of its mean: directions in which the loss seems flat still
    ///     cost something. A G that is zero, not finite or indefinite beyond that counts as not given.
    package init(covariance: Matrix, factor: Matrix, curvature: Matrix? = nil, damping: Double = 0) {
        (self.covariance, self.factor) = (covariance, factor)
        guard let curvature, curvature.rows > 0, curvature.rows == curvature.columns,
            curvature.elements.allSatisfy(\.isFinite), case let mean = curvature.meanOfDiagonal, mean > 0
        else {
            (self.curvature, curvatureFactor) = (nil, nil)
            return
        }
        let damped = curvature.addingToDiagonal(damping * mean)
        let found = LinearAlgebra.choleskyFactor(damped)
        (self.curvature, curvatureFactor) = (found == nil ? nil : damped, found)
    }

    /// The objective without G.
    var ofOutputs: RoundingObjective { RoundingObjective(covariance: covariance, factor: factor) }

    /// `errors * H`.
    func products(_ errors: Matrix) -> Matrix {
        var result = Matrix(rows: errors.rows, columns: errors.columns)
        LinearAlgebra.multiply(errors, covariance, addingTo: &result)
        return result
    }

    /// Row `row` of `G * products`, less that row's own part when `isCoupling`.
    func coupled(_ products: Matrix, row: Int, isCoupling: Bool = false) -> [Double] {
        let width = products.columns
        guard let curvature else {
            return isCoupling
                ? [Double](repeating: 0, count: width) : Array(products.elements[row * width..<(row + 1) * width])
        }
        var result = Matrix(rows: 1, columns: width)
        var weights = Array(curvature.elements[row * curvature.columns..<(row + 1) * curvature.columns])
        if isCoupling { weights[row] = 0 }
        LinearAlgebra.multiply(Matrix(rows: 1, columns: weights.count, weights), products, addingTo: &result)
        return result.elements
    }

    /// G[row, row].
    func weight(_ row: Int) -> Double { curvature.map { $0[row, row] } ?? 1 }

    /// The objective's part of every row: its sum is the objective, and without G each part is a problem of its own.
    package func parts(_ rounded: RoundedWeights, of weights: Matrix) -> [Double] {
        let errors = rounded.reals.subtracting(weights)
        let products = products(errors)
        var right = products
        if let curvature {
            right = Matrix(rows: products.rows, columns: products.columns)
            LinearAlgebra.multiply(curvature, products, addingTo: &right)
        }
        return (0..<errors.rows).map { row in
            (row * errors.columns..<(row + 1) * errors.columns).reduce(0) {
                $0 + errors.elements[$1] * right.elements[$1]
            }
        }
    }

    /// The scales with which `rounded` codes come closest to `weights`: for a row with codes c and errors e = s c - w,
    /// least squares says s - (G e H)c / (G cHc); one row after the other, so that the objective only falls.
    package func refittedScales(_ rounded: RoundedWeights, of weights: Matrix) -> [Float] {
        var products = products(rounded.reals.subtracting(weights))
        let codes = rounded.integers
        let moved = self.products(codes)
        var scales = rounded.scales
        let width = weights.columns
        for row in 0..<rounded.rows {
            let range = row * width..<(row + 1) * width
            let gradient = coupled(products, row: row)
            let slope = zip(range, gradient).reduce(0) { $0 + codes.elements[$1.0] * $1.1 }
            let curvature = weight(row) * range.reduce(0) { $0 + codes.elements[$1] * moved.elements[$1] }
            let scale = Float(Double(scales[row]) - slope / curvature)
            guard curvature > 0, scale.isNormal, scale > 0 else { continue }
            let change = Double(scale) - Double(scales[row])
            for i in range { products.elements[i] += change * moved.elements[i] }
            scales[row] = scale
        }
        return scales
    }
}

extension Matrix {
    func subtracting(_ other: Matrix) -> Matrix {
        Matrix(rows: rows, columns: columns, zip(elements, other.elements).map { $0 - $1 })
    }
}
