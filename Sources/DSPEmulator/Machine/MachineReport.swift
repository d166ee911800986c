/// What a model costs on the DSP: by node and in all.
///
/// Milliseconds stand in ``latency`` alone, which only a machine with published latencies has.
package struct MachineReport: Sendable {
    package struct Node: Sendable, Encodable {
        /// From 1, in execution order.
        package var partition: Int
        package var id: Int
        package var operation: String
        /// The TFLite operator that it belongs to.
        package var modelOperator: Int?
        package var unit: String
        package var macs: Int
        /// Multiplications of the model over those of the padded layout; 1 where none are done.
        package var usefulShare: Double
        package var computeCycles: Double
        /// Cycles of the same clock that moving takes; nil without calibration.
        package var memoryCycles: Double?
        package var bytesIn: Int
        package var bytesOut: Int
        package var vectorMemoryBytes: Int
        package var strips: Int
        package var chunks: Int
        package var fits: Bool
        /// compute, memory, or unknown without calibration.
        package var bound: String
        package var evidence: String
        package var source: String
    }

    package struct Latency: Sendable, Encodable {
        package var milliseconds: Double
        /// Largest factor between prediction and measurement of a network left out of the fit.
        package var errorFactor: Double
        package var lowMilliseconds: Double
        package var highMilliseconds: Double
        package var cyclesPerSecond: Double
        package var bytesPerSecond: Double
    }

    package struct Energy: Sendable, Encodable {
        package var lowMillijoules: Double
        package var highMillijoules: Double
    }

    package struct Row: Sendable, Encodable {
        package var name: String
        package var value: String
        package var evidence: String
    }

    package let machine: MachineDescription
    package let partitions: Int
    package let nodes: [Node]
    package let latency: Latency?
    package let energy: Energy
    package let boundaryBytes: Int

    /// - Parameter calibration: of the same machine; nil where none is published.
    package init(_ costs: [PartitionCost], on machine: MachineDescription, calibration: Calibration?) {
        let calibration = calibration?.machine == machine.name ? calibration : nil
        self.machine = machine
        partitions = costs.count
        boundaryBytes = costs.reduce(0) { $0 + $1.boundaryBytes }
        nodes = costs.enumerated().flatMap { index, cost in
            cost.nodes.map { Node($0, partition: index + 1, constants: calibration?.constants) }
        }
        var seconds: Double?
        if let calibration {
            let constants = calibration.constants
            let inside = costs.flatMap(\.nodes).reduce(0.0) {
                $0 + constants.seconds(cycles: $1.cycles, bytes: Double($1.node.tiles.traffic))
            }
            let total =
                inside + Double(costs.count) * machine.callSeconds.value
                + Double(boundaryBytes) / machine.copyBandwidth.value
            seconds = total
            latency = Latency(
                milliseconds: 1e3 * total, errorFactor: calibration.errorFactor,
                lowMilliseconds: 1e3 * total / calibration.errorFactor,
                highMilliseconds: 1e3 * total * calibration.errorFactor, cyclesPerSecond: constants.cyclesPerSecond,
                bytesPerSecond: constants.bytesPerSecond)
        } else {
            latency = nil
        }
        let bands = costs.map { EnergyTable.standard.millijoules($0, seconds: nil) }
        let still = EnergyTable.standard.staticPower.value
        energy = Energy(
            lowMillijoules: bands.reduce(0) { $0 + $1.low } + (seconds ?? 0) * still.low * 1e3,
            highMillijoules: bands.reduce(0) { $0 + $1.high } + (seconds ?? 0) * still.high * 1e3)
    }

    package var macs: Int { nodes.reduce(0) { $0 + $1.macs } }
    package var computeCycles: Double { nodes.reduce(0) { $0 + $1.computeCycles } }
    package var traffic: Int { nodes.reduce(0) { $0 + $1.bytesIn + $1.bytesOut } }
    package var spilled: Int { nodes.count { !$0.fits } }

    /// Totals, named as the QNN profiler names its events where it has one.
    package var rows: [Row] {
        let calls = 1e3 * Double(partitions) * machine.callSeconds.value
        var rows = [
            Row(
                name: "Number of HVX threads used", value: "\(machine.contexts.value)",
                evidence: machine.contexts.evidence.rawValue),
            Row(
                name: "Accelerator (execute) cycles", value: "\(Int(computeCycles.rounded()))",
                evidence: Evidence.inferred.rawValue),
            Row(name: "Multiplications", value: "\(macs)", evidence: Evidence.fact.rawValue),
            Row(name: "Bytes from and to DDR", value: "\(traffic)", evidence: Evidence.inferred.rawValue),
            Row(name: "Bytes across the border", value: "\(boundaryBytes)", evidence: Evidence.fact.rawValue),
            Row(
                name: "Nodes that do not fit the vector memory", value: "\(spilled)",
                evidence: Evidence.inferred.rawValue),
        ]
        if let latency {
            rows.append(
                Row(
                    name: "RPC (execute) time, ms", value: "\(Self.rounded(calls))", evidence: Evidence.assumed.rawValue
                ))
            rows.append(
                Row(
                    name: "Accelerator (execute) time, ms",
                    value: "\(Self.rounded(latency.milliseconds)) (\(Self.rounded(latency.lowMilliseconds)) to "
                        + "\(Self.rounded(latency.highMilliseconds)))",
                    evidence: Evidence.inferred.rawValue))
        }
        rows.append(
            Row(
                name: "Energy, mJ",
                value: "\(Self.rounded(energy.lowMillijoules)) to \(Self.rounded(energy.highMillijoules))",
                evidence: Evidence.assumed.rawValue))
        return rows
    }

    /// Thousandths, for values of some milliseconds or millijoules.
    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

    /// One line of names and one for each node; fields with commas, quotes or line ends are quoted (RFC 4180).
    package var csv: String {
        let names = [
            "partition", "node", "operator", "model operator", "unit", "MACs", "useful share", "compute cycles",
            "memory cycles", "DDR bytes in", "DDR bytes out", "vector memory bytes", "strips", "chunks", "fits",
            "bound",
            "evidence", "source",
        ]
        let lines = nodes.map { node in
            [
                "\(node.partition)", "\(node.id)", node.operation, node.modelOperator.map { "\($0)" } ?? "",
                node.unit,
                "\(node.macs)", "\(node.usefulShare)", "\(node.computeCycles)", node.memoryCycles.map { "\($0)" } ?? "",
                "\(node.bytesIn)", "\(node.bytesOut)", "\(node.vectorMemoryBytes)", "\(node.strips)", "\(node.chunks)",
                "\(node.fits)", node.bound, node.evidence, node.source,
            ]
        }
        return ([names] + lines).map { $0.map(Self.field).joined(separator: ",") + "\r\n" }.joined()
    }

    private static func field(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }
}

extension MachineReport.Node {
    fileprivate init(_ cost: NodeCost, partition: Int, constants: MachineConstants?) {
        let work = cost.node.work
        let tiles = cost.node.tiles
        self.partition = partition
        id = work.id
        operation = work.operation.rawValue
        modelOperator = work.source
        unit = cost.unit.rawValue
        macs = work.macs
        usefulShare = work.paddedMACs == 0 ? 1 : Double(work.macs) / Double(work.paddedMACs)
        computeCycles = cost.cycles
        memoryCycles = constants.map { Double(tiles.traffic) / $0.bytesPerSecond * $0.cyclesPerSecond }
        bytesIn = tiles.bytesIn
        bytesOut = tiles.bytesOut
        vectorMemoryBytes = cost.node.vectorMemoryBytes
        strips = tiles.strips
        chunks = tiles.chunks
        fits = tiles.fits
        bound = memoryCycles.map { $0 > cost.cycles ? "memory" : "compute" } ?? "unknown"
        evidence = cost.evidence.rawValue
        source = cost.source
    }
}
