import DepthCompiler
import Foundation

/// A number with four significant digits.
func short(_ value: Double) -> String {
    if value == 0 { return "0" }
    if !value.isFinite { return value.isNaN ? "nan" : value > 0 ? "inf" : "-inf" }
    return abs(value) >= 1e-3 && abs(value) < 1e6
        ? String(format: "%.4g", value) : String(format: "%.3e", value)
}

/// Bytes as people read them.
func size(_ bytes: Int) -> String {
    if bytes < 10_000 { return "\(bytes) bytes" }
    if bytes < 10_000_000 { return String(format: "%.1f kB", Double(bytes) / 1e3) }
    return String(format: "%.1f MB", Double(bytes) / 1e6)
}

/// Rows under each other, columns padded to the widest cell; the first column to the left, the others to the right.
func table(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
        row.enumerated().map { column, cell in
            let padding = String(repeating: " ", count: widths[column] - cell.count)
            return column == 0 ? cell + padding : padding + cell
        }.joined(separator: "  ").trimmingSuffix(" ")
    }.joined(separator: "\n")
}

/// `name` with its middle left out where it has more than 40 characters.
func shortened(_ name: String) -> String {
    name.count > 40 ? "\(name.prefix(19))...\(name.suffix(18))" : name
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        var result = self[...]
        while result.last == character { result.removeLast() }
        return String(result)
    }
}

/// The lines that say how an output compares with its reference.
func lines(of comparison: OutputComparison) -> [String] {
    let statistics = comparison.statistics
    let unit = comparison.comparesCodes ? "codes" : comparison.unit ?? ""
    let suffix = unit.isEmpty || unit == "relative" ? "" : " \(unit)"
    let share = statistics.count > 0 ? 100 * Double(statistics.differing) / Double(statistics.count) : 0
    var lines = [
        "output \(comparison.name): \(comparison.type), \(statistics.count) values",
        "  max error \(short(statistics.maximum))\(suffix) (sample \(comparison.worstSample), index "
            + "\(comparison.worstIndex)), mean \(short(statistics.mean))\(suffix), RMSE "
            + "\(short(statistics.rootMeanSquare))\(suffix)",
        "  median \(short(statistics.median)), 90 % \(short(statistics.percentile90)), 99 % "
            + "\(short(statistics.percentile99)), 99.9 % \(short(statistics.percentile999)), range "
            + short(statistics.referenceRange),
        "  SQNR \(short(statistics.sqnr)) dB, AC-SQNR \(short(statistics.acSQNR)) dB, correlation "
            + "\(String(format: "%.6f", statistics.correlation)), \(String(format: "%.3g", share)) % of values differ",
    ]
    if let depth = comparison.depth {
        lines.append(
            "  \(comparison.depthKind ?? "depth"): AbsRel \(short(depth.absRel)), RMSE \(short(depth.rmse))"
                + (comparison.unit == "relative" ? "" : " \(comparison.unit ?? "")")
                + ", mean \(short(depth.meanError)), delta1 \(String(format: "%.5f", depth.delta1))")
    }
    return lines
}
