import TensorCore

/// How real weights become int8 codes.
public enum WeightRounding: String, Sendable, Hashable, CaseIterable {
    /// To the nearest code.
    case nearest
    /// One input after the other, each weight's rounding error taken over by the inputs not yet rounded.
    ///
    /// Source: GPTQ, arXiv 2210.17323; computed as Babai's nearest plane, which gives the same codes with one Cholesky
    /// factor and no inverse.
    case gptq
    /// Up or down for every weight, by the objective of AdaRound (arXiv 2004.10568) on the layer's own statistics, which
    /// coordinate descent lowers until no single weight improves it.
    case adaRound
}

/// Symmetric codes in [-limit, limit] with one scale for every row.
package struct RoundedWeights: Sendable, Hashable {
    package var rows: Int
    package var columns: Int
    package var codes: [Int8]
    package var scales: [Float]

    /// The real numbers behind the codes.
    package var reals: Matrix {
        var result = Matrix(rows: rows, columns: columns)
        for i in codes.indices { result.elements[i] = Double(codes[i]) * Double(scales[i / max(columns, 1)]) }
        return result
    }

    /// Largest magnitude of symmetric codes of `type`: 7 for `int4`, 127 for `int8`.
    package static func limit(_ type: ElementType) -> Double { type == .int4 ? 7 : 127 }

    /// The code for `real` (in units of the scale), rounded half away from zero.
    static func code(_ real: Double, limit: Double) -> Double { min(max(real.rounded(), -limit), limit) }
}

extension WeightRounding {
    /// Shares of the scale that covers a row's largest weight which are tried, in thousandths. Few codes ask for more of
    /// them: at 4 bits the best scale often clips.
    private static func shares(limit: Double) -> StrideThrough<Int> {
        limit < 127 ? stride(from: 1000, through: 400, by: -5) : stride(from: 1000, through: 800, by: -20)
    }

    /// For every row the scale with which rounding to nearest costs least, weighting input i's squared error by
    /// `importance[i]`. Rows of zeros get scale 1.
    ///
    /// - Parameter limit: largest magnitude of a code.
    package static func scales(for weights: Matrix, importance: [Double], limit: Double = 127) -> [Float] {
        (0..<weights.rows).map { row in
            let values = (0..<weights.columns).map { weights[row, $0] }
            let largest = values.reduce(0) { max($0, abs($1)) }
            guard largest > 0, largest.isFinite else { return 1 }
            var best: (scale: Float, error: Double) = (1, .infinity)
            for share in shares(limit: limit) {
                let scale = QuantizationParameters.positive(largest / limit * Double(share) / 1000)
                var error = 0.0
                for (value, weight) in zip(values, importance) {
                    let difference = RoundedWeights.code(value / Double(scale), limit: limit) * Double(scale) - value
                    error += weight * difference * difference
                }
                if error < best.error { best = (scale, error) }
            }
            return best.scale
        }
    }

    /// Rounds `weights` (rows are outputs, columns inputs) for the objective tr((Ŵ - W) H (Ŵ - W)ᵀ).
    ///
    /// - Parameters:
    ///   - limit: largest magnitude of a code.
    ///   - covariance: H, symmetric, both triangles filled.
    ///   - factor: the lower Cholesky factor of H.
    package func round(
        _ weights: Matrix, scales: [Float], limit: Double = 127, covariance: Matrix, factor: Matrix
    ) -> RoundedWeights {
        switch self {
        case .nearest: nearest(weights, scales, limit)
        case .gptq: NearestPlane.round(weights, scales: scales, limit: limit, factor: factor)
        case .adaRound:
            CoordinateDescent.round(
                weights, scales: scales, limit: limit, covariance: covariance,
                starts: [
                    nearest(weights, scales, limit),
                    NearestPlane.round(weights, scales: scales, limit: limit, factor: factor),
                ])
        }
    }

    private func nearest(_ weights: Matrix, _ scales: [Float], _ limit: Double) -> RoundedWeights {
        var codes = [Int8](repeating: 0, count: weights.elements.count)
        for i in codes.indices {
            let scale = Double(scales[i / max(weights.columns, 1)])
            codes[i] = Int8(RoundedWeights.code(weights.elements[i] / scale, limit: limit))
        }
        return RoundedWeights(rows: weights.rows, columns: weights.columns, codes: codes, scales: scales)
    }
}
