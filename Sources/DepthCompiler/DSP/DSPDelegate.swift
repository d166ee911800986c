import DSPEmulator
import TensorCore

/// The DSP delegate that a command asks for.
public struct DSPDelegate: Sendable {
    private(set) var profile: DSPProfile

    /// The profile's name, such as `hexagon-nnlib`.
    public var name: String { profile.name }
    /// Name and one sentence for every profile.
    public static var profiles: [(name: String, summary: String)] { DSPProfile.all.map { ($0.name, $0.summary) } }
    /// What the profile stands for, each with how well it is known: `fact`, `inferred` or `assumed`.
    public var statements: [(evidence: String, text: String)] {
        profile.statements.map { ($0.evidence.rawValue, $0.text) }
    }

    /// What the numbers of a profile whose kernels are not public stand on; nil for the others.
    public var assumption: String? {
        profile.usesLibrary
            ? nil
            : "rounding \(AssumedRounding.halfUp.rawValue), once, of every exact result (\(name) has no public kernels)"
    }

    /// - Parameter name: of a profile; nil for the default one.
    /// - Throws: `Diagnostic` (.usage) for an unknown name.
    public init(profile name: String? = nil) throws {
        profile = try name.map { try DSPProfile.named($0) } ?? .hexagonLibrary
    }

    /// The same delegate with its options of at most so many partitions (max_delegated_partitions; the delegate's default
    /// is 4 and its bound 16), and of at least so many operators in each (min_nodes_per_partition; by default 2).
    public func limited(toPartitions count: Int, ofAtLeast operators: Int? = nil) -> DSPDelegate {
        var result = self
        result.profile.limits = PartitionLimits(partitions: count, nodes: operators ?? profile.limits.nodes)
        return result
    }

    /// Reads `cpu`, `dsp` or `dsp:PROFILE`; nil for the CPU.
    ///
    /// - Throws: `Diagnostic` (.usage) for anything else.
    public static func named(_ text: String) throws -> DSPDelegate? {
        if text == "cpu" { return nil }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts[0] == "dsp" else {
            throw Diagnostic(
                .usage, at: "--delegate \(text)", "there is no such delegate", suggestion: "cpu, dsp or dsp:PROFILE")
        }
        return try DSPDelegate(profile: parts.count > 1 ? parts[1] : nil)
    }
}
