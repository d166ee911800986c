import Foundation
import Testing

/// calibrate, merge, and convert --statistics on a bundled network.
@Suite struct StatisticsTests {
    static let model = "golden/networks/unet-direct.onnx"
    static let data = ["--data", "golden/scenes/calibration", "--recipe", "stereo_direct", "--samples", "9"]

    static func succeed(_ arguments: [String]) throws {
        let outcome = try Program.run(arguments)
        #expect(outcome.code == 0, "\(outcome.errors)")
    }

    static func bytes(_ path: String) throws -> Data { try #require(FileManager.default.contents(atPath: path)) }

    /// 9 samples in 1, 2 and 8 shards, merged in random order and in two steps.
    @Test func shardsMergeToTheSameBytes() throws {
        try WorkflowTests.withFolder { folder in
            let whole = "\(folder)/whole.stats"
            try Self.succeed(["calibrate", Self.model, "-o", whole, "--threads", "2"] + Self.data)
            var conversions: [Data] = []
            for shards in [1, 2, 8] {
                var files = try (1...shards).map { shard in
                    let file = "\(folder)/\(shard)of\(shards).stats"
                    let part = ["--shard", "\(shard)/\(shards)", "--threads", "1"]
                    try Self.succeed(["calibrate", Self.model, "-o", file] + part + Self.data)
                    return file
                }
                files.shuffle()
                let (first, merged) = ("\(folder)/first.stats", "\(folder)/\(shards).stats")
                let cut = files.count / 2
                if cut > 0 {
                    try Self.succeed(["merge", "-o", first] + files[..<cut])
                    files = [first] + files[cut...]
                }
                try Self.succeed(["merge", "-o", merged] + files.reversed())
                #expect(try Self.bytes(merged) == Self.bytes(whole))
                let out = "\(folder)/\(shards).tflite"
                try Self.succeed(
                    ["convert", Self.model, "-o", out, "--precision", "int8", "--statistics", merged]
                        + ["--recipe", "stereo_direct"])
                conversions.append(try Self.bytes(out))
            }
            let direct = "\(folder)/direct.tflite"
            try Self.succeed(
                [
                    "convert", Self.model, "-o", direct, "--precision", "int8", "--no-equalization",
                    "--no-bias-correction", "--calibration",
                ]
                    + Self.data.dropFirst())
            #expect(try Set(conversions + [Self.bytes(direct)]).count == 1)
            let one = "\(folder)/one.stats"
            try Self.succeed(
                ["calibrate", Self.model, "-o", one] + Self.data.dropLast() + ["8"])
            #expect(try Self.bytes(one) != Self.bytes(whole), "the samples do not reach the file")
        }
    }

    @Test func whatDoesNotBelongTogetherIsRefused() throws {
        try WorkflowTests.withFolder { folder in
            let (mine, other) = ("\(folder)/mine.stats", "\(folder)/other.stats")
            let two = Self.data.dropLast() + ["2"]
            try Self.succeed(["calibrate", Self.model, "-o", mine] + two)
            try Self.succeed(["calibrate", "golden/networks/vit-direct.onnx", "-o", other] + two)
            let never = "\(folder)/never"
            let common = ["convert", Self.model, "-o", never, "--precision", "int8", "--statistics"]
            for (arguments, message) in [
                (common + [other], "were gathered of another model"),
                (common + [mine, "--keep-layout"], "with the same --shape, --fix and --keep-layout"),
                (["merge", mine, other, "-o", never], "other.stats: was gathered of another model"),
                (["merge", "Package.swift", "-o", never], "Package.swift: is no statistics file"),
                (["calibrate", Self.model, "-o", never, "--shard", "3/2"] + two, "--shard is I/N"),
            ] {
                let outcome = try Program.run(arguments)
                #expect(outcome.code == 65 || outcome.code == 64)
                #expect(outcome.errorLines.count == 1 && outcome.errors.contains(message), "\(outcome.errors)")
                #expect(!FileManager.default.fileExists(atPath: never))
            }
            let said = try Program.run(common + [mine])
            #expect(said.code == 0 && said.errors.contains("no methods that look at samples"))
        }
    }
}
