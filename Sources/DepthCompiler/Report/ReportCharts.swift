import Foundation
import ImageIO

/// Drawings of the report as inline SVG.
enum ReportCharts {
    /// The definition of a gradient, once on a page.
    static func gradient(id: String, _ map: ColorMap.Scale) -> String {
        let stops = stride(from: 0, through: 255, by: 17).map { index in
            let color = map.table[index]
            return String(
                format: "<stop offset=\"%.3f\" stop-color=\"#%02x%02x%02x\"/>", Double(index) / 255, color.red,
                color.green, color.blue)
        }
        return "<linearGradient id=\"\(id)\">\(stops.joined())</linearGradient>"
    }

    /// A colour bar with the numbers at its ends and in the middle.
    static func colorBar(gradient: String, low: Double, high: Double, unit: String, saturates: Bool = false) -> String {
        func label(_ value: Double, _ sign: String) -> String { HTML.escaped(sign + HTML.number(value)) }
        let middle = HTML.number((low + high) / 2)
        let suffix = unit.isEmpty ? "" : " \(unit)"
        return """
            <svg viewBox="0 0 320 32" width="320" height="32" role="img" \
            aria-label="colour bar, \(HTML.number(low)) to \(HTML.number(high))\(HTML.escaped(suffix))">\
            <rect x="1" y="1" width="318" height="12" fill="url(#\(gradient))" stroke="#8888"/>\
            <text x="1" y="27">\(label(low, saturates ? "≤ " : ""))</text>\
            <text x="160" y="27" text-anchor="middle">\(HTML.escaped(middle))</text>\
            <text x="319" y="27" text-anchor="end">\(label(high, saturates ? "≥ " : ""))\(HTML.escaped(suffix))</text>\
            </svg>

            """
    }

    /// Bars of logarithmic height, the chosen range shaded.
    static func histogram(_ histogram: ValueHistogram) -> String {
        let (width, height) = (320.0, 80.0)
        let low = min(histogram.minimum, histogram.rangeLow ?? histogram.minimum)
        let high = max(histogram.maximum, histogram.rangeHigh ?? histogram.maximum)
        let span = high > low ? high - low : 1
        func x(_ value: Double) -> Double { (value - low) / span * (width - 2) + 1 }
        func text(_ value: Double) -> String { String(format: "%.1f", value) }
        let most = log2(Double((histogram.counts.max() ?? 0) + 1))
        let step = (histogram.maximum - histogram.minimum) / Double(max(histogram.counts.count, 1))
        var path = ""
        for (index, count) in histogram.counts.enumerated() where count > 0 && most > 0 {
            let left = x(histogram.minimum + step * Double(index))
            let bar = max((x(histogram.minimum + step * Double(index + 1)) - left) * 0.94, 0.8)
            let tall = log2(Double(count + 1)) / most * height
            path += "M\(text(left)) \(text(height))v-\(text(tall))h\(text(bar))v\(text(tall))z"
        }
        var result = """
            <svg viewBox="0 0 320 114" width="320" height="114" role="img" \
            aria-label="histogram of \(HTML.escaped(histogram.name))">
            """
        if let rangeLow = histogram.rangeLow, let rangeHigh = histogram.rangeHigh {
            let (left, right) = (x(rangeLow), x(rangeHigh))
            result += """
                <rect x="\(text(left))" y="0" width="\(text(max(right - left, 1)))" height="80" fill="#3a86c8" \
                fill-opacity="0.18"/><path d="M\(text(left)) 0v84M\(text(right)) 0v84" stroke="#3a86c8" \
                stroke-width="1.5"/>\
                <text x="160" y="110" text-anchor="middle">range \(HTML.number(rangeLow)) to \
                \(HTML.number(rangeHigh))</text>
                """
        }
        return result + """
            <path d="\(path)" fill="currentColor" fill-opacity="0.65"/>\
            <path d="M1 80h318" stroke="currentColor" stroke-opacity="0.5"/>\
            <text x="1" y="95">\(HTML.number(low))</text>\
            <text x="319" y="95" text-anchor="end">\(HTML.number(high))</text></svg>

            """
    }
}
