import Foundation

/// How a predicted depth map is brought to the unit of the reference before it is measured.
public enum DepthAlignment: String, Sendable, Hashable, CaseIterable, Codable {
    case none
    /// Times the ratio of the medians.
    case medianScale
    /// Times one number, by least squares.
    case scale
    /// Times one number plus another, by least squares.
    case scaleShift
}

/// The usual measures of a depth or disparity map against a reference, over the pixels where the reference is finite and
/// above 0.
public struct DepthMetrics: Sendable, Hashable, Codable {
    /// Pixels measured.
    public var count: Int
    /// Mean of `|prediction - reference| / reference`.
    public var absRel: Double
    /// Root of the mean squared error, in the reference's unit.
    public var rmse: Double
    /// Mean absolute error: the end-point error of a disparity map, in the reference's unit.
    public var meanError: Double
    /// Share of pixels whose error is above 3 (px, for disparity) and above 5 % of the reference.
    public var d1: Double
    /// Share of pixels with `max(prediction / reference, reference / prediction) < 1.25`.
    public var delta1: Double
    /// What the prediction was multiplied by and what was added then.
    public var scale: Double
    public var shift: Double

    /// nil when no pixel can be measured.
    ///
    /// Precondition: as many elements on both sides.
    public init?(reference: [Double], prediction: [Double], alignment: DepthAlignment = .none) {
        precondition(reference.count == prediction.count, "\(reference.count) and \(prediction.count) pixels")
        let pairs = zip(reference, prediction).filter { $0.0.isFinite && $0.0 > 0 && $0.1.isFinite }
        guard !pairs.isEmpty else { return nil }
        (scale, shift) = Self.align(pairs, by: alignment)
        count = pairs.count
        var relative = 0.0
        var squares = 0.0
        var absolute = 0.0
        var near = 0
        var wrong = 0
        for (expected, raw) in pairs {
            let actual = raw * scale + shift
            let error = abs(actual - expected)
            relative += error / expected
            squares += error * error
            absolute += error
            if error > 3, error > 0.05 * expected { wrong += 1 }
            if actual > 0, max(actual / expected, expected / actual) < 1.25 { near += 1 }
        }
        let number = Double(count)
        absRel = relative / number
        rmse = (squares / number).squareRoot()
        meanError = absolute / number
        d1 = Double(wrong) / number
        delta1 = Double(near) / number
    }

    /// The measures over the pixels of all `parts` together; scale and shift are the means. nil without parts.
    public init?(pooling parts: [DepthMetrics]) {
        guard !parts.isEmpty else { return nil }
        count = parts.reduce(0) { $0 + $1.count }
        let number = Double(count)
        func mean(_ figure: (DepthMetrics) -> Double) -> Double {
            parts.reduce(0) { $0 + figure($1) * Double($1.count) } / number
        }
        absRel = mean(\.absRel)
        rmse = mean { $0.rmse * $0.rmse }.squareRoot()
        meanError = mean(\.meanError)
        d1 = mean(\.d1)
        delta1 = mean(\.delta1)
        scale = parts.reduce(0) { $0 + $1.scale } / Double(parts.count)
        shift = parts.reduce(0) { $0 + $1.shift } / Double(parts.count)
    }

    private static func align(
        _ pairs: [(Double, Double)], by alignment: DepthAlignment
    ) -> (scale: Double, shift: Double) {
        let number = Double(pairs.count)
        switch alignment {
        case .none: return (1, 0)
        case .medianScale:
            let ratio = median(pairs.map(\.0)) / median(pairs.map(\.1))
            return (ratio.isFinite ? ratio : 1, 0)
        case .scale:
            let squares = pairs.reduce(0) { $0 + $1.1 * $1.1 }
            let products = pairs.reduce(0) { $0 + $1.0 * $1.1 }
            return (squares > 0 ? products / squares : 1, 0)
        case .scaleShift:
            let means = pairs.reduce((0.0, 0.0)) { ($0.0 + $1.0 / number, $0.1 + $1.1 / number) }
            let variance = pairs.reduce(0) { $0 + ($1.1 - means.1) * ($1.1 - means.1) }
            let covariance = pairs.reduce(0) { $0 + ($1.0 - means.0) * ($1.1 - means.1) }
            let scale = variance > 0 ? covariance / variance : 1
            return (scale, means.0 - scale * means.1)
        }
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
