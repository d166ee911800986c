import Foundation
import Testing

/// `depthc evaluate` on the bundled model and its rendered test scenes.
@Suite struct EvaluateTests {
    private static let data = "golden/scenes/test"
    private static let recipe = ["--recipe", "stereo_direct"]

    private static func report(_ outcome: Program.Outcome) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    private static func copy(of scenes: [String], to folder: String) throws {
        for scene in scenes {
            try FileManager.default.copyItem(
                atPath: "\(Program.root.path)/\(data)/\(scene)", toPath: "\(folder)/\(scene)")
        }
    }

    @Test func theTableShowsModelAndReference() throws {
        try WorkflowTests.withFolder { folder in
            let file = "\(folder)/m.tflite"
            let converted = try Program.run(
                ["convert", WorkflowTests.model, "-o", file, "--precision", "int8"] + WorkflowTests.calibration)
            #expect(converted.code == 0, "\(converted.errors)")
            let shown = try Program.run(
                "evaluate", file, "--reference", WorkflowTests.model, "--data", Self.data, "--samples", "2")
            #expect(shown.code == 0, "\(shown.errors)")
            #expect(shown.errors.contains("assumed: recipe stereo_direct, which the file names"))
            #expect(shown.errors.contains("assumed: the range is that of the truth"))
            for word in ["AbsRel", "RMSE", "EPE", "D1", "S_C", "delta1", "SD ", "jumps", "depth edges"] {
                #expect(shown.output.contains(word), "\(shown.output)")
            }
        }
    }

    /// The model against itself: no difference; and the same figures for the truth in a folder of its own.
    @Test func aModelDoesNotDifferFromItself() throws {
        try WorkflowTests.withFolder { folder in
            for scene in ["000", "001"] {
                try FileManager.default.copyItem(
                    atPath: "\(Program.root.path)/\(Self.data)/\(scene)/disparity.png", toPath: "\(folder)/\(scene).png"
                )
            }
            let common = ["evaluate", WorkflowTests.model, "--data", Self.data, "--json", "-"] + Self.recipe
            let beside = try Self.report(
                Program.run(common + ["--samples", "4", "--reference", WorkflowTests.model, "--range", "0..48"]))
            let error = try #require(beside["quantization"] as? [String: Any])
            #expect(error["rmse"] as? Double == 0 && error["jumps"] as? Double == 0 && error["range"] as? Double == 48)
            let missing = try Program.run(common + ["--ground-truth", folder])
            #expect(missing.code == 66 && missing.errors.contains("002"), "\(missing.errors)")
            let two = "\(folder)/two"
            try FileManager.default.createDirectory(atPath: two, withIntermediateDirectories: true)
            try Self.copy(of: ["000", "001"], to: two)
            let first = try Program.run(
                ["evaluate", WorkflowTests.model, "--data", two, "--json", "-"] + Self.recipe)
            let second = try Program.run(
                ["evaluate", WorkflowTests.model, "--data", two, "--ground-truth", folder, "--json", "-"] + Self.recipe)
            #expect(first.code == 0 && first.output == second.output, "\(first.errors)\(second.errors)")
            let accuracy = try #require(try Self.report(first)["candidate"] as? [String: Any])
            let depth = try #require(accuracy["depth"] as? [String: Any])
            #expect(depth["count"] as? Int == 2 * 192 * 128)
        }
    }

    @Test func alignmentBringsTheUnit() throws {
        let outcome = try Program.run(
            ["evaluate", WorkflowTests.model, "--data", Self.data, "--samples", "1", "--alignment", "scale-shift"]
                + ["--json", "-"] + Self.recipe)
        #expect(try Self.report(outcome)["alignment"] as? String == "scaleShift")
    }

    @Test func whatIsMissingOrUnfitIsSaid() throws {
        try WorkflowTests.withFolder { folder in
            let common = ["evaluate", WorkflowTests.model] + Self.recipe
            let noTruth = try Program.run(common + ["--data", "golden/scenes/calibration"])
            #expect(noTruth.code == 66 && noTruth.errors.contains("000/disparity.png"), "\(noTruth.errors)")
            let noDepth = try Program.run("evaluate", WorkflowTests.model, "--data", WorkflowTests.golden)
            #expect(noDepth.code == 65 && noDepth.errors.contains("--recipe"), "\(noDepth.errors)")
            try Self.copy(of: ["000"], to: folder)
            try FileManager.default.removeItem(atPath: "\(folder)/000/disparity.png")
            let truth = "\(folder)/000/disparity.pfm"
            try Data("Pf\n3 2\n-1\n".utf8 + [UInt8](repeating: 0, count: 24)).write(to: URL(fileURLWithPath: truth))
            let size = try Program.run(common + ["--data", folder])
            #expect(size.code == 65 && size.errors.contains("3x2 pixels"), "\(size.errors)")
            try Data("Pf\n2 1".utf8).write(to: URL(fileURLWithPath: truth))
            let damaged = try Program.run(common + ["--data", folder])
            #expect(damaged.code == 65 && damaged.errors.contains("disparity.pfm"), "\(damaged.errors)")
        }
    }
}
