import ArgumentParser
import DepthCompiler
import Foundation

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares two models on the same data, output by output and layer by layer.",
        discussion: """
            The second model is measured against the first, for example a conversion against its source:

              depthc compare model.onnx model_int8.tflite --data pairs --recipe converters/hitnet.yaml --layers

            --report FILE.html writes a page on the difference for the last samples, at most 4; with --delegate dsp a page \
            on the DSP: partitions, depth maps, and every operator's difference.

            With --delegate dsp the second model runs on the DSP emulator and the first on the CPU; --layers then shows for \
            every operator on the DSP how far its codes are from the CPU's: its own difference (the CPU's kernel on the \
            operands that the DSP had) and what has accumulated. One file against itself tells what the DSP changes:

              depthc compare model_int8.tflite model_int8.tflite --data pairs --recipe stereo_direct --delegate dsp --layers

            Where a profile's rounding is only assumed (qnn-htp), the numbers are those of rounding half up, and the spread \
            of the outputs between half up, half away from zero and half to even is printed beside them.
            """)

    @Argument(help: "The model that is right.")
    var reference: String

    @Argument(help: "The model that is measured.")
    var candidate: String

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var delegate: DelegateOptions
    @OptionGroup var json: JSONOptions
    @OptionGroup var report: ReportOptions

    @Option(help: ArgumentHelp("Folder of samples: NAME.npy, folders with INPUT.npy, or pictures.", valueName: "DIR"))
    var data: String

    @Option(help: "The most samples that are compared.")
    var samples: Int?

    @Flag(help: "Compares every value that has the same name in both.")
    var layers = false

    func run() throws {
        let options = engine.options
        let folder = try SampleFolder(data, recipe: recipe.load(), limit: samples)
        let models = (try Model.load(reference), try Model.load(candidate))
        let dsp = try delegate.dsp
        let first = try Session(models.0, options: options)
        let second = try Session(models.1, options: options, delegate: dsp)
        let progress = Progress("compare")
        var seen =
            dsp == nil || report.report == nil
            ? nil : DSPReportSamples(reference: first, candidate: second, recipe: folder.recipe)
        var result = try Comparer.compare(
            reference: first, candidate: second, data: folder, layers: layers && dsp == nil,
            seen: { try seen?.add($0, expected: $1, actual: $2) }, progress: { progress.update($0, $1) })
        if let dsp, layers || seen != nil {
            let bar = Progress("compare operators")
            result.dsp = try DSPDifference(models.1, delegate: dsp, data: folder, options: options) {
                bar.update($0, $1)
            }
        }
        if dsp == nil {
            result.report = try report.write(
                try ReportBuilder(
                    reference: models.0, quantized: models.1, recipe: folder.recipe, options: options), data: folder)
        }
        if let dsp {
            let bar = Progress("compare roundings")
            result.spread = try RoundingSpread(models.1, delegate: dsp, data: folder, options: options) {
                bar.update($0, $1)
            }
            if let seen { try write(&result, try DSPInspection(models.1, delegate: dsp), seen) }
        }
        try json.write(result)
        if json.replacesText { return }
        print("\(candidate) against \(reference), \(result.samples) samples")
        if let assumption = second.assumption { print("assumed \(assumption)") }
        for output in result.outputs { lines(of: output).forEach { print($0) } }
        if let spread = result.spread { show(spread) }
        if let figures = result.report, let path = report.report {
            lines(of: figures, path: path).forEach { print($0) }
        }
        if let path = report.report, result.placement != nil { print("report \(path)") }
        if layers, let difference = result.dsp { show(difference) }
        guard layers, result.dsp == nil else { return }
        var rows = [["layer", "type", "SQNR dB", "AC-SQNR dB", "max error"]]
        for layer in result.layers {
            rows.append([layer.name, layer.type, short(layer.sqnr), short(layer.acSQNR), short(layer.maximum)])
        }
        print(table(rows))
        print("\(result.layers.count) layers have the same name in both models")
    }

    private func show(_ spread: RoundingSpread) {
        print("spread of the outputs between the assumed roundings \(spread.variants.joined(separator: ", ")):")
        for output in spread.outputs {
            print(
                "  \(output.name): max \(short(output.maximum)), mean \(short(output.mean)), \(short(100 * output.share)) % "
                    + "of the elements differ")
        }
    }

    /// Writes the page on the DSP and puts its figures into `result`.
    private func write(
        _ result: inout ComparisonReport, _ inspection: DSPInspection, _ samples: DSPReportSamples
    ) throws {
        guard let path = report.report, let difference = result.dsp else { return }
        result.placement = inspection
        result.depthErrors = samples.errors
        let page = DSPReportPage(result, difference: difference, inspection: inspection, samples: samples)
        try AtomicFile.write(text: page.html(), to: path)
    }

    private func show(_ difference: DSPDifference) {
        func cells(_ codes: CodeDifference?) -> [String] {
            guard let codes else { return ["-", "-", "-"] }
            return ["\(codes.maximum)", short(codes.mean), "\(short(100 * codes.share)) %"]
        }
        var rows = [["operator", "name", "own max", "mean", "differ", "accumulated max", "mean", "differ", "first"]]
        for node in difference.nodes {
            let place = node.own?.first.first.map { $0.map(String.init).joined(separator: ",") } ?? ""
            rows.append(
                [node.operatorName, shortened(node.name)] + cells(node.own) + cells(node.accumulated) + [place])
        }
        let assumption = difference.assumption.map { ", assumed \($0)" } ?? ""
        print(
            "codes of the DSP (\(difference.profile)\(assumption)) against the CPU's, \(difference.nodes.count) operators"
        )
        print(table(rows))
    }
}
