import Foundation
import Testing

/// The DSP on the command line, for a small model that is converted once.
@Suite struct DelegateTests {
    /// The bundled U-Net as INT8, in a folder of its own.
    static let model = Result {
        let file = "\(try Program.temporaryFolder())/unet.tflite"
        let outcome = try Program.run(
            ["convert", WorkflowTests.model, "-o", file, "--precision", "int8", "--samples", "2"]
                + ["--no-equalization", "--no-bias-correction"] + WorkflowTests.calibration)
        #expect(outcome.code == 0, "\(outcome.errors)")
        return file
    }

    static let data = ["--data", "golden/scenes/test", "--recipe", "stereo_direct", "--samples", "1"]

    static func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func inspectionTellsWhoRunsWhat() throws {
        let file = try Self.model.get()
        let text = try Program.run("inspect", file, "--delegate", "dsp", "--nodes")
        #expect(text.code == 0, "\(text.errors)")
        for part in ["operators on the DSP in", "partition 1: ", "what this stands on:", "fact: ", "runs on"] {
            #expect(text.output.contains(part), "\(part)")
        }
        let json = try Self.object(try Program.run("inspect", file, "--delegate", "dsp", "--json").output)
        let operators = try #require(json["operators"] as? [[String: Any]])
        let partitions = try #require(json["partitions"] as? [[String: Any]])
        let delegated = partitions.reduce(0) { $0 + (($1["operators"] as? [Int])?.count ?? 0) }
        #expect(json["profile"] as? String == "hexagon-nnlib" && json["delegatedOperators"] as? Int == delegated)
        #expect(delegated > 0 && operators.count { $0["partition"] != nil } == delegated)
        for entry in operators where entry["partition"] == nil {
            for refusal in entry["refusals"] as? [[String: Any]] ?? [] {
                #expect((refusal["code"] as? String)?.hasPrefix("E_") == true && refusal["source"] is String)
            }
        }
    }

    @Test func loweredGraphsArePrinted() throws {
        let outcome = try Program.run("inspect", try Self.model.get(), "--delegate", "dsp", "--lowered")
        #expect(outcome.code == 0, "\(outcome.errors)")
        for part in ["partition 1 as the delegate builds it", "partition 1 as the library runs it", "_d32"] {
            #expect(outcome.output.contains(part), "\(part)")
        }
        let refused = try Program.run("inspect", try Self.model.get(), "--lowered")
        #expect(refused.code == 64 && refused.errors.contains("--delegate dsp"), "\(refused.errors)")
    }

    @Test func theDSPRunsTheModel() throws {
        try WorkflowTests.withFolder { folder in
            var results: [Data] = []
            for place in ["cpu", "dsp", "dsp:hexagon-nnlib"] {
                let outcome = try Program.run(
                    ["run", try Self.model.get(), "-o", "\(folder)/\(place)", "--delegate", place] + WorkflowTests.views
                )
                #expect(outcome.code == 0 && outcome.output.contains("disparity"), "\(outcome.errors)")
                results.append(
                    try #require(FileManager.default.contents(atPath: "\(folder)/\(place)/disparity.npy")))
            }
            #expect(results[0] != results[1], "nothing ran on the DSP")
            #expect(results[1] == results[2])
        }
    }

    @Test func comparisonGoesOperatorByOperator() throws {
        try WorkflowTests.withFolder { folder in
            let file = try Self.model.get()
            let (page, figures) = ("\(folder)/dsp.html", "\(folder)/dsp.json")
            let outcome = try Program.run(
                ["compare", file, file, "--layers", "--delegate", "dsp", "--report", page, "--json", figures]
                    + Self.data)
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("codes of the DSP (hexagon-nnlib) against the CPU's"))
            let json = try Self.object(String(contentsOfFile: figures, encoding: .utf8))
            let nodes = try #require((json["dsp"] as? [String: Any])?["nodes"] as? [[String: Any]])
            let placement = try #require(json["placement"] as? [String: Any])
            #expect(nodes.count == placement["delegatedOperators"] as? Int)
            for node in nodes {
                let bins = try #require((node["accumulated"] as? [String: Any])?["histogram"] as? [[String: Any]])
                let count = bins.reduce(0) { $0 + ($1["count"] as? Int ?? 0) }
                #expect(count == (node["accumulated"] as? [String: Any])?["count"] as? Int)
            }
            #expect((json["depthErrors"] as? [[String: Any]])?.map { $0["sample"] as? String } == ["000", "all"])
            let text = try String(contentsOfFile: page, encoding: .utf8)
            #expect(text.hasPrefix("<!DOCTYPE html>") && text.hasSuffix("</html>\n") && !text.contains("<script"))
            #expect(text.components(separatedBy: "data:image/png;base64,").count == 4)
            let table = try #require(text.components(separatedBy: "<table id=\"nodes\"").dropFirst().first)
            #expect(
                table.components(separatedBy: "</table>")[0].components(separatedBy: "<tr>").count == nodes.count + 2)
            for node in nodes { #expect(table.contains(try #require(node["name"] as? String))) }
        }
    }

