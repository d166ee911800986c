import TensorCore

/// How near an output must be to its reference.
public enum Tolerance: String, Sendable, Hashable, CaseIterable, Codable {
    /// Every element is equal (NaN equals NaN).
    case exact
    /// One operator in floats: every element within 1e-5 of the reference's range (its largest magnitude, when the range
    /// is smaller). A sum of products in binary32 in another order stays well inside.
    case close
    /// A whole model in floats: 99.9 % of the elements within 1e-4 of the reference's range. Integers: every element at
    /// most one code away.
    case approximate

    /// Whether `statistics` are inside, and if not, why, in words.
    ///
    /// - Parameter codes: true when the elements are integer codes, which were compared without dequantising.
    public func judge(_ statistics: ErrorStatistics, codes: Bool = false, magnitude: Double = 0) -> String? {
        let range = max(statistics.referenceRange, self == .close ? magnitude : 0)
        switch self {
        case .exact:
            guard statistics.differing > 0 else { return nil }
            return "\(statistics.differing) of \(statistics.count) elements differ where none may"
        case .close:
            if codes { return Self.withinOneCode(statistics) }
            guard statistics.maximum > 1e-5 * range else { return nil }
            return "the largest error is above 1e-5 of the range \(Self.short(range))"
        case .approximate:
            if codes { return Self.withinOneCode(statistics) }
            if statistics.maximum == .infinity { return "values are not finite where the reference's are" }
            guard statistics.percentile999 > 1e-4 * range else { return nil }
            return "the 99.9th percentile of the error is above 1e-4 of the range \(Self.short(range))"
        }
    }

    private static func withinOneCode(_ statistics: ErrorStatistics) -> String? {
        statistics.maximum <= 1 ? nil : "codes are up to \(Self.short(statistics.maximum)) apart where 1 is allowed"
    }

    private static func short(_ value: Double) -> String {
        let rounded = (value * 1e6).rounded() / 1e6
        return "\(rounded)"
    }
}
