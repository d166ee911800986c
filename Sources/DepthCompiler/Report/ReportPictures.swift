import Foundation
import ImageIO

/// The maps of the report as pictures, all on one scale.
struct ReportPictures {
    /// Widest picture; larger maps are shrunk by a whole number.
    static let widest = 640

    let maps: [OutputMaps]
    /// Smallest and largest float value over all samples.
    let depth: ClosedRange<Float>
    /// 99.5th percentile of the absolute error over all samples; larger errors get the colour of the end.
    let error: Float

    init(_ maps: [OutputMaps]) {
        self.maps = maps
        var low = Float.infinity
        var high = -Float.infinity
        var errors: [Float] = []
        for map in maps {
            for (float, quantized) in zip(map.float, map.quantized) where float.isFinite {
                low = min(low, float)
                high = max(high, float)
                let error = abs(quantized - float)
                if error.isFinite { errors.append(error) }
            }
        }
        depth = low <= high ? low...high : 0...1
        errors.sort()
        let largest = errors.isEmpty ? 0 : errors[min(errors.count - 1, errors.count * 995 / 1000)]
        error = largest > 0 ? largest : errors.last.flatMap { $0 > 0 ? $0 : nil } ?? 1
    }

    /// The section of the maps: for every sample the three pictures of ``pngs(of:)`` with their scales.
    ///
    /// - Parameter titles: of the three pictures.
    /// - Throws: what encoding a picture throws.
    func html(titles: [String], kind: String, unit: String) throws -> String {
        guard !maps.isEmpty else { return "" }
        var result = HTML.heading("Maps")
        for map in maps {
            result += "<h3>\(HTML.escaped(map.sample))</h3>\n<div class=\"row maps\">\n"
            for (index, png) in try pngs(of: map).enumerated() {
                let bar =
                    index < 2
                    ? ReportCharts.colorBar(
                        gradient: "depth-scale", low: Double(depth.lowerBound), high: Double(depth.upperBound),
                        unit: unit)
                    : ReportCharts.colorBar(
                        gradient: "error-scale", low: -Double(error), high: Double(error), unit: unit, saturates: true)
                result += """
                    <figure><img alt="\(HTML.escaped("\(kind), \(titles[index]), of sample \(map.sample)"))" \
                    src="data:image/png;base64,\(Data(png).base64EncodedString())">
                    <figcaption>\(HTML.escaped(titles[index]))</figcaption>
                    \(bar)</figure>

                    """
            }
            result += "</div>\n"
        }
        return result
            + HTML.note(
                "All samples share one scale; 0.5 % of the errors lie beyond the ends of the error's. "
                    + "Maps wider than \(Self.widest) pixels show every second, third, ... pixel.")
    }

    /// The three pictures of a sample as PNG files: float, quantised, quantised minus float.
    func pngs(of map: OutputMaps) throws -> [[UInt8]] {
        let differences = zip(map.quantized, map.float).map { $0 - $1 }
        let factor = (map.width + Self.widest - 1) / Self.widest
        func picture(_ values: [Float], _ range: ClosedRange<Float>, _ scale: ColorMap.Scale) throws -> [UInt8] {
            let (width, height, shrunk) = Self.shrunk(map.width, map.height, values, by: factor)
            return try ImageFile.png(
                ColorMap.image(width: width, height: height, values: shrunk, range: range, scale: scale))
        }
        return [
            try picture(map.float, depth, .sequential), try picture(map.quantized, depth, .sequential),
            try picture(differences, -error...error, .diverging),
        ]
    }

    /// Every `factor`-th pixel of rows and columns.
    private static func shrunk(
        _ width: Int, _ height: Int, _ values: [Float], by factor: Int
    ) -> (width: Int, height: Int, values: [Float]) {
        guard factor > 1 else { return (width, height, values) }
        let (columns, rows) = ((width + factor - 1) / factor, (height + factor - 1) / factor)
        var result: [Float] = []
        result.reserveCapacity(rows * columns)
        for row in 0..<rows {
            for column in 0..<columns { result.append(values[row * factor * width + column * factor]) }
        }
        return (columns, rows, result)
    }
}
