#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A published latency.
package struct PublishedLatency: Sendable {
    /// ``MachineDescription/name``.
    package var machine: String
    /// ``CalibrationNetwork/name``.
    package var network: String
    package var milliseconds: Double

    /// Source: quic/ai-hub-models v0.27.1 (50e8eef, April 2025), qai_hub_models/models/*_quantized/perf.yaml: 8 bits,
    /// TFLite, all layers on the DSP or its tensor processor. Where the release names a reference board ("QCS8250 Proxy")
    /// the machine is that board.
    package static let all: [PublishedLatency] = [
        ("qcs8250", [15.724, 169.181, 306.946, 336.795]),
        ("snapdragon-8-gen-2", [1.061, 4.367, 9.103, 10.652]),
        ("snapdragon-8-gen-3", [0.753, 3.142, 6.578, 7.590]),
        ("snapdragon-8-elite", [0.598, 2.518, 6.494, 6.223]),
    ].flatMap { machine, latencies in
        zip(CalibrationNetwork.all, latencies).map {
            PublishedLatency(machine: machine, network: $0.name, milliseconds: $1)
        }
    }
}

/// What a network asks of a machine: the columns that the fitted constants multiply.
package struct CalibrationRow: Sendable {
    package var network: String
    /// Cycles and bytes of each node.
    package var nodes: [(cycles: Double, bytes: Double)]
    /// Seconds that are not fitted: calls and what crosses the border.
    package var fixedSeconds: Double
    package var measuredSeconds: Double

    package init(
        network: String, nodes: [(cycles: Double, bytes: Double)], fixedSeconds: Double, measuredSeconds: Double
    ) {
        self.network = network
        self.nodes = nodes
        self.fixedSeconds = fixedSeconds
        self.measuredSeconds = measuredSeconds
    }
}

/// The two constants of a chip that are fitted, and nothing else is.
///
/// A third, the time that a node takes besides, came out as zero for every chip and is left out: networks left out are
/// predicted better without it.
package struct MachineConstants: Sendable, Hashable {
    /// Utilisation times clock.
    package var cyclesPerSecond: Double
    package var bytesPerSecond: Double

    package init(cyclesPerSecond: Double, bytesPerSecond: Double) {
        self.cyclesPerSecond = cyclesPerSecond
        self.bytesPerSecond = bytesPerSecond
    }

    /// The longer of computing and moving.
    package func seconds(cycles: Double, bytes: Double) -> Double {
        max(cycles / cyclesPerSecond, bytes / bytesPerSecond)
    }

    package func seconds(_ row: CalibrationRow) -> Double {
        row.nodes.reduce(row.fixedSeconds) { $0 + seconds(cycles: $1.cycles, bytes: $1.bytes) }
    }
}

