/// What a node costs, in cycles and bytes.
package struct NodeCost: Sendable {
    package enum Unit: String, Sendable, Hashable {
        case matrix
        case vector
        case none
    }

    package var node: MachinePlan.Node
    package var unit: Unit
    /// Packets of the vector unit, all contexts together; 0 on the matrix unit.
    package var packets: Int
    /// Cycles of the unit that computes, all contexts busy.
    package var cycles: Double
    /// Where the count comes from.
    package var evidence: Evidence
    package var source: String

    package init(_ node: MachinePlan.Node, on machine: MachineDescription) {
        self.node = node
        let work = node.work
        if let rate = machine.matrixRate, [.convolution, .shallowConvolution, .matrix].contains(work.kind) {
            unit = .matrix
            packets = 0
            cycles = Double(Self.matrixTiles(work)) * 65536 / Double(rate.value)
            evidence = machine.matrixRate?.evidence ?? .assumed
            source = "tiles of 64 pixels, 32 channels in and 32 out; \(rate.source)"
            return
        }
        let counted: (Int, Evidence, String)
        if let loops = ConvolutionPackets(work, machine.architecture.value) {
            counted = (loops.packets(work), loops.evidence, loops.source)
        } else if let loops = StreamPackets(work) {
            counted = (loops.packets(work), loops.evidence, loops.source)
        } else {
            counted = (0, .assumed, "not known")
        }
        packets = counted.0
        unit = packets == 0 ? .none : .vector
        cycles = Double(packets) * machine.cyclesPerPacket.value / Double(machine.contexts.value)
        evidence = machine.architecture.evidence == .assumed ? .assumed : counted.1
        source = counted.2
    }

    /// Tiles of 64 x 32 x 32 multiplications. Pixels of an image count together, channels are rounded up to 32.
    package static func matrixTiles(_ work: MachineWork) -> Int {
        work.output.batch * (work.output.height * work.output.width).dividedUp(by: 64)
            * work.output.depth.dividedUp(by: 32) * work.input.depth.dividedUp(by: 32)
            * work.filterHeight * work.filterWidth
    }

    /// The same by walking through the tiles.
    package static func countedMatrixTiles(_ work: MachineWork) -> Int {
        var tiles = 0
        for _ in 0..<work.output.batch {
            for _ in stride(from: 0, to: work.output.height * work.output.width, by: 64) {
                for _ in stride(from: 0, to: work.output.depth, by: 32) {
                    for _ in stride(from: 0, to: work.input.depth, by: 32) {
                        for _ in 0..<work.filterHeight { for _ in 0..<work.filterWidth { tiles += 1 } }
                    }
                }
            }
        }
        return tiles
    }
}

/// A partition's nodes with their costs.
package struct PartitionCost: Sendable {
    package var nodes: [NodeCost]
    package var boundaryBytes: Int

    package init(_ plan: MachinePlan, on machine: MachineDescription) {
        nodes = plan.nodes.map { NodeCost($0, on: machine) }
        boundaryBytes = plan.boundaryBytes
    }

    /// - Throws: `Diagnostic` (.badData) for a graph whose nodes read what none declares.
    package init(_ graph: HexagonGraph, on machine: MachineDescription) throws {
        let work = try PartitionWork(graph)
        self.init(
            MachinePlan(work.works, results: work.results, inputBytes: work.inputBytes, on: machine), on: machine)
    }

    package var macs: Int { nodes.reduce(0) { $0 + $1.node.work.macs } }
    package var cycles: Double { nodes.reduce(0) { $0 + $1.cycles } }
    package var traffic: Int { nodes.reduce(0) { $0 + $1.node.tiles.traffic } }
}
