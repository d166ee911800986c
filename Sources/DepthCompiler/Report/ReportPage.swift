import Foundation
import ImageIO
import Quantization

/// The report as one HTML file that needs nothing else.
public struct ReportPage {
    let report: AccuracyReport
    let pictures: ReportPictures

    public init(_ report: AccuracyReport, maps: [OutputMaps]) {
        self.report = report
        pictures = ReportPictures(maps)
    }

    private var unit: String { report.hasUnit ? report.unit : "" }
    private var kind: String { report.kind.replacing("-", with: " ") }

    /// The page's text.
    ///
    /// - Throws: what encoding a picture throws.
    public func html() throws -> String {
        let name = report.quantized.path.split(separator: "/").last.map(String.init) ?? report.quantized.path
        var page = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Quantisation report: \(HTML.escaped(name))</title>
            <style>
            \(HTML.style)</style></head><body>
            <h1>Quantisation report: \(HTML.escaped(name))</h1>
            <p>\(HTML.escaped(headline))</p>
            <p>\(HTML.escaped(causes))</p>

            """
        page += """
            <svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>\
            \(ReportCharts.gradient(id: "depth-scale", .sequential))\
            \(ReportCharts.gradient(id: "error-scale", .diverging))</defs></svg>

            """
        page += models + errors
        page += try maps
        page += operators + histograms + methods + remarks + definitions
        return page + "<script>\n\(HTML.script)</script>\n</body></html>\n"
    }

    private func heading(_ text: String) -> String { "<h2>\(HTML.escaped(text))</h2>\n" }
    private func note(_ text: String) -> String { "<p class=\"note\">\(HTML.escaped(text))</p>\n" }
    private func withUnit(_ value: Double) -> String { HTML.number(value) + (unit.isEmpty ? "" : " \(unit)") }

    private var headline: String {
        guard let all = report.errors.last else { return "" }
        let count = report.errors.count - 1
        return
            "Against the float model, over \(count) sample\(count == 1 ? "" : "s"): RMSE \(withUnit(all.rmse)), mean "
            + "\(withUnit(all.mae)), 99 % of the values within \(withUnit(all.percentile99)), AC-SQNR "
            + "\(HTML.number(all.acSQNR)) dB."
    }

    private var causes: String {
        let worst = report.operators.prefix(3).filter { ($0.outputShare ?? 0) > 0 }
        guard !worst.isEmpty else { return "No operator adds noise that reaches the output." }
        let names = worst.map { "\($0.name) (\(withUnit($0.outputError ?? 0)))" }
        return "The operators whose noise alone moves the output most: \(names.joined(separator: ", "))."
    }

    private var models: String {
        func row(_ name: String, _ side: AccuracyReport.Side) -> [HTML.Cell] {
            [
                .text(name), .text(side.path), .number(Double(side.byteCount), as: "\(side.byteCount)"),
                .number(Double(side.operators), as: "\(side.operators)"),
                .number(Double(side.integerOperators), as: "\(side.integerOperators)"), .number(side.milliseconds),
            ]
        }
        return heading("Size and speed")
            + HTML.table(
                id: "models",
                heads: [
                    ("", ""), ("file", ""), ("bytes", ""), ("operators", "of the graph as depthc runs it"),
                    ("on codes", "operators with quantised results"), ("ms", "median"),
                ], rows: [row("float", report.reference), row("quantised", report.quantized)])
            + note(
                "Latency: median of \(report.quantized.runs) runs in depthc with \(report.threads) "
                    + "thread\(report.threads == 1 ? "" : "s") (float: \(report.reference.runs) runs).")
    }

    private var errors: String {
        heading("Error of \(kind == "output" ? report.output : kind)")
            + HTML.table(
                id: "errors",
                heads: [
                    ("sample", ""), ("RMSE", ""), ("mean", "mean absolute error"), ("99 %", "99th percentile"),
                    ("largest", ""), ("AC-SQNR dB", ""), ("AbsRel", ""),
                ],
                rows: report.errors.map { error in
                    [
                        .text(error.sample), .number(error.rmse), .number(error.mae), .number(error.percentile99),
                        .number(error.maximum), .number(error.acSQNR), .number(error.absRel),
                    ]
                })
            + note(
                "Quantised against float" + (unit.isEmpty ? "" : ", in \(unit)")
                    + ", for the last samples of \(report.data). The last row pools the pixels of all.")
    }

    private var maps: String {
        get throws {
            guard !pictures.maps.isEmpty else { return "" }
            var result = heading("Maps")
            for map in pictures.maps {
                result += "<h3>\(HTML.escaped(map.sample))</h3>\n<div class=\"row maps\">\n"
                let titles = ["float", "quantised", "quantised - float"]
                for (index, png) in try pictures.pngs(of: map).enumerated() {
                    let bar =
                        index < 2
                        ? ReportCharts.colorBar(
                            gradient: "depth-scale", low: Double(pictures.depth.lowerBound),
                            high: Double(pictures.depth.upperBound), unit: unit.isEmpty ? report.unit : unit)
                        : ReportCharts.colorBar(
                            gradient: "error-scale", low: -Double(pictures.error), high: Double(pictures.error),
                            unit: unit.isEmpty ? report.unit : unit, saturates: true)
                    result += """
                        <figure><img alt="\(HTML.escaped("\(kind), \(titles[index]), of sample \(map.sample)"))" \
                        src="data:image/png;base64,\(Data(png).base64EncodedString())">
                        <figcaption>\(titles[index])</figcaption>
                        \(bar)</figure>

                        """
                }
                result += "</div>\n"
            }
            return result
                + note(
                    "All samples share one scale; 0.5 % of the errors lie beyond the ends of the error's. "
                        + "Maps wider than \(ReportPictures.widest) pixels show every second, third, ... pixel.")
        }
    }

    private var operators: String {
        let rows = report.operators.enumerated().map { index, entry -> [HTML.Cell] in
            let place =
                entry.isInteger ? entry.elementType : entry.floatReason.map { "float: \($0)" } ?? entry.elementType
            return [
                .number(Double(index + 1), as: "\(index + 1)"), .text(entry.name), .text(entry.operatorName),
                .number(entry.outputError),
                .number(entry.outputShare, as: entry.outputShare.map { HTML.number($0 * 100) } ?? ""),
                .number(entry.ownSQNR), .number(entry.accumulatedSQNR),
                .number(entry.clipped, as: entry.clipped.map { HTML.number($0 * 100) } ?? ""), .text(place),
                .number(entry.scale.map(Double.init)),
                .number(entry.zeroPoint.map(Double.init), as: entry.zeroPoint.map(String.init) ?? ""),
                .number(entry.weightScaleSpread),
                .number(Double(entry.multiplyAccumulates), as: HTML.number(Double(entry.multiplyAccumulates) / 1e6)),
                .text(entry.shape.map(String.init).joined(separator: "x")),
            ]
        }
        let noisy = report.operators.count { $0.ownSQNR != nil }
        let samples = "\(report.measuredSamples) sample\(report.measuredSamples == 1 ? "" : "s")"
        let measured =
            report.measuredOperators < noisy
            ? "It was measured on \(samples) for the \(report.measuredOperators) operators with the worst own SQNR."
            : "It was measured on \(samples) for every operator that adds noise."
        return heading("Operators")
            + note(
                "Worst first: by the output error that the operator's own noise alone causes in the float model. "
                    + measured
                    + (report.usesFloatWeights
                        ? ""
                        : " The float weights do not fit this file's operators, so the noise of rounding weights is not "
                            + "in these figures."))
            + HTML.table(
                id: "operators",
                heads: [
                    ("#", "rank"), ("result", "the value it computes"), ("operator", ""),
                    ("output RMSE\(unit.isEmpty ? "" : ", \(unit)")", "that this operator's own noise alone causes"),
                    ("of total, %", "its square relative to the squared error of the output"),
                    ("own SQNR, dB", "against the float operator on the same operands: this operator's noise"),
                    ("SQNR, dB", "against the float model: all noise up to here"),
                    ("clipped, %", "elements outside the range"), ("computes in", "element type, or why float"),
                    ("scale", ""), ("zeroPoint", ""),
                    ("weight scales", "largest over smallest scale of the weights' channels"),
                    ("MACs, M", "multiply-accumulates, millions"), ("shape", ""),
                ], rows: rows, sortable: true)
    }

    private var histograms: String {
        guard !report.histograms.isEmpty else { return "" }
        let figures = report.histograms.map {
            "<figure>\(ReportCharts.histogram($0))<figcaption>\(HTML.escaped($0.name))</figcaption></figure>\n"
        }
        return heading("Activations and their ranges")
            + note(
                "Float values at the inputs, the outputs and the worst operators; bars have logarithmic heights, the "
                    + "chosen range is shaded.") + "<div class=\"row\">\n\(figures.joined())</div>\n"
    }

    private var methods: String {
        guard !report.methods.isEmpty else { return "" }
        return heading("Methods")
            + HTML.table(
                id: "methods",
                heads: [
                    ("method", ""), ("before, dB", "AC-SQNR without the method"), ("after, dB", "AC-SQNR with it"),
                    ("", ""), ("what was done", ""),
                ],
                rows: report.methods.map {
                    [
                        .text($0.name), .number($0.before), .number($0.after), .text($0.kept ? "kept" : "rejected"),
                        .text(([$0.detail] + $0.steps).joined(separator: "; ")),
                    ]
                }) + note("AC-SQNR of the outputs for samples that the method did not see.")
    }

    private var remarks: String {
        guard !report.remarks.isEmpty else { return "" }
        return heading("Decisions and assumptions") + "<ul>\n"
            + report.remarks.map { "<li>\(HTML.escaped($0))</li>\n" }.joined() + "</ul>\n"
    }

    private var definitions: String {
        """
        <h2>What the figures mean</h2>
        <dl>
        <dt>SQNR</dt><dd>10 log10(sum of squares of the float values / sum of squared errors). AC-SQNR takes the float \
        values' variance instead of their squares.</dd>
        <dt>Own SQNR</dt><dd>The result of the integer operator on its actual operands against the float operator with \
        float weights on the same operands, dequantised. It holds what the operator adds: rounding of weights, of the \
        result, clipping. A bias that was corrected on purpose counts as well.</dd>
        <dt>Output RMSE</dt><dd>That noise added to the operator's result in the float model, nothing else changed, and \
        what the output does. The squares need not add up to the total: errors can cancel, and networks are not \
        linear.</dd>
        <dt>Clipped</dt><dd>Elements whose float value lies more than half a step outside what the codes can express.</dd>
        </dl>

        """
    }
}
