import Foundation
import Testing

/// Networks with curve heads on the command line.
@Suite struct HeadTests {
    static let heads = ["unet-hilbert3", "unet-phase"]

    private func recipe(_ network: String) -> [String] { ["--recipe", "stereo_\(network.dropFirst(5))"] }

    private func convert(_ network: String, _ file: String, _ options: [String] = []) throws -> Program.Outcome {
        try Program.run(
            [
                "convert", "golden/networks/\(network).onnx", "-o", file, "--precision", "int8", "--calibration",
                "golden/scenes/calibration", "--samples", "4",
            ] + recipe(network) + options)
    }

    private func map(_ path: String) throws -> [Float] {
        let bytes = try #require(FileManager.default.contents(atPath: path))
        let count = 128 * 192
        return bytes.suffix(4 * count).withUnsafeBytes { raw in
            (0..<count).map {
                Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
    }

    /// Depth decoded in the graph, in binary32, is that of the components decoded by `run`, in binary64: up to 48 px in
    /// a dozen roundings.
    @Test(arguments: heads)
    func bothOutputsOfAHeadAreTheSameDepth(network: String) throws {
        try WorkflowTests.withFolder { folder in
            var maps: [[Float]] = []
            for (output, name) in [("depth", "disparity"), ("components", "components")] {
                let file = "\(folder)/\(output).tflite"
                let converted = try convert(network, file, ["--head-output", output])
                #expect(converted.code == 0, "\(converted.errors)")
                let again = try Program.run("convert", file, "-o", "\(folder)/again.tflite")
                #expect(again.code == 0, "\(again.errors)")
                let bytes = FileManager.default.contents(atPath: file)
                #expect(bytes == FileManager.default.contents(atPath: "\(folder)/again.tflite"))
                let hasTable = bytes?.range(of: Data("depthc_decode_table".utf8)) != nil
                #expect(hasTable == (output == "components"))
                let run = try Program.run(
                    ["run", file, "--input", "golden/scenes/test/000", "-o", "\(folder)/\(output)"] + recipe(network))
                #expect(run.code == 0, "\(run.errors)")
                maps.append(try map("\(folder)/\(output)/\(name).pfm"))
            }
            let worst = zip(maps[0], maps[1]).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst < 48 * 12 * Float.ulpOfOne, "\(worst) px")
        }
    }

    /// Components keep 8 bits in every format; what is left is the noise of the features behind them.
    @Test(arguments: heads, [["float"], ["int8"], ["int8", "--io", "int8"], ["int16x8"]])
    func everyPrecisionReturnsDepth(network: String, precision: [String]) throws {
        try WorkflowTests.withFolder { folder in
            let file = "\(folder)/m.tflite"
            let data = ["--calibration", "golden/scenes/calibration", "--samples", "4"]
            let converted = try Program.run(
                ["convert", "golden/networks/\(network).onnx", "-o", file, "--precision"] + precision + recipe(network)
                    + (precision == ["float"] ? [] : data))
            #expect(converted.code == 0, "\(converted.errors)")
            if precision.contains("--io") { return }
            // Jumps of a Hilbert head to another strand cost up to a few dB on top.
            let outcome = try Program.run("validate", file, "--golden", "golden/\(network)", "--min-sqnr", "25")
            #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        }
    }

    /// A scalar network's exact head: depth decoded in the graph is that of the components decoded by `run`, both from one
    /// table, and the file says what was done in one line.
    @Test(arguments: ["hilbert", "serpentine"])
    func exactHeadsReturnDepthOrComponents(head: String) throws {
        try WorkflowTests.withFolder { folder in
            var maps: [[Float]] = []
            for output in ["depth", "components"] {
                let file = "\(folder)/\(output).tflite"
                let converted = try convert(
                    "unet-direct", file, ["--head", head, "--order", "3", "--head-output", output])
                #expect(converted.code == 0, "\(converted.errors)")
                let notes = converted.errors.split(separator: "\n").filter { $0.contains("head of order 3") }
                #expect(notes.count == 1 && notes[0].contains("instead of CONV_2D"), "\(converted.errors)")
                let again = try Program.run("convert", file, "-o", "\(folder)/again.tflite")
                #expect(again.code == 0, "\(again.errors)")
                let bytes = FileManager.default.contents(atPath: file)
                #expect(bytes == FileManager.default.contents(atPath: "\(folder)/again.tflite"))
                let run = try Program.run(
                    ["run", file, "--input", "golden/scenes/test/000", "-o", "\(folder)/\(output)"]
                        + recipe("unet-direct"))
                #expect(run.code == 0, "\(run.errors)")
                maps.append(try map("\(folder)/\(output)/disparity.pfm"))
            }
            #expect(maps[0] == maps[1])
        }
    }

    /// The choice gives both of its numbers, and the head's new weights are decided on held-out samples.
    @Test func autoChoosesByTheNoise() throws {
        try WorkflowTests.withFolder { folder in
            let file = "\(folder)/m.tflite"
            let outcome = try convert("unet-direct", file, ["--head", "auto"])
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(
                outcome.errors.contains("head chosen: serpentine")
                    && outcome.errors.contains("steps of the 8-bit output"))
            #expect(outcome.output.contains("refitted head: AC-SQNR"))
            let again = try Program.run("convert", file, "-o", "\(folder)/again.tflite", "--head", "auto")
            #expect(again.code == 65 || again.code == 64, "\(again.errors)")
            let validated = try Program.run("validate", file, "--golden", "golden/unet-direct", "--min-sqnr", "25")
            #expect(validated.code == 0, "\(validated.output)\(validated.errors)")
        }
    }

    @Test(arguments: [
        (["--head", "phase"], "--order"), (["--head", "hilbert", "--order", "9"], "1 to 4"),
        (["--order", "2"], "--head hilbert"), (["--head", "phase", "--order", "2"], "emits 3 channels"),
        (["--head", "serpentine", "--head-range", "0..1"], "calibration decides"),
        (["--head", "auto", "--order", "2"], "chooses the order"), (["--refit-head"], "--head auto"),
        (["--head", "phase", "--order", "4", "--head-range", "3"], "--head-range"),
    ])
    func whatIsNoHeadIsRefused(options: [String], reason: String) throws {
        try WorkflowTests.withFolder { folder in
            let file = "\(folder)/m.tflite"
            let outcome = try convert("unet-direct", file, options)
            #expect(outcome.code == 64 && outcome.errors.contains(reason), "\(outcome.code) \(outcome.errors)")
            #expect(!FileManager.default.fileExists(atPath: file))
        }
    }
}
