import ArgumentParser
import DepthCompiler
import Foundation

struct Golden: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Records a model's outputs as a golden set.",
        discussion: """
            Runs the model on every sample of a folder and keeps inputs and outputs, so that later versions of the \
            model, or its conversions, can be held against them with depthc validate.

              depthc golden model.onnx --data samples -o golden/model
              depthc golden stereo.onnx --data pairs --recipe converters/hitnet.yaml -o golden/stereo
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var engine: EngineOptions

    @Option(help: ArgumentHelp("Folder of samples: NAME.npy, folders with INPUT.npy, or pictures.", valueName: "DIR"))
    var data: String

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder to write.", valueName: "GOLDEN"))
    var output: String

    @Option(help: "How near validate asks outputs to be: exact, close or approximate.")
    var tolerance: Tolerance?

    @Option(help: "The most samples that are recorded.")
    var samples: Int?

    func run() throws {
        let options = engine.options
        let known = try recipe.load()
        let folder = try SampleFolder(data, recipe: known, limit: samples)
        let model = try input.load()
        let session = try Session(model, options: options)
        let isFloat = session.graph.outputs.contains { session.graph.type(of: $0.value).elementType.isFloat }
        let chosen = tolerance ?? (isFloat ? .approximate : .exact)
        if tolerance == nil {
            note("assumed: tolerance \(chosen.rawValue), for \(isFloat ? "float" : "integer") outputs")
        }
        var set = GoldenSet(
            newAt: output,
            info: .init(
                model: input.model, producer: "depthc", producerVersion: Converter.version, tolerance: chosen,
                inputs: session.graph.inputs.map(\.sourceName), outputs: session.graph.outputs.map(\.sourceName)))
        set.info.recipe = known?.name
        set.info.command = CommandLine.arguments.joined(separator: " ")
        let progress = Progress("record")
        for index in 0..<folder.count {
            progress.update(index, folder.count)
            let tensors = try folder.tensors(index, for: session.graph)
            let outputs = try session.run(tensors)
            try set.write(sample: String(format: "%03d", index), inputs: tensors, outputs: outputs)
        }
        try set.writeCase()
        progress.update(folder.count, folder.count)
        print("\(output): \(folder.count) samples of \(set.info.outputs.map(\.name).joined(separator: ", "))")
    }
}