    @Test func conversionsCanBeForTheDSP() throws {
        try WorkflowTests.withFolder { folder in
            let common =
                ["convert", WorkflowTests.model, "-o", "\(folder)/m.tflite", "--precision", "int8", "--samples", "2"]
                + ["--no-equalization", "--no-bias-correction", "--delegate", "dsp"] + WorkflowTests.calibration
            let outcome = try Program.run(common + ["--rewrites", "clamps", "resizes", "--json", "-"])
            #expect(outcome.code == 0, "\(outcome.errors)")
            let inspected = try Program.run("inspect", "\(folder)/m.tflite", "--delegate", "dsp", "--json")
            let json = try Self.object(inspected.output)
            let plain = try Self.object(
                try Program.run("inspect", try Self.model.get(), "--delegate", "dsp", "--json").output)
            let counts = try [json, plain].map { try #require($0["delegatedOperators"] as? Int) }
            #expect(counts[0] >= counts[1])
        }
    }

    @Test(arguments: [
        (
            ["convert", "golden/networks/unet-direct.onnx", "-o", "y", "--delegate", "dsp", "--rewrites", "warp"],
            "gelu"
        ),
        (["convert", "x", "-o", "y", "--rewrites", "gelu"], "--delegate dsp"),
        (["inspect", "x", "--delegate", "dsp:nothing"], "hexagon-nnlib, hexagon-delegate, qnn-htp"),
        (["run", "x", "-o", "y", "--delegate", "dsp:"], "hexagon-nnlib"),
        (["inspect", "x", "--delegate", "dsp", "--max-partitions", "0"], "1 to 16"),
        (["compare", "x", "x", "--data", "y", "--delegate", "dsp", "--max-partitions", "17"], "1 to 16"),
        (["inspect", "x", "--max-partitions", "3"], "--delegate dsp"),
        (["golden", "x", "--data", "y", "-o", "z", "--delegate", "dsp"], "--delegate"),
        (["calibrate", "x", "--data", "y", "-o", "z", "--delegate", "dsp"], "--delegate"),
    ])
    func whatTheDelegateDoesNotTakeIsAMistakeOfUse(_ arguments: [String], _ message: String) throws {
        let outcome = try Program.run(arguments)
        #expect(outcome.code == 64 && outcome.output.isEmpty, "\(outcome.errors)")
        #expect(outcome.errorLines.count == 1 && outcome.errors.contains(message), "\(outcome.errors)")
    }

    @Test func partitionsCanBeLimited() throws {
        let file = try Self.model.get()
        let all = try Self.object(try Program.run("inspect", file, "--delegate", "dsp", "--json").output)
        let one = try Self.object(
            try Program.run("inspect", file, "--delegate", "dsp", "--max-partitions", "1", "--json").output)
        let counts = try [all, one].map { try #require($0["partitions"] as? [Any]).count }
        #expect(counts[1] == 1 && counts[0] >= 1)
    }
}
