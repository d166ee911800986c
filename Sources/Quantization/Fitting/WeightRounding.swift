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

/// int8 codes in [-127, 127] with one scale for every row.
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

    static let limit = 127.0

    /// The code for `real` (in units of the scale), rounded half away from zero.
    static func code(_ real: Double) -> Double { min(max(real.rounded(), -limit), limit) }
}

extension WeightRounding {
    /// Shares of the scale that covers a row's largest weight which are tried, in hundredths.
    private static let shrinkage = stride(from: 100, through: 80, by: -2)

    /// For every row the scale with which rounding to nearest costs least, weighting input i's squared error by
    /// `importance[i]`. Rows of zeros get scale 1.
    package static func scales(for weights: Matrix, importance: [Double]) -> [Float] {
        (0..<weights.rows).map { row in
            let values = (0..<weights.columns).map { weights[row, $0] }
            let largest = values.reduce(0) { max($0, abs($1)) }
            guard largest > 0, largest.isFinite else { return 1 }
            var best: (scale: Float, error: Double) = (1, .infinity)
            for percent in shrinkage {
                let scale = QuantizationParameters.positive(largest / RoundedWeights.limit * Double(percent) / 100)
                var error = 0.0
                for (value, weight) in zip(values, importance) {
                    let difference = RoundedWeights.code(value / Double(scale)) * Double(scale) - value
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
    ///   - covariance: H, symmetric, both triangles filled.
    ///   - factor: the lower Cholesky factor of H.
    package func round(_ weights: Matrix, scales: [Float], covariance: Matrix, factor: Matrix) -> RoundedWeights {
        switch self {
        case .nearest: nearest(weights, scales)
        case .gptq: NearestPlane.round(weights, scales: scales, factor: factor)
        case .adaRound:
            CoordinateDescent.round(
                weights, scales: scales, covariance: covariance,
                starts: [nearest(weights, scales), NearestPlane.round(weights, scales: scales, factor: factor)])
        }
    }

    private func nearest(_ weights: Matrix, _ scales: [Float]) -> RoundedWeights {
        var codes = [Int8](repeating: 0, count: weights.elements.count)
        for i in codes.indices {
            let scale = Double(scales[i / max(weights.columns, 1)])
            codes[i] = Int8(RoundedWeights.code(weights.elements[i] / scale))
        }
        return RoundedWeights(rows: weights.rows, columns: weights.columns, codes: codes, scales: scales)
    }
}
