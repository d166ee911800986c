import DSPEmulator
import TensorCore

/// What the part of a model that the delegate takes costs on a machine.
package struct DSPCost: Sendable {
    package let model: String
    package let profile: String
    package let report: MachineReport
    package let calibration: Calibration?
    /// Operators of the model's file, and those that run on the DSP.
    package let operators: Int
    package let delegatedOperators: Int

    /// The names that `--machine` takes.
    package static var machines: [String] { MachineDescription.all.map(\.name) }

    /// - Parameter machine: nil for the one that the profile stands for.
    /// - Throws: `Diagnostic` (.usage) for an unknown machine, (.unsupported) for profiles without a public lowering, and
    ///   what compilation throws.
    package init(_ compilation: DSPCompilation, model: String, machine: String?) throws {
        let profile = compilation.profile
        guard profile.usesLibrary else {
            throw Diagnostic(
                .unsupported, at: "profile \(profile.name)", "what its compiler makes of a model is not public",
                suggestion: "--delegate dsp with --machine \(MachineDescription.snapdragon8Gen2.name)")
        }
        let machine = try machine.map(MachineDescription.named) ?? MachineDescription.standard(for: profile)
        let costs = try compilation.parts.map { try PartitionCost($0.prepared, on: machine) }
        calibration = Calibration(machine)
        report = MachineReport(costs, on: machine, calibration: calibration)
        self.model = model
        self.profile = profile.name
        operators = compilation.listing.operators.count
        delegatedOperators = compilation.parts.reduce(0) { $0 + $1.partition.operators.count }
    }

    /// What the milliseconds are worth, in one sentence.
    package var caveat: String {
        guard let latency = report.latency else {
            return "No latency is published for \(report.machine.title): cycles only."
        }
        return
            "A model with two constants fitted to four published networks; one left out was predicted within a factor "
            + "of \(HTML.number(latency.errorFactor)), so that this may be "
            + "\(HTML.number(latency.lowMilliseconds)) to \(HTML.number(latency.highMilliseconds)) ms."
    }
}

extension DSPCost: Encodable {
    private enum Key: String, CodingKey {
        case model, profile, machine, operators, delegatedOperators, partitions, latency, energy, totals, nodes,
            assumptions
    }

    private struct Statement: Encodable {
        var name: String
        var value: String
        var evidence: String
        var source: String
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(model, forKey: .model)
        try container.encode(profile, forKey: .profile)
        try container.encode(report.machine.name, forKey: .machine)
        try container.encode(operators, forKey: .operators)
        try container.encode(delegatedOperators, forKey: .delegatedOperators)
        try container.encode(report.partitions, forKey: .partitions)
        try container.encode(report.latency, forKey: .latency)
        try container.encode(report.energy, forKey: .energy)
        try container.encode(report.rows, forKey: .totals)
        try container.encode(report.nodes, forKey: .nodes)
        try container.encode(
            report.machine.statements.map {
                Statement(name: $0.name, value: $0.value, evidence: $0.evidence.rawValue, source: $0.source)
            }, forKey: .assumptions)
    }
}
