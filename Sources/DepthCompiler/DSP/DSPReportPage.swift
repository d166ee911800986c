import Quantization

/// The page on a comparison of the DSP with the CPU, as one HTML file that needs nothing else.
public struct DSPReportPage {
    let comparison: ComparisonReport
    let difference: DSPDifference
    let inspection: DSPInspection
    let samples: DSPReportSamples

    public init(
        _ comparison: ComparisonReport, difference: DSPDifference, inspection: DSPInspection, samples: DSPReportSamples
    ) {
        self.comparison = comparison
        self.difference = difference
        self.inspection = inspection
        self.samples = samples
    }

    private var unit: String { samples.unit == "relative" ? "" : samples.unit }
    private var kind: String { samples.kind.replacing("-", with: " ") }

    /// The page's text.
    ///
    /// - Throws: what encoding a picture throws.
    public func html() throws -> String {
        HTML.page(
            title: "DSP report: \(Self.fileName(comparison.candidate))", lead: [headline, causes],
            body: try profile + placement + maps + errors + nodes + reasons + hints + definitions)
    }

    private static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
    private func withUnit(_ value: Double) -> String { HTML.number(value) + (unit.isEmpty ? "" : " \(unit)") }

    private var headline: String {
        let count = comparison.samples
        let all = samples.errors.last.map { error in
            "\(kind) RMSE \(withUnit(error.rmse)), mean \(withUnit(error.mae)), largest \(withUnit(error.maximum)), "
                + "AC-SQNR \(HTML.number(error.acSQNR)) dB. "
        }
        return
            "\(Self.fileName(comparison.candidate)) on the DSP against \(Self.fileName(comparison.reference)) on the CPU, "
            + "over \(count) sample\(count == 1 ? "" : "s"): \(all ?? "")"
            + "\(inspection.delegatedOperators) of \(inspection.operators.count) operators and "
            + "\(HTML.number(inspection.delegatedShare * 100)) % of the multiply-accumulates run on the DSP, in "
            + "\(inspection.partitions.count) partition\(inspection.partitions.count == 1 ? "" : "s")."
    }

    private var causes: String {
        let worst = difference.nodes.filter { ($0.own?.maximum ?? 0) > 0 }.sorted { a, b in
            (b.own?.mean ?? 0, a.name) < (a.own?.mean ?? 0, b.name)
        }
        guard !worst.isEmpty else { return "No operator on the DSP computes other codes than the CPU's kernel." }
        let names = worst.prefix(3).map { "\($0.name) (\(HTML.number($0.own?.mean)))" }
        return
            "\(worst.count) operators compute other codes than the CPU's kernels on the same operands; largest mean "
            + "difference in codes: \(names.joined(separator: ", "))."
    }

    private var profile: String {
        HTML.heading("Profile \(inspection.profile)")
            + HTML.table(
                id: "profile", heads: [("known as", ""), ("what it stands on", "")],
                rows: inspection.statements.map { [.text($0.evidence), .text($0.text)] })
            + HTML.note(
                "fact: stands in a public source; inferred: follows from public sources; assumed: taken to be so.")
            + (difference.assumption.map { HTML.note("All numbers of the DSP here assume \($0).") } ?? "") + spread
    }

    private var spread: String {
        guard let spread = comparison.spread else { return "" }
        return HTML.table(
            id: "spread",
            heads: [("output", ""), ("largest", ""), ("mean", ""), ("differ, %", "elements on which not all agree")],
            rows: spread.outputs.map {
                [.text($0.name), .number($0.maximum), .number($0.mean), .number($0.share * 100)]
            })
            + HTML.note(
                "Greatest minus least result between the assumed roundings \(spread.variants.joined(separator: ", ")).")
    }

    private var placement: String {
        let rows = inspection.partitions.enumerated().map { number, partition -> [HTML.Cell] in
            [
                .markup("<span style=\"color:\(DSPReportCharts.color(number + 1))\">■</span> \(number + 1)"),
                .number(Double(partition.operators.count), as: "\(partition.operators.count)"),
                .number(
                    Double(partition.multiplyAccumulates),
                    as: HTML.number(Double(partition.multiplyAccumulates) / 1e6)),
                .number(Double(partition.inputBytes), as: "\(partition.inputBytes)"),
                .number(Double(partition.outputBytes), as: "\(partition.outputBytes)"),
                .text(partition.inputs.joined(separator: ", ")), .text(partition.outputs.joined(separator: ", ")),
            ]
        }
        let left =
            inspection.notChosen.isEmpty
            ? ""
            : " Not chosen, too small or too many: groups of "
                + inspection.notChosen.map { "\($0.count)" }.joined(separator: ", ") + " operators."
        let refused = inspection.refusedFor.map {
            HTML.note("Nothing is delegated: the extents of \($0) are known at run time only.")
        }
        return HTML.heading("Where the operators run") + (refused ?? "")
            + "<figure class=\"scroll\">\(DSPReportCharts.strip(inspection))</figure>\n"
            + HTML.note(
                "Operators in the order of the file; grey ones run on the CPU, with the reason on hover.\(left)")
            + HTML.table(
                id: "partitions",
                heads: [
                    ("partition", ""), ("operators", ""), ("MACs, M", "multiply-accumulates, millions"),
                    ("bytes in", "that cross to the DSP at every run"), ("bytes out", ""), ("inputs", ""),
                    ("outputs", ""),
                ], rows: rows)
    }

