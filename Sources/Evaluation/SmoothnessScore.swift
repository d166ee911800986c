import Foundation

/// How alike the local shape of a depth map is to the truth's: the score S_C, which sees terraces on planes that AbsRel
/// and RMSE do not.
///
/// Every window of 4x4 pixels (step 1) is transformed by the orthonormal two-dimensional DCT-II, and the coefficient of
/// frequency zero (the mean) is dropped. The score is the mean over the windows of the cosine between the 15
/// coefficients of the truth and those of the prediction: 1 for the same shape up to height and contrast, 0 where the
/// prediction is flat and the truth is not. Windows in which the truth is flat (no coefficient beyond
/// ``flatness`` times the map's largest truth) or not known everywhere are left out.
public struct SmoothnessScore: Sendable, Hashable {
    /// Coefficients up to this share of the map's largest truth count as zero: about the step of 1/256 px at which
    /// 16-bit disparity pictures are stored.
    public static let flatness = 1e-4

    /// Windows measured.
    public private(set) var windows = 0
    private var sum = 0.0

    public init() {}

    /// Mean over the windows; nil without any.
    public var value: Double? { windows > 0 ? sum / Double(windows) : nil }

    /// Adds the windows of one map, rows from the top. Truth that is not finite or not above 0 is unknown.
    ///
    /// Precondition: `width` elements per row on both sides.
    public mutating func add(reference: [Double], prediction: [Double], width: Int) {
        precondition(reference.count == prediction.count && width > 0 && reference.count % width == 0)
        let height = reference.count / width
        let largest = reference.lazy.filter { $0.isFinite && $0 > 0 }.max() ?? 0
        guard height >= 4, width >= 4 else { return }
        var truth = [Double](repeating: 0, count: 16)
        var guess = truth
        for top in 0...(height - 4) {
            for left in 0...(width - 4) {
                for pixel in 0..<16 {
                    let index = (top + pixel / 4) * width + left + pixel % 4
                    truth[pixel] = reference[index]
                    guess[pixel] = prediction[index]
                }
                guard truth.allSatisfy({ $0.isFinite && $0 > 0 }) else { continue }
                add(truth, guess, zero: Self.flatness * largest)
            }
        }
    }

    private mutating func add(_ truth: [Double], _ guess: [Double], zero: Double) {
        var product = 0.0
        var squares = (0.0, 0.0)
        var isFlat = true
        for row in 1..<16 {
            var coefficients = (0.0, 0.0)
            for pixel in 0..<16 {
                let weight = Self.basis[row * 16 + pixel]
                coefficients.0 += weight * truth[pixel]
                coefficients.1 += weight * guess[pixel]
            }
            if abs(coefficients.0) > zero { isFlat = false }
            product += coefficients.0 * coefficients.1
            squares.0 += coefficients.0 * coefficients.0
            squares.1 += coefficients.1 * coefficients.1
        }
        guard !isFlat else { return }
        windows += 1
        let length = (squares.0 * squares.1).squareRoot()
        // Below the rounding of the transform the prediction is flat: its direction would be chance.
        let level = guess.reduce(0) { $0 + $1 * $1 }
        if length.isFinite, length > 0, squares.1 > 1e-24 * level { sum += product / length }
    }

    /// Row 4u + v holds the weights of the coefficient at vertical frequency u and horizontal frequency v.
    private static let basis: [Double] = {
        func weight(_ frequency: Int, _ position: Int) -> Double {
            (frequency == 0 ? 0.5 : 0.5.squareRoot())
                * cos(Double.pi * Double(2 * position + 1) * Double(frequency) / 8)
        }
        return (0..<256).map { index in
            let (row, pixel) = (index / 16, index % 16)
            return weight(row / 4, pixel / 4) * weight(row % 4, pixel % 4)
        }
    }()
}
