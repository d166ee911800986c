/// A number or a choice together with how well it is known and where it comes from.
package struct Sourced<Value: Sendable & Hashable>: Sendable, Hashable {
    package var value: Value
    package var evidence: Evidence
    package var source: String

    package init(_ value: Value, _ evidence: Evidence, _ source: String) {
        self.value = value
        self.evidence = evidence
        self.source = source
    }

    package static func fact(_ value: Value, _ source: String) -> Self { Self(value, .fact, source) }
    package static func inferred(_ value: Value, _ source: String) -> Self { Self(value, .inferred, source) }
    package static func assumed(_ value: Value, _ source: String) -> Self { Self(value, .assumed, source) }
}

/// A chip with a DSP, as far as the cost model needs it.
package struct MachineDescription: Sendable, Hashable {
    /// The name on the command line.
    package var name: String
    package var title: String
    /// The instruction set: v60, v65, v66, v68, v69, v73, v75, v79.
    package var generation: Sourced<String>
    /// Whose loops the vector unit runs.
    package var architecture: Sourced<HexagonArchitecture>
    package var vectorBytes: Sourced<Int>
    /// Vector units that work side by side.
    package var contexts: Sourced<Int>
    /// Multiplications of 8-bit codes in one packet of one vector unit.
    package var macsPerPacket: Sourced<Int>
    /// Cycles a vector unit needs for a packet.
    package var cyclesPerPacket: Sourced<Double>
    /// Bytes of the memory that tiles must fit into.
    package var vectorMemory: Sourced<Int>
    package var secondLevelCache: Sourced<Int>
    /// Multiplications of 8-bit codes that the matrix unit does in a cycle; nil without one.
    package var matrixRate: Sourced<Int>?
    /// The part of the vector memory that tiles leave free.
    package var reserve = Sourced.assumed(0.1, "share of the vector memory kept for tables and parameters")
    /// Seconds from call to return of a partition that does nothing.
    package var callSeconds = Sourced.assumed(
        1e-4, "remote procedure calls are reported between 0.1 ms and 1 ms; the shortest network takes 0.5 ms in all")
    /// Bytes a second at which tensors enter and leave a partition.
    package var copyBandwidth = Sourced.assumed(1e10, "one pass of a CPU core over shared memory")

    /// What fitted constants may not exceed: utilisation is at most 1.
    package var topCyclesPerSecond = Sourced.inferred(
        2.2e9, "10.67 million cycles in 5.053 ms on v79: 2.11 GHz (ggml-org/llama.cpp #18139)")
    package var topBandwidth = Sourced.assumed(85e9, "four channels of LPDDR5X")

    /// Bytes that tiles may take.
    package var tileBudget: Int { Int(Double(vectorMemory.value) * (1 - reserve.value)) }

    /// Every number with its label, in the order of the declaration.
    package var statements: [(name: String, value: String, evidence: Evidence, source: String)] {
        func row<T>(_ name: String, _ item: Sourced<T>) -> (String, String, Evidence, String) {
            (name, "\(item.value)", item.evidence, item.source)
        }
        var rows = [
            row("generation", generation), row("vector loops", architecture), row("vector bytes", vectorBytes),
            row("vector contexts", contexts), row("multiplications per packet and context", macsPerPacket),
            row("cycles per packet", cyclesPerPacket), row("vector memory bytes", vectorMemory),
            row("second-level cache bytes", secondLevelCache),
        ]
        if let matrixRate { rows.append(row("matrix multiplications per cycle", matrixRate)) }
        rows += [
            row("reserve of the vector memory", reserve), row("seconds per call", callSeconds),
            row("bytes per second in and out", copyBandwidth),
        ]
        return rows
    }
}
