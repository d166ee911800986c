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
