import DSPEmulator
import Foundation
import Testing

@Suite struct CalibrationTests {
    private struct Recorded: Decodable {
        struct Fit: Decodable {
            var machine: String
            var cyclesPerSecond: Double
            var bytesPerSecond: Double
            var ratios: [Double]
            var leftOutRatios: [Double]
        }
        var fits: [Fit]
    }

    static let calibrations = MachineDescription.all.compactMap { Calibration($0) }

    @Test(arguments: CalibrationNetwork.all.map(\.name))
    func layersHaveThePublishedParameters(name: String) throws {
        let network = try #require(CalibrationNetwork.all.first { $0.name == name })
        #expect(abs(Double(network.parameters) - network.publishedParameters.value) <= network.publishedParameters.unit)
    }

    /// SciPy's fits of the same rows. Both searches stop where the loss no longer changes in its last bits.
    @Test func fitsAreThoseOfSciPy() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/calibration.json")
        let recorded = try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: path))
        #expect(recorded.fits.map(\.machine) == Self.calibrations.map(\.machine))
        for (fit, wanted) in zip(Self.calibrations, recorded.fits) {
            let pairs =
                [
                    (fit.constants.cyclesPerSecond, wanted.cyclesPerSecond),
                    (fit.constants.bytesPerSecond, wanted.bytesPerSecond),
                ] + zip(fit.ratios, wanted.ratios) + zip(fit.leftOutRatios, wanted.leftOutRatios)
            for (got, wanted) in pairs {
                #expect(abs(got / wanted - 1) < 1e-6, "\(fit.machine): \(got) instead of \(wanted)")
            }
        }
    }

    /// Networks left out of the fit: within half for chips with a matrix unit, within three times for the vector unit alone.
    @Test func networksLeftOutArePredictedWithinTheStatedFactor() {
        for fit in Self.calibrations {
            #expect(fit.errorFactor < (fit.machine == "qcs8250" ? 3 : 1.5), "\(fit.machine): \(fit.leftOutRatios)")
        }
    }

    @Test func aMachineWithoutPublishedLatenciesHasNoMilliseconds() throws {
        let other = try #require(Self.calibrations.first)
        let network = CalibrationNetwork.midas
        let cost = network.cost(on: .snapdragon855)
        // A calibration of another machine changes nothing.
        for calibration in [nil, other] {
            let report = MachineReport([cost], on: .snapdragon855, calibration: calibration)
            #expect(report.latency == nil)
            #expect(report.nodes.allSatisfy { $0.memoryCycles == nil && $0.bound == "unknown" })
            #expect(!report.rows.contains { $0.name.hasSuffix(", ms") })
        }
        #expect(Calibration(.snapdragon855) == nil)
    }

    @Test func reportsAddUpAndQuoteTheirFields() throws {
        let calibration = try #require(Self.calibrations.first { $0.machine == "snapdragon-8-gen-2" })
        let report = MachineReport(
            [CalibrationNetwork.midas.cost(on: .snapdragon8Gen2)], on: .snapdragon8Gen2, calibration: calibration)
        let latency = try #require(report.latency)
        #expect(abs(latency.milliseconds / 1.061 / calibration.ratios[0] - 1) < 1e-12)
        #expect(report.macs == CalibrationNetwork.midas.macs)
        let lines = report.csv.split(separator: "\r\n", omittingEmptySubsequences: true)
        #expect(lines.count == report.nodes.count + 1)
        let columns = lines[0].split(separator: ",").count
        #expect(columns == 18)
        #expect(lines[1].contains("\"tiles of 64 pixels, 32 channels in and 32 out;"))
        #expect(report.energy.lowMillijoules < report.energy.highMillijoules)
    }

    @Test func multiplicationsCostLessThanOnTheAnchor() {
        #expect(EnergyTable.standard.multiplication.value.high < EnergyTable.ceiling)
        #expect(EnergyTable.standard.multiplication.value.low > 0)
    }

    /// Writes what `tools/measure/dsp_calibration.py` fits.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["DSP_CALIBRATION_ROWS"] != nil))
    func writeRows() throws {
        let path = try #require(ProcessInfo.processInfo.environment["DSP_CALIBRATION_ROWS"])
        let machines: [[String: Any]] = Self.calibrations.map { fit in
            let rows: [[String: Any]] = fit.rows.map { row in
                [
                    "network": row.network, "fixed": row.fixedSeconds, "measured": row.measuredSeconds,
                    "nodes": row.nodes.map { [$0.cycles, $0.bytes] },
                ]
            }
            return ["machine": fit.machine, "rows": rows]
        }
        try JSONSerialization.data(withJSONObject: machines, options: [.sortedKeys])
            .write(to: URL(fileURLWithPath: path))
    }
}
