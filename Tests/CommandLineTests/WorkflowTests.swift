import Foundation
import Testing

/// The whole way of the bundled model: convert, run, record, validate, compare.
@Suite struct WorkflowTests {
    static let model = "golden/networks/unet-direct.onnx"
    static let golden = "golden/unet-direct"
    static let calibration = ["--calibration", "golden/scenes/calibration", "--recipe", "stereo_direct"]
    static let views = [
        "--input", "golden/scenes/test/000/left.png", "--input",
        "golden/scenes/test/000/right.png", "--recipe", "stereo_direct",
    ]

    static func withFolder(_ body: (String) throws -> Void) throws {
        let folder = try Program.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test(arguments: ["fast", "reference"])
    func theSourceIsWithinItsGoldenSet(engine: String) throws {
        let outcome = try Program.run("validate", Self.model, "--golden", Self.golden, "--engine", engine)
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("within approximate") && outcome.output.contains("AbsRel"))
    }

    @Test func anExportedFileIsHeldAgainstItsSourcesSet() throws {
        try Self.withFolder { folder in
            let file = "\(folder)/m.tflite"
            let converted = try Program.run("convert", Self.model, "-o", file, "--recipe", "stereo_direct")
            #expect(converted.code == 0, "\(converted.errors)")
            #expect(converted.output.contains(" 0 transposes"), "\(converted.output)")
            let outcome = try Program.run("validate", file, "--golden", Self.golden, "--json", "-")
            #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
            let report = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            let outputs = report?["outputs"] as? [[String: Any]]
            #expect(outputs?.first?["depthKind"] as? String == "disparity")
        }
    }

