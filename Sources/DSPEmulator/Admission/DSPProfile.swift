import TensorCore

/// How well something that a profile says is known.
package enum Evidence: String, Sendable, Hashable {
    /// Stands in a public source.
    case fact
    /// Follows from public sources.
    case inferred
    /// Taken to be so.
    case assumed
}

/// One sentence of what a profile stands for.
package struct ProfileStatement: Sendable, Hashable {
    package var evidence: Evidence
    package var text: String

    init(_ evidence: Evidence, _ text: String) {
        self.evidence = evidence
        self.text = text
    }
}

/// Which DSP and which software in front of it is emulated: what it admits, how it partitions, and how well that is known.
package struct DSPProfile: Sendable {
    /// The name on the command line.
    package var name: String
    /// One sentence for help texts and reports.
    package var summary: String
    /// In the order in which they are judged.
    package var rules: [AdmissionRule]
    package var limits: PartitionLimits
    package var architecture: HexagonArchitecture
    /// True when partitions become graphs of the library, which has public kernels.
    package var usesLibrary: Bool
    /// What is known and what is assumed, for reports.
    package var statements: [ProfileStatement]

    package static let all = [hexagonLibrary, hexagonDelegate, htp]

    /// The profile of a name on the command line.
    ///
    /// - Throws: `Diagnostic` (.usage) for an unknown name.
    package static func named(_ name: String) throws -> DSPProfile {
        guard let profile = all.first(where: { $0.name == name }) else {
            throw Diagnostic(
                .usage, at: "profile \(name)", "there is no such profile",
                suggestion: "the profiles are \(all.map(\.name).joined(separator: ", "))")
        }
        return profile
    }

    /// The TFLite Hexagon delegate in front of the public library: what the library lacks stays on the CPU.
    package static let hexagonLibrary = DSPProfile(
        name: "hexagon-nnlib",
        summary: "TFLite Hexagon delegate on the public hexagon-nn library",
        rules: DelegateRules.all + LibraryRules.all, limits: PartitionLimits(), architecture: .v66,
        usesLibrary: true,
        statements: shared + [
            ProfileStatement(
                .assumed,
                "the two casts between int8 and uint8, which the public library lacks, flip the highest bit of a code"),
            ProfileStatement(
                .assumed,
                "the sixth operand of resizes (half-pixel centres), which the public library lacks, is ignored when false"
            ),
            ProfileStatement(
                .fact, "HARD_SWISH and half-pixel resizes have no kernel in the public library and stay on the CPU"),
            ProfileStatement(
                .assumed,
                "FULLY_CONNECTED reads computed weights at every run; the public library packs them once, before they are "
                    + "computed, unless several rows of a length that is no multiple of 16 are multiplied"),
        ])

    /// The delegate as it is, with the newer library that it loads.
    package static let hexagonDelegate = DSPProfile(
        name: "hexagon-delegate",
        summary: "TFLite Hexagon delegate with the library version 1.20 that it loads",
        rules: DelegateRules.all, limits: PartitionLimits(), architecture: .v66, usesLibrary: true,
        statements: shared + [
            ProfileStatement(
                .fact, "the delegate asks for version 0x21A01 of the library; the public source is 0x21401"),
            ProfileStatement(.assumed, "kernels of both versions compute alike"),
            ProfileStatement(.assumed, "the arithmetic of HARD_SWISH and of half-pixel resizes"),
        ])

    /// The accelerator from v68 on behind QNN.
    package static let htp = DSPProfile(
        name: "qnn-htp", summary: "Hexagon tensor processor behind QNN: public rules, assumed numerics",
        rules: HTPRules.all, limits: PartitionLimits(atMost: .max, nodes: 1), architecture: .v66, usesLibrary: false,
        statements: [
            ProfileStatement(.fact, "the operators are those that LiteRT's QNN compiler plugin legalises"),
            ProfileStatement(.inferred, "at most five extents"),
            ProfileStatement(
                .assumed, "codes only: activations of 8 or 16 bits, weights of 4 or 8; what touches float stays outside"
            ),
            ProfileStatement(.assumed, "partitions as the runtime forms them, without a limit on their number"),
            ProfileStatement(
                .assumed,
                "all arithmetic, assumed rounding: every operator's exact result is rounded once, half up; compare says "
                    + "how much the results depend on that"),
        ])

    private static let shared = [
        ProfileStatement(.fact, "admission, choice of partitions and translation follow the delegate's public source"),
        ProfileStatement(
            .inferred,
            "of partitions with equally many operators the earlier counts as larger: std::sort keeps their order up to 16"
        ),
        ProfileStatement(
            .fact, "a graph with a tensor whose extents are known at run time only is not delegated at all"),
    ]
}

/// How many partitions a delegate takes. Source: hexagon/hexagon_delegate.cc, constructor.
package struct PartitionLimits: Sendable, Hashable {
    /// Partitions at most.
    package var partitions: Int
    /// Operators that a partition has at least.
    package var nodes: Int

    /// The delegate's own limits: at most 4 partitions, at least 2 operators in each.
    package init() {
        partitions = 4
        nodes = 2
    }

    /// The delegate's options: values below 1 mean the defaults, and more than 16 partitions mean 16.
    package init(partitions: Int, nodes: Int) {
        self.init()
        if partitions > 0 { self.partitions = min(partitions, 16) }
        if nodes > 0 { self.nodes = nodes }
    }

    /// Without the delegate's own bounds.
    init(atMost partitions: Int, nodes: Int) {
        self.partitions = partitions
        self.nodes = nodes
    }
}
