/// Energies of one event, as a band. Nothing is published for Hexagon: all are taken from the literature on other chips.
package struct EnergyTable: Sendable, Hashable {
    package struct Band: Sendable, Hashable {
        package var low: Double
        package var high: Double
    }

    /// Picojoules.
    package var multiplication: Sourced<Band> = .assumed(
        Band(low: 0.05, high: 0.5),
        "8-bit multiply-accumulate 0.23 pJ at 45 nm (Horowitz, ISSCC 2014), scaled to 7-4 nm and to a whole datapath")
    package var vectorMemoryByte: Sourced<Band> = .assumed(
        Band(low: 0.3, high: 2), "8 to 64 KB SRAM 10 to 20 pJ for 8 bytes at 45 nm (Horowitz), scaled")
    package var cacheByte: Sourced<Band> = .assumed(
        Band(low: 1, high: 6), "1 MB SRAM 100 pJ for 8 bytes at 45 nm (Horowitz), scaled")
    package var memoryByte: Sourced<Band> = .assumed(Band(low: 32, high: 64), "LPDDR4 to LPDDR5: 4 to 8 pJ a bit")
    /// Watts while a partition runs.
    package var staticPower: Sourced<Band> = .assumed(Band(low: 0.05, high: 0.5), "mobile accelerators as reported")

    package static let standard = EnergyTable()

    /// A quantised accelerator of 28 nm spends this on a multiplication of 8 and 4 bits, everything on the chip included:
    /// inferred from multiplications a watt in the QuartDepth paper, table 3.
    package static let ceiling = 2.24

    /// Millijoules of a partition; static power only counts where seconds are known.
    package func millijoules(_ cost: PartitionCost, seconds: Double?) -> Band {
        let macs = Double(cost.nodes.reduce(0) { $0 + $1.node.work.paddedMACs })
        let outside = Double(cost.traffic)
        let inside = Double(
            cost.nodes.reduce(0) {
                $0 + $1.node.work.input.bytes + $1.node.work.weightBytes + $1.node.work.output.bytes
            })
        func sum(_ side: KeyPath<Band, Double>) -> Double {
            let events =
                macs * multiplication.value[keyPath: side] + inside * vectorMemoryByte.value[keyPath: side]
                + outside * (cacheByte.value[keyPath: side] + memoryByte.value[keyPath: side])
            return events * 1e-9 + (seconds ?? 0) * staticPower.value[keyPath: side] * 1e3
        }
        return Band(low: sum(\.low), high: sum(\.high))
    }
}
