import ArgumentParser
import DepthCompiler
import Foundation

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares two models on the same data, output by output and layer by layer.",
        discussion: """
            The second model is measured against the first, for example a conversion against its source:

              depthc compare model.onnx model_int8.tflite --data pairs --recipe converters/hitnet.yaml --layers
            """)

    @Argument(help: "The model that is right.")
    var reference: String

    @Argument(help: "The model that is measured.")
    var candidate: String

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var json: JSONOptions

    @Option(help: ArgumentHelp("Folder of samples: NAME.npy, folders with INPUT.npy, or pictures.", valueName: "DIR"))
    var data: String

    @Option(help: "The most samples that are compared.")
    var samples: Int?

    @Flag(help: "Compares every value that has the same name in both.")
    var layers = false

    func run() throws {
        let options = try engine.options()
        let folder = try SampleFolder(data, recipe: recipe.load(), limit: samples)
        let first = try Session(Model.load(reference), options: options)
        let second = try Session(Model.load(candidate), options: options)
        let progress = Progress("compare")
        let report = try Comparer.compare(reference: first, candidate: second, data: folder, layers: layers) {
            progress.update($0, $1)
        }
        try json.write(report)
        if json.replacesText { return }
        print("\(candidate) against \(reference), \(report.samples) samples")
        for output in report.outputs { lines(of: output).forEach { print($0) } }
        guard layers else { return }
        var rows = [["layer", "type", "SQNR dB", "AC-SQNR dB", "max error"]]
        for layer in report.layers {
            rows.append([layer.name, layer.type, short(layer.sqnr), short(layer.acSQNR), short(layer.maximum)])
        }
        print(table(rows))
        print("\(report.layers.count) layers have the same name in both models")
    }
}
