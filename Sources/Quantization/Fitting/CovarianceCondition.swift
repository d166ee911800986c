/// How far rows determine weights.
struct CovarianceCondition: Sendable, Hashable {
    private var inputs: Int
    private var rows: Int
    private var constants: Int
    private var outweighed: Int
    private var isSingular: Bool

    /// What is left of an input's variance, relative to it, once the others are known, at or below which it counts as none.
    private static let singular = 1e-9

    /// - Parameters:
    ///   - rows: that the covariance was made of.
    ///   - leastDamping: in shares of the covariance's mean diagonal.
    init(_ covariance: Matrix, rows: Int, leastDamping: Double) {
        inputs = covariance.rows
        self.rows = rows
        let variances = (0..<covariance.rows).map { covariance[$0, $0] }
        constants = variances.filter { $0 <= 0 }.count
        let ridge = leastDamping * covariance.meanOfDiagonal
        outweighed = variances.filter { $0 > 0 && $0 < ridge }.count
        if constants > 0 || rows <= inputs {
            isSingular = true
        } else if let factor = LinearAlgebra.choleskyFactor(covariance) {
            isSingular = variances.indices.contains {
                factor[$0, $0] * factor[$0, $0] <= Self.singular * variances[$0]
            }
        } else {
            isSingular = true
        }
    }

    /// Of all groups of a layer, in words; nil when there is nothing to say.
    static func warning(_ groups: [CovarianceCondition]) -> String? {
        let inputs = groups.reduce(0) { $0 + $1.inputs }
        let constants = groups.reduce(0) { $0 + $1.constants }
        let outweighed = groups.reduce(0) { $0 + $1.outweighed }
        var parts: [String] = []
        if constants > 0 { parts.append("\(constants) of \(inputs) inputs are constant") }
        if let group = groups.first, group.rows <= group.inputs {
            parts.append("\(group.rows) rows for \(group.inputs) inputs")
        }
        if parts.isEmpty, groups.contains(where: \.isSingular) { parts.append("the covariance is singular") }
        if outweighed > 0 { parts.append("damping outweighs the variance of \(outweighed) of \(inputs) inputs") }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
}
