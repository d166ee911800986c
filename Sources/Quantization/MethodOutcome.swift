import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What one method of post-training quantisation did to the outputs for samples that it did not see.
public struct MethodOutcome: Sendable, Hashable, Codable {
    /// Such as `bias correction`.
    public var name: String
    /// AC-SQNR of the quantised outputs against the float ones without and with the method, in dB; see ``OutputError``.
    /// nil where it is not finite: no error at all, or an output that never varies.
    public var before: Double?
    public var after: Double?
    public var kept: Bool
    /// What was done or why not, in a few words.
    public var detail: String

    /// What was decided, one line each, in its order.
    public var steps: [String]

    public init(
        name: String, before: Double, after: Double, kept: Bool, detail: String, steps: [String] = []
    ) {
        self.name = name
        self.before = before.isFinite ? before : nil
        self.after = after.isFinite ? after : nil
        self.kept = kept
        self.detail = detail
        self.steps = steps
    }

    /// One line of text.
    public var line: String {
        func decibels(_ value: Double?) -> String {
            guard let value else { return "no error" }
            return "\((value * 100).rounded() / 100) dB"
        }
        return "\(name): AC-SQNR \(decibels(before)) -> \(decibels(after)), \(kept ? "kept" : "rejected"); \(detail)"
    }
}

/// The error of a model's outputs against wanted ones, relative to how much these vary, over any number of samples.
public struct OutputError: Sendable {
    private var sum = 0.0
    private var count = 0

    public init() {}

    /// Adds the outputs for one sample. Codes are dequantised; pairs in which one side is not finite count as an error
    /// as large as the wanted output's variance.
    ///
    /// Precondition: as many outputs, and as many elements in each, on both sides.
    public mutating func add(_ results: [Tensor], wanted: [Tensor]) {
        for (result, target) in zip(results, wanted) {
            sum += Self.relativeError(result, target)
            count += 1
        }
    }

    /// The mean over outputs and samples of the squared error relative to the wanted output's variance.
    public var relative: Double { count > 0 ? sum / Double(count) : 0 }

    /// ``relative`` as AC-SQNR in dB; infinite without error.
    public var decibels: Double { relative > 0 ? -10 * log10(relative) : .infinity }

    private static func relativeError(_ result: Tensor, _ wanted: Tensor) -> Double {
        let (values, targets) = (result.realValues(), wanted.realValues())
        let finite = targets.filter(\.isFinite)
        guard !finite.isEmpty else { return 0 }
        let mean = finite.reduce(0, +) / Double(finite.count)
        let energy = finite.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let variance = max(energy / Double(finite.count), 1e-30)
        let error = zip(values, targets).reduce(0.0) { sum, pair in
            guard pair.1.isFinite else { return sum }
            let difference = pair.0 - pair.1
            return sum + (difference.isFinite ? difference * difference : variance)
        }
        return error / Double(finite.count) / variance
    }
}