    @Test func int8IsTheSameForAnyThreadsAndJudgedByItsError() throws {
        try Self.withFolder { folder in
            for threads in ["1", "2"] {
                let outcome = try Program.run(
                    [
                        "convert", Self.model, "-o", "\(folder)/\(threads).tflite", "--precision", "int8", "--threads",
                        threads,
                    ]
                        + Self.calibration)
                #expect(outcome.code == 0, "\(outcome.errors)")
            }
            let bytes = FileManager.default.contents(atPath: "\(folder)/1.tflite")
            #expect(bytes != nil && bytes == FileManager.default.contents(atPath: "\(folder)/2.tflite"))
            let file = "\(folder)/1.tflite"
            let again = try Program.run("convert", file, "-o", "\(folder)/again.tflite")
            #expect(again.code == 0, "\(again.errors)")
            #expect(bytes == FileManager.default.contents(atPath: "\(folder)/again.tflite"))
            let enough = try Program.run("validate", file, "--golden", Self.golden, "--min-sqnr", "20")
            #expect(enough.code == 0, "\(enough.output)\(enough.errors)")
            let strict = try Program.run("validate", file, "--golden", Self.golden, "--tolerance", "close")
            #expect(strict.code == 1 && strict.output.contains("FAILED"), "\(strict.output)")
            let compared = try Program.run(
                ["compare", Self.model, file, "--data", "golden/scenes/test", "--layers", "--samples", "1"]
                    + ["--recipe", "stereo_direct"])
            #expect(compared.code == 0 && compared.output.contains("layers have the same name"), "\(compared.errors)")
            let assumed = try Program.run(
                ["compare", file, file, "--data", "golden/scenes/test", "--layers", "--samples", "1"]
                    + ["--recipe", "stereo_direct", "--delegate", "dsp:qnn-htp"])
            #expect(
                assumed.code == 0 && assumed.output.contains("(qnn-htp, assumed rounding half up"), "\(assumed.errors)")
            #expect(assumed.output.contains("spread of the outputs"), "\(assumed.output)")
        }
    }

    @Test func runWritesArraysAndPictures() throws {
        try Self.withFolder { folder in
            let outcome = try Program.run(["run", Self.model, "-o", "\(folder)/out"] + Self.views)
            #expect(outcome.code == 0, "\(outcome.errors)")
            let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/out").sorted()
            #expect(files == ["disparity.npy", "disparity.pfm", "disparity.png"])
            let pair = try Program.run(
                "run", Self.model, "-o", "\(folder)/pair", "--recipe", "stereo_direct", "--input",
                "golden/scenes/calibration/000")
            #expect(pair.code == 0, "\(pair.errors)")
            let recorded = try Program.run(
                "run", Self.model, "-o", "\(folder)/arrays", "--input", "\(Self.golden)/000/inputs")
            #expect(recorded.code == 0, "\(recorded.errors)")
        }
    }

    @Test func recordedSetsHoldAndNoticeChanges() throws {
        try Self.withFolder { folder in
            let set = "\(folder)/set"
            let recorded = try Program.run(
                "golden", Self.model, "--data", "golden/scenes/test", "--recipe", "stereo_direct", "-o", set,
                "--samples", "2", "--tolerance", "exact")
            #expect(recorded.code == 0, "\(recorded.errors)")
            let same = try Program.run("validate", Self.model, "--golden", set, "--threads", "1")
            #expect(same.code == 0, "\(same.output)\(same.errors)")
            let output = "\(set)/001/outputs/disparity.npy"
            var bytes = try #require(FileManager.default.contents(atPath: output))
            bytes[bytes.count - 1] ^= 0x01
            try bytes.write(to: URL(fileURLWithPath: output))
            let changed = try Program.run("validate", Self.model, "--golden", set)
            #expect(changed.code == 1 && changed.output.contains("1 of"), "\(changed.output)")
        }
    }

    @Test func valuesToKeepInFloatAreKnown() throws {
        try Self.withFolder { folder in
            let common = ["convert", Self.model, "-o", "\(folder)/m.tflite", "--precision", "int8", "--samples", "2"]
            let unknown = try Program.run(common + Self.calibration + ["--keep-float", "dispari"])
            #expect(unknown.code == 64 && unknown.errors.contains("similar: disparity"), "\(unknown.errors)")
            let known = try Program.run(common + Self.calibration + ["--keep-float", "disparity"])
            #expect(known.code == 0 && known.output.contains("pinned by the user"), "\(known.output)\(known.errors)")
        }
    }

    /// NaN, infinities and the largest floats as input: any result, but a result.
    @Test(arguments: ["fast", "reference"], ["keep", "int8"])
    func extremeInputsNeverTrap(engine: String, precision: String) throws {
        try Self.withFolder { folder in
            let file = "\(folder)/m.tflite"
            let data = precision == "int8" ? Self.calibration + ["--samples", "2"] : []
            let converted = try Program.run(["convert", Self.model, "-o", file, "--precision", precision] + data)
            #expect(converted.code == 0, "\(converted.errors)")
            for (number, bits) in [UInt32(0x7FC0_0000), 0x7F80_0000, 0xFF80_0000, 0x7F7F_FFFF, 0xFF7F_FFFF, 1]
                .enumerated()
            {
                let path = "\(folder)/\(number).npy"
                var bytes = Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0])
                let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 128, 192, 6), }"
                bytes += Array((header + String(repeating: " ", count: 117 - header.utf8.count) + "\n").utf8)
                for _ in 0..<(128 * 192 * 6) { withUnsafeBytes(of: bits.littleEndian) { bytes.append(contentsOf: $0) } }
                try bytes.write(to: URL(fileURLWithPath: path))
                let outcome = try Program.run(
                    "run", file, "--input", path, "-o", "\(folder)/out", "--engine", engine)
                #expect(outcome.code == 0, "bits \(bits): \(outcome.errors)")
            }
        }
    }

    @Test func reportsAreWrittenAsPageAndJSON() throws {
        try Self.withFolder { folder in
            let (file, page, figures) = ("\(folder)/m.tflite", "\(folder)/m.html", "\(folder)/m.json")
            let made = try Program.run(
                ["convert", Self.model, "-o", file, "--precision", "int8", "--samples", "2"] + Self.calibration
                    + ["--report", page, "--json", figures])
            #expect(made.code == 0 && made.output.contains("report \(page): RMSE"), "\(made.output)\(made.errors)")
            let compared = try Program.run(
                "compare", Self.model, file, "--data", "golden/scenes/test", "--recipe", "stereo_direct", "--samples",
                "1", "--report", "\(folder)/c.html", "--json", "\(folder)/c.json")
            #expect(compared.code == 0, "\(compared.errors)")
            for (html, json) in [(page, figures), ("\(folder)/c.html", "\(folder)/c.json")] {
                let text = try String(contentsOfFile: html, encoding: .utf8)
                #expect(text.hasPrefix("<!DOCTYPE html>") && text.hasSuffix("</html>\n"))
                let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: json)))
                let report = (object as? [String: Any])?["report"] as? [String: Any]
                let operators = report?["operators"] as? [[String: Any]]
                #expect(operators?.count == 35 && operators?.first?["outputError"] is Double)
                #expect(report?["unit"] as? String == "px" && report?["usesFloatWeights"] as? Bool == true)
            }
        }
    }

    @Test func reportsAreAboutQuantisation() throws {
        try Self.withFolder { folder in
            let refused = try Program.run(
                "convert", Self.model, "-o", "\(folder)/m.tflite", "--report", "\(folder)/m.html")
            #expect(refused.code == 64 && refused.errors.contains("--precision int8"), "\(refused.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test func whatCannotBeWrittenIs73() throws {
        let outcome = try Program.run("convert", Self.model, "-o", "/proc/nowhere/m.tflite")
        #expect(outcome.code == 73, "\(outcome.errors)")
    }

    @Test func nothingIsWrittenAfterAnError() throws {
        try Self.withFolder { folder in
            let missing = try Program.run("run", Self.model, "-o", "\(folder)/out")
            #expect(missing.code == 65 && missing.errors.contains("stereo"))
            let refused = try Program.run("convert", Self.model, "-o", "\(folder)/m.tflite", "--precision", "float16")
            #expect(refused.code == 65)
            let uncalibrated = try Program.run("convert", Self.model, "-o", "\(folder)/m.tflite", "--precision", "int8")
            #expect(uncalibrated.code == 64 && uncalibrated.errors.contains("--calibration"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }
}