    private var maps: String {
        get throws {
            try ReportPictures(samples.maps).html(
                titles: ["CPU", "DSP", "DSP - CPU"], kind: kind, unit: samples.unit)
        }
    }

    private var errors: String {
        let rows = comparison.outputs.map { output -> [HTML.Cell] in
            let figures = output.statistics
            let share = figures.count > 0 ? 100 * Double(figures.differing) / Double(figures.count) : 0
            return [
                .text(output.name), .text(output.type), .text(output.comparesCodes ? "codes" : output.unit ?? ""),
                .number(figures.maximum), .number(figures.mean), .number(figures.rootMeanSquare),
                .number(figures.percentile99), .number(figures.acSQNR), .number(share), .number(output.depth?.absRel),
            ]
        }
        return HTML.heading("Error of \(kind), end to end") + HTML.table(of: samples.errors)
            + HTML.note(
                "DSP against CPU" + (unit.isEmpty ? "" : ", in \(unit)") + ". The last row pools the pixels of all.")
            + HTML.table(
                id: "outputs",
                heads: [
                    ("output", ""), ("type", ""), ("in", "unit of the errors"), ("largest", ""), ("mean", ""),
                    ("RMSE", ""), ("99 %", "99th percentile"), ("AC-SQNR dB", ""), ("differ, %", ""), ("AbsRel", ""),
                ], rows: rows)
    }

    private static func cells(_ codes: CodeDifference?) -> [HTML.Cell] {
        guard let codes else { return [.text("-"), .text(""), .text(""), .text("")] }
        return [
            .number(Double(codes.maximum), as: "\(codes.maximum)"), .number(codes.mean), .number(codes.share * 100),
            .markup(DSPReportCharts.bars(codes)),
        ]
    }

    private var nodes: String {
        let rows = difference.nodes.enumerated().map { index, node -> [HTML.Cell] in
            let places = (node.own?.first ?? []).map { $0.map(String.init).joined(separator: ",") }
            return [
                .number(Double(index + 1), as: "\(index + 1)"), .text(node.name), .text(node.operatorName),
            ] + Self.cells(node.own) + Self.cells(node.accumulated)
                + [.text(places.joined(separator: "; ")), .text(node.type)]
        }
        return HTML.heading("Operators on the DSP")
            + HTML.note(
                "In execution order, over all samples. Own: the CPU's kernel on the operands that the DSP had; none where "
                    + "the DSP merges the operator with others. Accumulated: the whole run on the CPU against the whole "
                    + "run on the DSP. All in codes.")
            + HTML.table(
                id: "nodes",
                heads: [
                    ("#", ""), ("result", "the value it computes"), ("operator", ""),
                    ("own largest", "largest difference of a code"), ("mean", "mean magnitude"), ("differ, %", ""),
                    ("DSP - CPU", "how many codes differ by how much: -8 or less to 8 or more, logarithmic"),
                    ("accumulated largest", ""), ("mean", ""), ("differ, %", ""), ("DSP - CPU", ""),
                    ("first own places", "index along every axis"), ("type", ""),
                ], rows: rows)
    }

    private var reasons: String {
        var groups: [(code: String, builtin: String, count: Int, refusal: DSPInspection.Refusal?)] = []
        for entry in inspection.operators where entry.partition == nil {
            let code = entry.refusals.first?.code ?? "not chosen"
            if let index = groups.firstIndex(where: { $0.code == code && $0.builtin == entry.builtin }) {
                groups[index].count += 1
            } else {
                groups.append((code, entry.builtin, 1, entry.refusals.first))
            }
        }
        guard !groups.isEmpty else { return HTML.heading("On the CPU") + HTML.note("Nothing.") }
        let rows = groups.sorted { ($1.count, $0.code, $0.builtin) < ($0.count, $1.code, $1.builtin) }.map { group in
            [
                HTML.Cell.text(group.code), .text(group.builtin), .number(Double(group.count), as: "\(group.count)"),
                .text(
                    group.refusal?.rule
                        ?? "the delegate takes the largest partitions up to its limit, each of at least 2 operators"),
                .text(group.refusal?.detail ?? ""), .text(group.refusal?.source ?? ""),
            ]
        }
        return HTML.heading("On the CPU")
            + HTML.table(
                id: "reasons",
                heads: [
                    ("reason", "the rule that decides"), ("operator", ""), ("number", ""), ("rule", ""),
                    ("example", "what breaks it"), ("source", "where the rule stands"),
                ], rows: rows)
    }

    private var hints: String {
        guard !inspection.hints.isEmpty else { return "" }
        return HTML.heading("What would bring more onto the DSP") + HTML.list(inspection.hints.map(\.text))
    }

    private var definitions: String {
        """
        <h2>What the figures mean</h2>
        <dl>
        <dt>AC-SQNR</dt><dd>10 log10(variance of the CPU's values / mean squared difference).</dd>
        <dt>Code</dt><dd>The integer that stands for a real value: real = scale (code - zeroPoint). A difference of one \
        code is one scale.</dd>
        <dt>Accumulated</dt><dd>Differences of earlier operators reach later ones through their operands; a maximum or \
        a clamp can also end them.</dd>
        </dl>

        """
    }
}