/// Constants fitted to published latencies, and how far they are from them.
package struct Calibration: Sendable {
    package var machine: String
    package var constants: MachineConstants
    package var rows: [CalibrationRow]
    /// Predicted over measured, by network.
    package var ratios: [Double]
    /// The same for each network with constants fitted to the others.
    package var leftOutRatios: [Double]

    /// The largest factor between a prediction and a measurement of a network that was left out.
    package var errorFactor: Double { leftOutRatios.reduce(1) { max($0, $1, 1 / $1) } }

    /// The calibration of a machine; nil when no latency is published for it.
    package init?(_ machine: MachineDescription) {
        let published = PublishedLatency.all.filter { $0.machine == machine.name }
        let rows = CalibrationNetwork.all.compactMap { network -> CalibrationRow? in
            guard let latency = published.first(where: { $0.network == network.name }) else { return nil }
            return CalibrationRow(
                network.cost(on: machine), name: network.name, on: machine,
                measuredSeconds: latency.milliseconds / 1000)
        }
        guard rows.count > 3 else { return nil }
        self.machine = machine.name
        self.rows = rows
        let constants = Self.fit(rows, on: machine)
        self.constants = constants
        ratios = rows.map { constants.seconds($0) / $0.measuredSeconds }
        leftOutRatios = rows.indices.map { left in
            var others = rows
            others.remove(at: left)
            return Self.fit(others, on: machine).seconds(rows[left]) / rows[left].measuredSeconds
        }
    }

    /// Least squares of the logarithms of predicted over measured, within what the chip can do.
    static func fit(_ rows: [CalibrationRow], on machine: MachineDescription) -> MachineConstants {
        let limits = [log(machine.topCyclesPerSecond.value), log(machine.topBandwidth.value)]
        func constants(_ point: [Double]) -> MachineConstants {
            MachineConstants(
                cyclesPerSecond: exp(min(point[0], limits[0])), bytesPerSecond: exp(min(point[1], limits[1])))
        }
        func loss(_ point: [Double]) -> Double {
            let constants = constants(point)
            return rows.reduce(0) { sum, row in
                let error = log(constants.seconds(row) / row.measuredSeconds)
                return sum + error * error
            }
        }
        // Which nodes are bound by memory changes with the constants, so that the loss has more than one valley.
        var starts: [(point: [Double], loss: Double)] = []
        for cycles in stride(from: 7.5, through: 9.5, by: 0.125) {
            for bytes in stride(from: 8.5, through: 11, by: 0.125) {
                let point = [cycles * log(10), bytes * log(10)]
                starts.append((point, loss(point)))
            }
        }
        starts.sort { $0.loss < $1.loss }
        var point = starts[0].point
        for start in starts.prefix(24) {
            var end = start.point
            for step in [0.3, 0.01, 1e-4, 1e-6] { end = Simplex(around: end, step: step).minimum(of: loss) }
            if loss(end) < loss(point) { point = end }
        }
        return constants(point)
    }
}

extension CalibrationRow {
    init(_ cost: PartitionCost, name: String, on machine: MachineDescription, measuredSeconds: Double) {
        self.init(
            network: name,
            nodes: cost.nodes.filter { $0.node.work.kind != .none }.map {
                ($0.cycles, Double($0.node.tiles.traffic))
            },
            fixedSeconds: machine.callSeconds.value + Double(cost.boundaryBytes) / machine.copyBandwidth.value,
            measuredSeconds: measuredSeconds)
    }
}

/// Nelder and Mead's search in the plane.
private struct Simplex {
    private var points: [[Double]]

    init(around point: [Double], step: Double) {
        points = [point]
        for axis in point.indices {
            var other = point
            other[axis] += step
            points.append(other)
        }
    }

    /// Until all values are equal to the last bits, or 600 steps.
    func minimum(of function: ([Double]) -> Double) -> [Double] {
        var points = points.map { (point: $0, value: function($0)) }
        for _ in 0..<600 {
            points.sort { $0.value < $1.value }
            let (best, worst) = (points[0], points[points.count - 1])
            if worst.value - best.value <= 1e-16 * best.value,
                zip(best.point, worst.point).allSatisfy({ abs($0 - $1) < 1e-11 })
            {
                break
            }
            let others = points.dropLast()
            let center = best.point.indices.map { axis in
                others.reduce(0) { $0 + $1.point[axis] } / Double(others.count)
            }
            func along(_ factor: Double) -> (point: [Double], value: Double) {
                let point = zip(center, worst.point).map { $0 + factor * ($0 - $1) }
                return (point, function(point))
            }
            let reflected = along(1)
            if reflected.value < best.value {
                let expanded = along(2)
                points[points.count - 1] = expanded.value < reflected.value ? expanded : reflected
            } else if reflected.value < points[points.count - 2].value {
                points[points.count - 1] = reflected
            } else {
                let inside = reflected.value < worst.value ? along(0.5) : along(-0.5)
                if inside.value < min(worst.value, reflected.value) {
                    points[points.count - 1] = inside
                } else {
                    for index in points.indices.dropFirst() {
                        let point = zip(best.point, points[index].point).map { ($0 + $1) / 2 }
                        points[index] = (point, function(point))
                    }
                }
            }
        }
        return points.min { $0.value < $1.value }?.point ?? self.points[0]
    }
}
