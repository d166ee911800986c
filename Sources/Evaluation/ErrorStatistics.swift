import Foundation
import TensorCore

/// How far a tensor is from a reference, element by element, in the reference's unit.
public struct ErrorStatistics: Sendable, Hashable, Codable {
    /// Elements compared.
    public var count: Int
    /// Elements that are not equal.
    public var differing: Int
    /// Largest absolute error; infinite when one side alone is not finite.
    public var maximum: Double
    /// Where ``maximum`` is, counted in row-major order.
    public var worstIndex: Int
    /// Mean absolute error.
    public var mean: Double
    /// Root of the mean squared error.
    public var rootMeanSquare: Double
    /// Absolute errors below which 50, 90, 99 and 99.9 % of the elements lie (nearest rank).
    public var median: Double
    public var percentile90: Double
    public var percentile99: Double
    public var percentile999: Double
    /// `10 log10(sum reference^2 / sum error^2)` in dB; infinite without error.
    public var sqnr: Double
    /// `10 log10(variance of the reference / mean squared error)` in dB; infinite without error.
    public var acSQNR: Double
    /// Pearson's correlation; 1 when both sides are equal, 0 when exactly one side is constant.
    public var correlation: Double
    /// Largest minus smallest finite reference value.
    public var referenceRange: Double

    /// Statistics of `candidate - reference`. Equal non-finite values count as equal; other pairs with a non-finite value
    /// make ``maximum`` infinite and are left out of every other figure.
    ///
    /// Precondition: as many elements on both sides.
    public init(reference: [Double], candidate: [Double]) {
        precondition(reference.count == candidate.count, "\(reference.count) and \(candidate.count) elements")
        count = reference.count
        differing = 0
        maximum = 0
        worstIndex = 0
        var errors: [Double] = []
        errors.reserveCapacity(count)
        var moments = Moments()
        var lowest = Double.infinity
        var highest = -Double.infinity
        for index in reference.indices {
            let (expected, actual) = (reference[index], candidate[index])
            if expected.isFinite {
                lowest = min(lowest, expected)
                highest = max(highest, expected)
            }
            if expected != actual, !(expected.isNaN && actual.isNaN) { differing += 1 }
            guard expected.isFinite, actual.isFinite else {
                if expected != actual, !(expected.isNaN && actual.isNaN), maximum < .infinity {
                    maximum = .infinity
                    worstIndex = index
                }
                continue
            }
            let error = abs(actual - expected)
            errors.append(error)
            if error > maximum {
                maximum = error
                worstIndex = index
            }
            moments.add(expected, actual)
        }
        referenceRange = highest >= lowest ? highest - lowest : 0
        errors.sort()
        func percentile(_ share: Double) -> Double {
            errors.isEmpty ? 0 : errors[min(errors.count - 1, Int((Double(errors.count) * share).rounded(.up)) - 1)]
        }
        median = percentile(0.5)
        percentile90 = percentile(0.9)
        percentile99 = percentile(0.99)
        percentile999 = percentile(0.999)
        let number = Double(max(errors.count, 1))
        mean = errors.reduce(0, +) / number
        let squaredError = errors.reduce(0) { $0 + $1 * $1 }
        rootMeanSquare = (squaredError / number).squareRoot()
        sqnr = Self.decibels(moments.referenceSquares, over: squaredError)
        acSQNR = Self.decibels(moments.referenceDeviation * number, over: squaredError)
        correlation = moments.correlation
    }

    /// Statistics over both tensors' real values: quantised tensors are dequantised by their parameters.
    ///
    /// Precondition: as many elements on both sides.
    public init(reference: Tensor, candidate: Tensor) {
        self.init(reference: reference.realValues(), candidate: candidate.realValues())
    }

    private static func decibels(_ signal: Double, over noise: Double) -> Double {
        if noise == 0 { return .infinity }
        return 10 * log10(signal / noise)
    }
}

/// Sums for variance and correlation, by Welford's update.
private struct Moments {
    var count = 0.0
    var referenceSquares = 0.0
    private var means = (0.0, 0.0)
    private var squares = (0.0, 0.0)
    private var product = 0.0
    private var equal = true

    mutating func add(_ reference: Double, _ candidate: Double) {
        count += 1
        referenceSquares += reference * reference
        equal = equal && reference == candidate
        let before = reference - means.0
        means.0 += before / count
        let candidateBefore = candidate - means.1
        means.1 += candidateBefore / count
        squares.0 += before * (reference - means.0)
        squares.1 += candidateBefore * (candidate - means.1)
        product += before * (candidate - means.1)
    }

    /// Variance of the reference.
    var referenceDeviation: Double { count > 0 ? squares.0 / count : 0 }

    var correlation: Double {
        if equal { return 1 }
        let scale = (squares.0 * squares.1).squareRoot()
        return scale > 0 ? product / scale : 0
    }
}
