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
        return HTML.page(
            title: "Quantisation report: \(name)", lead: [headline, causes],
            body: try models + errors + maps + operators + histograms + methods + remarks + definitions,
            script: HTML.script)
    }

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
        return HTML.heading("Size and speed")
            + HTML.table(
                id: "models",
                heads: [
                    ("", ""), ("file", ""), ("bytes", ""), ("operators", "of the graph as depthc runs it"),
                    ("on codes", "operators with quantised results"), ("ms", "median"),
                ], rows: [row("float", report.reference), row("quantised", report.quantized)])
            + HTML.note(
                "Latency: median of \(report.quantized.runs) runs in depthc with \(report.threads) "
                    + "thread\(report.threads == 1 ? "" : "s") (float: \(report.reference.runs) runs).")
    }

    private var errors: String {
        HTML.heading("Error of \(kind == "output" ? report.output : kind)")
            + HTML.table(of: report.errors)
            + HTML.note(
                "Quantised against float" + (unit.isEmpty ? "" : ", in \(unit)")
                    + ", for the last samples of \(report.data). The last row pools the pixels of all.")
    }

    private var maps: String {
        get throws {
            try pictures.html(
                titles: ["float", "quantised", "quantised - float"], kind: kind, unit: unit.isEmpty ? report.unit : unit
            )
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
        return HTML.heading("Operators")
            + HTML.note(
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
        return HTML.heading("Activations and their ranges")
            + HTML.note(
                "Float values at the inputs, the outputs and the worst operators; bars have logarithmic heights, the "
                    + "chosen range is shaded.") + "<div class=\"row\">\n\(figures.joined())</div>\n"
    }

    private var methods: String {
        guard !report.methods.isEmpty else { return "" }
        return HTML.heading("Methods")
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
                }) + HTML.note("AC-SQNR of the outputs for samples that the method did not see.")
    }

    private var remarks: String {
        guard !report.remarks.isEmpty else { return "" }
        return HTML.heading("Decisions and assumptions") + HTML.list(report.remarks)
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
