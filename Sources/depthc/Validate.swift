import ArgumentParser
import DepthCompiler
import Foundation

struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Holds a model against a golden set; exit code 1 when it is outside tolerance.",
        discussion: """
            Works on the recorded model and on files that depthc exported from it: names, layouts and quantisation are \
            taken from the exported file. Quantised conversions are judged by their SQNR:

              depthc validate model.onnx --golden golden/model
              depthc validate model_int8.tflite --golden golden/model --min-sqnr 20
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var delegate: DelegateOptions
    @OptionGroup var json: JSONOptions

    @Option(help: ArgumentHelp("Folder of the golden set.", valueName: "GOLDEN"))
    var golden: String

    @Option(help: "Another tolerance than the set's: exact, close or approximate.")
    var tolerance: Tolerance?

    @Option(
        name: .customLong("min-sqnr"),
        help: ArgumentHelp("The least SQNR of every output, instead of a tolerance.", valueName: "dB"))
    var leastSQNR: Double?

    func validate() throws {
        if tolerance != nil, leastSQNR != nil { throw ValidationError("give --tolerance or --min-sqnr, not both") }
    }

    func run() throws {
        let options = engine.options
        let set = try GoldenSet(path: golden)
        let known = try recipe.load() ?? recorded(set)
        let model = try input.load()
        let session = try Session(model, options: options, delegate: delegate.dsp)
        let criterion = leastSQNR.map(Criterion.leastSQNR) ?? .tolerance(tolerance ?? set.info.tolerance.name)
        let progress = Progress("validate")
        let report = try Validator.validate(session, against: set, criterion: criterion, recipe: known) {
            progress.update($0, $1)
        }
        report.assumptions.forEach { note("assumed: \($0)") }
        try json.write(report)
        if !json.replacesText {
            print("\(report.model) against \(report.reference) (\(report.producer)), \(report.samples) samples")
            for output in report.outputs {
                lines(of: output).forEach { print($0) }
                print(output.failure.map { "  FAILED: \($0)" } ?? "  within \(report.tolerance)")
            }
        }
        if !report.passed { throw ExitCode(1) }
    }

    /// The recipe that the set names, when it can be found.
    private func recorded(_ set: GoldenSet) -> Recipe? {
        guard let name = set.info.recipe, let found = try? Recipe.load(name) else { return nil }
        note("assumed: recipe \(name), which the golden set names")
        return found
    }
}
