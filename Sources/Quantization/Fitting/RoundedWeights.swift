import TensorCore

/// Integer codes with one scale for every row.
package struct RoundedWeights: Sendable, Hashable {
    package var rows: Int
    package var columns: Int
    /// Multiples of the grid's factors.
    package var codes: [Int8]
    package var scales: [Float]

    /// The real numbers behind the codes.
    package var reals: Matrix {
        var result = Matrix(rows: rows, columns: columns)
        for i in codes.indices { result.elements[i] = Double(codes[i]) * Double(scales[i / max(columns, 1)]) }
        return result
    }

    /// The codes as numbers.
    var integers: Matrix { Matrix(rows: rows, columns: columns, codes.map(Double.init)) }

    /// Largest magnitude of symmetric codes of `type`: 7 for `int4`, 127 for `int8`.
    package static func limit(_ type: ElementType) -> Double { type == .int4 ? 7 : 127 }

    /// The code for `real` (in units of the scale), rounded half away from zero.
    static func code(_ real: Double, limit: Double) -> Double { min(max(real.rounded(), -limit), limit) }
}

/// What weights may be rounded to: element i of a row becomes `scale * factor * k` with an integer k of magnitude up to
/// `limit`; its code is `factor * k`.
package struct WeightGrid: Sendable, Hashable {
    /// Of rows.
    package var scales: [Float]
    package var limit: Double
    /// For every weight an integer of at least 1, `factor * limit` at most 127; nil when all are 1.
    package var factors: [Int8]?

    package init(scales: [Float], limit: Double = 127, factors: [Int8]? = nil) {
        (self.scales, self.limit, self.factors) = (scales, limit, factors)
    }

    /// The factor of weight `index` (row by row).
    func factor(_ index: Int) -> Double { factors.map { Double($0[index]) } ?? 1 }

    /// Every weight to the nearest point, half away from zero.
    func nearest(_ weights: Matrix) -> RoundedWeights {
        var codes = [Int8](repeating: 0, count: weights.elements.count)
        for i in codes.indices {
            let factor = factor(i)
            let step = Double(scales[i / max(weights.columns, 1)]) * factor
            codes[i] = Int8(RoundedWeights.code(weights.elements[i] / step, limit: limit) * factor)
        }
        return RoundedWeights(rows: weights.rows, columns: weights.columns, codes: codes, scales: scales)
    }
}
