import DSPEmulator

/// What a model costs on the DSP as one HTML file that needs nothing else.
package struct DSPCostPage {
    private let cost: DSPCost
    private var report: MachineReport { cost.report }

    package init(_ cost: DSPCost) {
        self.cost = cost
    }

    package var html: String {
        let title = HTML.escaped("DSP cost: \(cost.model)")
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>
            \(HTML.style)</style></head><body>
            <h1>\(title)</h1>
            <p>\(HTML.escaped(summary))</p>
            <p class="note">\(HTML.escaped(cost.caveat))</p>
            \(totals)\(operators)\(nodes)\(calibration)\(assumptions)<script>
            \(HTML.script)</script>
            </body></html>

            """
    }

    private var summary: String {
        "\(report.machine.title), profile \(cost.profile): \(cost.delegatedOperators) of \(cost.operators) operators in "
            + "\(report.partitions) partition\(report.partitions == 1 ? "" : "s"), \(report.nodes.count) nodes of the "
            + "library, \(HTML.number(Double(report.macs) / 1e6)) M multiply-accumulates."
    }

    private var totals: String {
        "<h2>Totals</h2>\n"
            + HTML.table(
                id: "totals", heads: [("event", ""), ("value", ""), ("known", "fact, inferred or assumed")],
                rows: report.rows.map { [.text($0.name), .text($0.value), .text($0.evidence)] })
    }

    /// The longer of computing and moving, summed by operator; where nothing is calibrated, computing alone.
    private var operators: String {
        var cycles: [String: (compute: Double, memory: Double)] = [:]
        for node in report.nodes {
            let isMemory = node.bound == "memory"
            cycles[node.operation, default: (0, 0)].compute += isMemory ? 0 : node.computeCycles
            cycles[node.operation, default: (0, 0)].memory += isMemory ? node.memoryCycles ?? 0 : 0
        }
        let all = cycles.map { (name: $0.key, compute: $0.value.compute, memory: $0.value.memory) }
            .sorted { ($0.compute + $0.memory, $1.name) > ($1.compute + $1.memory, $0.name) }
        let most = all.first.map { $0.compute + $0.memory } ?? 0
        guard most > 0 else { return "" }
        var bars = ""
        for (index, entry) in all.enumerated() {
            let (top, scale) = (22 * index, 360 / most)
            let (compute, memory) = (entry.compute * scale, entry.memory * scale)
            bars += """
                <text x="0" y="\(top + 13)">\(HTML.escaped(entry.name))</text>\
                <rect x="260" y="\(top + 2)" width="\(HTML.number(compute))" height="14" fill="#3a86c8"/>\
                <rect x="\(HTML.number(260 + compute))" y="\(top + 2)" width="\(HTML.number(memory))" height="14" \
                fill="#d1832a"/>\
                <text x="\(HTML.number(266 + compute + memory))" y="\(top + 13)">\
                \(HTML.number(entry.compute + entry.memory))</text>
                """
        }
        return """
            <h2>Cycles by operator</h2>
            <p class="note">Blue: nodes bound by computing. Orange: nodes bound by the way to memory.</p>
            <div class="scroll"><svg viewBox="0 0 720 \(22 * all.count)" width="720" height="\(22 * all.count)" \
            font-size="12" fill="currentColor" role="img" aria-label="cycles by operator">\(bars)</svg></div>

            """
    }

    private var nodes: String {
        let heads = [
            ("node", ""), ("operator", ""), ("of model", "operator of the model's file"), ("unit", ""), ("MACs", ""),
            ("useful", "multiplications of the model over those of the padded layout"), ("cycles", "computing"),
            ("memory", "cycles of moving"), ("bytes in", "from DDR"), ("bytes out", "to DDR"),
            ("tiles", "strips x chunks"), ("bound", ""), ("known", ""), ("source", ""),
        ]
        let rows = report.nodes.map { node -> [HTML.Cell] in
            [
                .number(Double(node.id), as: "\(node.id)"), .text(node.operation),
                .number(node.modelOperator.map(Double.init), as: node.modelOperator.map { "\($0)" }), .text(node.unit),
                .number(Double(node.macs)), .number(node.usefulShare), .number(node.computeCycles),
                .number(node.memoryCycles), .number(Double(node.bytesIn)), .number(Double(node.bytesOut)),
                .text("\(node.strips) x \(node.chunks)\(node.fits ? "" : ", does not fit")"), .text(node.bound),
                .text(node.evidence), .text(node.source),
            ]
        }
        return "<h2>Nodes</h2>\n" + HTML.table(id: "nodes", heads: heads, rows: rows, sortable: true)
    }

    private var calibration: String {
        guard let calibration = cost.calibration else { return "" }
        let rows = calibration.rows.indices.map { index -> [HTML.Cell] in
            let row = calibration.rows[index]
            return [
                .text(row.network), .number(1e3 * row.measuredSeconds), .number(calibration.ratios[index]),
                .number(calibration.leftOutRatios[index]),
            ]
        }
        return "<h2>Calibration</h2>\n"
            + HTML.table(
                id: "calibration",
                heads: [
                    ("network", ""), ("published, ms", "quic/ai-hub-models v0.27.1"), ("predicted over published", ""),
                    ("left out", "the same with constants fitted to the others"),
                ], rows: rows)
    }

    private var assumptions: String {
        "<h2>What the machine is taken to be</h2>\n"
            + HTML.table(
                id: "machine", heads: [("number", ""), ("value", ""), ("known", ""), ("source", "")],
                rows: report.machine.statements.map {
                    [.text($0.name), .text($0.value), .text($0.evidence.rawValue), .text($0.source)]
                })
    }
}
