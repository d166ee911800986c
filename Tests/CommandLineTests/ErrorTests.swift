import Foundation
import Testing

@Suite struct ErrorTests {
    static let commands = [
        "inspect", "convert", "run", "golden", "validate", "compare", "evaluate", "bench", "calibrate", "merge",
    ]

    @Test(arguments: commands)
    func helpTeachesWithExamples(_ command: String) throws {
        let outcome = try Program.run(command, "--help")
        #expect(outcome.code == 0 && outcome.errors.isEmpty)
        #expect(outcome.output.contains("depthc \(command) "))
    }

    @Test(arguments: [
        ([], 0), (["--version"], 0), (["bogus"], 64), (["inspect"], 64), (["inspect", "a", "b"], 64),
        (["inspect", "/nowhere.onnx"], 66), (["run", "/nowhere.tflite", "-o", "/tmp/never"], 66),
        (["inspect", "/"], 66), (["bench", "x", "--threads", "0"], 64), (["bench", "x", "--engine", "warp"], 64),
        (["convert", "x", "-o", "y", "--range", "wide"], 64), (["convert", "x", "-o", "y", "--head", "spiral"], 64),
        (["convert", "golden/networks/unet-direct.onnx", "-o", "y", "--head", "hilbert"], 65),
        (["run", "x", "-o", "y", "--delegate", "tpu"], 64), (["run", "x", "-o", "y", "--input", "/nowhere.npy"], 66),
        (["validate", "x", "--golden", "/nowhere"], 66), (["golden", "x", "--data", "/nowhere", "-o", "y"], 66),
        (["evaluate", "x", "--data", "/nowhere"], 66), (["evaluate", "x", "--data", "y", "--range", "5..5"], 64),
        (["evaluate", "x", "--data", "y", "--alignment", "guess"], 64), (["inspect", "x", "--shape", "1x2"], 64),
        (["inspect", "x", "--shape", "a=1x-2"], 64),
        (["run", "x", "-o", "y", "--recipe", "/nowhere.yaml"], 66), (["inspect", "Package.swift"], 65),
    ])
    func exitCodes(_ arguments: [String], _ code: Int) throws {
        let outcome = try Program.run(arguments)
        #expect(outcome.code == Int32(code), "\(outcome.errors)")
        if code != 0 {
            #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
            #expect(outcome.errorLines.first?.hasPrefix("error[") == true, "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func errorsCanBeJSON() throws {
        let outcome = try Program.run("inspect", "--json", "/nowhere.onnx")
        let fields = try JSONSerialization.jsonObject(with: Data(outcome.errors.utf8)) as? [String: Any]
        #expect(fields?["error"] as? String == "missingFile")
        #expect(fields?["location"] as? String == "/nowhere.onnx")
        #expect(fields?["exitCode"] as? Int == 66)
    }

    @Test(arguments: [
        ("name: a\ninputs: []\nsurprise: 1\n", ":3: unknown key 'surprise'"),
        ("name: a\nname: b\ninputs: []\n", "duplicated key(s): 'name'"), ("inputs: []\n", "'name' is missing"),
        ("- a\n", "mapping"),
        ("name: [\n", "is not YAML"), ("", "is empty"),
        ("name: a\ninputs:\n  - {name: x, kind: picture}\n", ":3: 'picture' is no kind"),
        ("name: a\ninputs:\n  - {name: x, kind: image, channels: rgb, size: [0, 4]}\n", "size is [height, width]"),
        ("name: a\ninputs: []\noutput: {name: d, kind: depth, unit: miles}\n", ":3: unit 'miles' is unknown"),
    ])
    func recipesAreReadStrictly(_ text: String, _ expected: String) throws {
        let folder = try Program.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try text.write(toFile: "\(folder)/r.yaml", atomically: true, encoding: .utf8)
        let outcome = try Program.run("run", "x", "-o", "\(folder)/out", "--recipe", "\(folder)/r.yaml")
        #expect(outcome.code == 65)
        #expect(outcome.errors.contains(expected), "\(outcome.errors)")
    }

    @Test func emptyAndTextFilesAreRefused() throws {
        let folder = try Program.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, text) in [("empty.tflite", ""), ("text.onnx", "not a model\n"), ("text.tflite", "....TFL3....")] {
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            for command in ["inspect", "run"] {
                let extra = command == "run" ? ["-o", "\(folder)/out"] : []
                let outcome = try Program.run([command, "\(folder)/\(name)"] + extra)
                #expect(outcome.code == 65, "\(command) \(name): \(outcome.errors)")
                #expect(outcome.errorLines.count == 1 && outcome.errors.contains(name), "\(outcome.errors)")
            }
        }
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
    }
}
