import Foundation

/// Drawings of the page on the DSP as inline SVG; what needs words has them as hover text.
enum DSPReportCharts {
    private static let cpuColor = "#8889"

    /// The colour of partition `number`, counted from 1.
    static func color(_ number: Int) -> String { "hsl(\((number * 137 + 70) % 360) 55% 50%)" }

    /// The operators of a file in order, coloured by partition, and under them a line for every partition with the bytes
    /// that cross its border.
    static func strip(_ inspection: DSPInspection) -> String {
        let width = 1000.0
        let step = width / Double(max(inspection.operators.count, 1))
        func text(_ value: Double) -> String { String(format: "%.1f", value) }
        let height = 46 + 22 * inspection.partitions.count
        var result = """
            <svg viewBox="0 0 1000 \(height)" width="1000" height="\(height)" role="img" \
            aria-label="operators in order, coloured by partition">
            """
        for entry in inspection.operators {
            let color = entry.partition.map(Self.color) ?? cpuColor
            let gap = step > 4 ? 0.6 : 0
            result += """
                <rect x="\(text(Double(entry.index) * step))" y="0" width="\(text(max(step - gap, 0.5)))" height="32" \
                fill="\(color)"><title>\(HTML.escaped(hint(of: entry)))</title></rect>

                """
        }
        for (number, partition) in inspection.partitions.enumerated() {
            guard let first = partition.operators.min(), let last = partition.operators.max() else { continue }
            let (left, right) = (Double(first) * step, Double(last + 1) * step)
            let top = 42 + 22 * number
            let label =
                "DSP \(number + 1): \(partition.operators.count) operators, \(kilobytes(partition.inputBytes)) in, "
                + "\(kilobytes(partition.outputBytes)) out"
            let isLeft = left < width * 0.6
            result += """
                <rect x="\(text(left))" y="\(top - 6)" width="\(text(max(right - left, 1)))" height="3" \
                fill="\(color(number + 1))"/>\
                <text x="\(text(isLeft ? left : right))" y="\(top + 9)"\(isLeft ? "" : " text-anchor=\"end\"")>\
                \(label)</text>

                """
        }
        return result + "</svg>\n"
    }

    private static func hint(of entry: DSPInspection.Operator) -> String {
        let place = entry.partition.map { "DSP \($0)" } ?? "CPU"
        let reason = entry.refusals.first.map { ", \($0.code): \($0.detail)" }
        return "\(entry.index) \(entry.builtin) \(entry.name): \(place)"
            + (entry.partition == nil ? reason ?? ", not chosen" : "")
    }

    /// How many codes differ by how much, from the least to the largest limit; bars have logarithmic heights.
    static func bars(_ codes: CodeDifference) -> String {
        let limit = CodeDifference.histogramLimit
        let most = log2(Double((codes.histogram.map(\.count).max() ?? 0) + 1))
        let words = codes.histogram.map { bin in
            "\(bin.difference <= -limit ? "≤ " : bin.difference >= limit ? "≥ " : "")\(bin.difference): \(bin.count)"
        }
        var result = """
            <svg viewBox="0 0 102 22" width="102" height="22" role="img"><title>\
            \(HTML.escaped(words.joined(separator: ", ")))</title><path d="M0 21.5h102M51 0v22" stroke="currentColor" \
            stroke-opacity="0.3"/>
            """
        for bin in codes.histogram where bin.count > 0 && most > 0 {
            let tall = max(log2(Double(bin.count + 1)) / most * 20, 1)
            let left = Double(bin.difference + limit) * 6 + 0.5
            let color = bin.difference == 0 ? "#8889" : bin.difference < 0 ? "#3a86c8" : "#c8503a"
            result += String(
                format: "<rect x=\"%.1f\" y=\"%.1f\" width=\"5\" height=\"%.1f\" fill=\"%@\"/>", left, 21 - tall, tall,
                color)
        }
        return result + "</svg>"
    }

    static func kilobytes(_ bytes: Int) -> String { "\(HTML.number(Double(bytes) / 1e3)) kB" }
}
