import ArgumentParser
import DepthCompiler
import Foundation

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures a model's depth against the truth, and against a reference model.",
        discussion: """
            Samples are folders as `convert --calibration` takes them, with the truth beside: disparity.png (16 bit, in \
            steps of 1/256 px, 0 where unknown), disparity.npy or disparity.pfm, or depth.* for depth. A folder of its \
            own (--ground-truth) holds NAME.* or NAME/disparity.* for the sample NAME.

              depthc evaluate model.tflite --data pairs --recipe converters/stereo_direct.yaml
              depthc evaluate model_int8.tflite --reference model_float.tflite --data pairs --range 0..48
              depthc evaluate mono.onnx --data pictures --ground-truth depth --recipe mono.yaml --alignment scale-shift

            AbsRel, RMSE, EPE (mean error), D1 (share of pixels wrong by more than 3 and by more than 5 %), S_C \
            (likeness of the local shape, which sees terraces; 1 is best) and delta1 are over all pixels with known \
            truth. With --reference also: SD (1.4826 times the median absolute deviation), RMSE and jumps (differences \
            above 0.1) of the model against the reference, as shares of the range.
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var delegate: DelegateOptions
    @OptionGroup var json: JSONOptions

    @Option(help: ArgumentHelp("Folder of samples: pictures or arrays, with the truth beside them.", valueName: "DIR"))
    var data: String

    @Option(help: ArgumentHelp("Folder of the truth, by sample name.", valueName: "DIR"))
    var groundTruth: String?

    @Option(help: ArgumentHelp("A model that is right, such as the float source.", valueName: "MODEL"))
    var reference: String?

    @Option(help: ArgumentHelp("Smallest and largest depth (default: the truth's).", valueName: "A..B"))
    var range: String?

    @Option(help: "Brings every map to the truth's unit first: none, median-scale, scale or scale-shift.")
    var alignment: Alignment = .none

    @Option(help: "The most samples that are measured.")
    var samples: Int?

    enum Alignment: String, ExpressibleByArgument, CaseIterable {
        case none
        case medianScale = "median-scale"
        case scale
        case scaleShift = "scale-shift"

        var value: DepthAlignment {
            switch self {
            case .none: .none
            case .medianScale: .medianScale
            case .scale: .scale
            case .scaleShift: .scaleShift
            }
        }
    }

    func validate() throws {
        if let samples, samples < 1 { throw ValidationError("--samples is at least 1") }
        _ = try bounds()
    }

    func run() throws {
        let options = engine.options
        let given = try recipe.load()
        let model = try input.load()
        let known = given ?? named(model)
        let folder = try SampleFolder(data, recipe: known, limit: samples)
        let candidate = try Session(model, options: options, delegate: delegate.dsp)
        let expected = try reference.map { try Session(Model.load($0), options: options) }
        var asked = Evaluator.Options()
        asked.groundTruth = groundTruth
        asked.alignment = alignment.value
        asked.range = try bounds()
        let progress = Progress("evaluate")
        let report = try Evaluator.evaluate(candidate, reference: expected, data: folder, options: asked) {
            progress.update($0, $1)
        }
        report.assumptions.forEach { note("assumed: \($0)") }
        for accuracy in [report.candidate, report.reference].compactMap({ $0 }) where accuracy.notFinite > 0 {
            note("warning: \(accuracy.model) gives no finite depth for \(accuracy.notFinite) pixels; they are left out")
        }
        try json.write(report)
        if !json.replacesText { show(report) }
    }

    private func show(_ report: EvaluationReport) {
        let unit = report.unit == "relative" ? "" : " \(report.unit)"
        print("\(report.depthKind)\(unit), \(report.samples) samples of \(report.data)")
        var rows = [["model", "pixels", "AbsRel", "RMSE", "EPE", "D1 %", "S_C", "delta1"]]
        for accuracy in [report.candidate, report.reference].compactMap({ $0 }) {
            let depth = accuracy.depth
            rows.append([
                accuracy.model, "\(depth.count)", Self.fixed(depth.absRel, 5), Self.fixed(depth.rmse, 4),
                Self.fixed(depth.meanError, 4), Self.fixed(100 * depth.d1, 3),
                accuracy.smoothness.map { Self.fixed($0, 4) } ?? "-", Self.fixed(depth.delta1, 5),
            ])
        }
        print(table(rows))
        guard let error = report.quantization, let reference else { return }
        let perMillion = short(error.jumps * 1e6)
        print("against \(reference), in shares of the range \(short(error.range)):")
        print(
            "SD \(short(error.standardDeviation)), RMSE \(short(error.rmse)), \(perMillion) jumps above "
                + "\(QuantizationError.jumpThreshold) per million pixels"
                + (error.edges.map { "; \(Self.fixed(100 * $0, 1)) % of the pixels are at depth edges" } ?? "")
                + (error.jumpsAtEdges.map { ", \(Self.fixed(100 * $0, 1)) % of the jumps" } ?? ""))
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    /// The recipe that an exported file names, when it can be found.
    private func named(_ model: Model) -> Recipe? {
        guard let name = model.metadata?.recipe, let found = try? Recipe.load(name) else { return nil }
        note("assumed: recipe \(name), which the file names")
        return found
    }

    private func bounds() throws -> ClosedRange<Double>? {
        try range.map { try interval($0, of: "--range") }
    }
}
