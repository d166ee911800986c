import ArgumentParser
import DepthCompiler

struct Calibrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gathers the statistics that INT8 conversion needs into a file.",
        discussion: """
            One pass over the samples; the file serves every --range, int8 and int16x8. Samples can be divided among \
            processes or machines, whose files merge to the same bytes whatever the division:

              depthc calibrate model.onnx --data samples -o model.stats
              depthc calibrate model.onnx --data samples --shard 1/2 -o first.stats
              depthc calibrate model.onnx --data samples --shard 2/2 -o second.stats
              depthc merge first.stats second.stats -o model.stats
              depthc convert model.onnx -o model_int8.tflite --precision int8 --statistics model.stats
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var engine: EngineOptions

    @Option(help: ArgumentHelp("Folder of calibration samples.", valueName: "DIR"))
    var data: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "STATS"))
    var output: String

    @Option(help: "The most samples that are read, over all shards.")
    var samples: Int?

    @Option(help: ArgumentHelp("Reads only every N-th sample, beginning with the I-th.", valueName: "I/N"))
    var shard: String?

    @Flag(help: "Keeps the source's order of axes; convert needs the same.")
    var keepLayout = false

    func validate() throws {
        if let samples, samples < 1 { throw ValidationError("--samples is at least 1") }
        _ = try part()
    }

    func run() throws {
        let options = engine.options
        let known = try recipe.load()
        let folder = try SampleFolder(data, recipe: known, limit: samples ?? known?.calibration.samples)
        let graph = try Converter.calibrated(input.load(), keepLayout: keepLayout)
        let part = try part()
        let indices = Array(stride(from: part.index - 1, to: folder.count, by: part.count))
        note("assumed: \(indices.count) of \(folder.count) samples of \(folder.path)")
        let progress = Progress("calibrate")
        let statistics = try Calibrator.statistics(
            of: graph, samples: folder, indices: indices, request: Quantizer.completeRequest(graph), options: options
        ) { progress.update($0, $1) }
        let bytes = try StatisticsFile(statistics, of: graph).bytes
        try AtomicFile.write(bytes, to: output)
        print("\(output): \(size(bytes.count)), \(statistics.sampleCount) samples, \(statistics.ranges.count) values")
    }

    private func part() throws -> (index: Int, count: Int) {
        guard let shard else { return (1, 1) }
        let numbers = shard.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let index = numbers[0], let count = numbers[1], index >= 1, index <= count else {
            throw ValidationError("--shard is I/N such as 1/8, I from 1 to N")
        }
        return (index, count)
    }
}
