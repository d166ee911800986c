/// How far the depth of a quantised model is from that of its float reference.
public struct QuantizationError: Sendable, Hashable, Codable {
    /// Pixels at which both sides are finite.
    public var count: Int
    /// Largest minus smallest depth; the figures below are shares of it.
    public var range: Double
    /// 1.4826 times the median of `|d - median(d)|` of the differences d, divided by the range: the standard deviation
    /// of a normal distribution with the same middle half, blind to outliers.
    public var standardDeviation: Double
    /// Root of the mean squared difference, divided by the range.
    public var rmse: Double
    /// Share of pixels that differ by more than ``jumpThreshold`` of the range.
    public var jumps: Double
    /// Share of the jumps that lie at an edge of the truth; nil without jumps or without edges known.
    public var jumpsAtEdges: Double?
    /// Share of all pixels that lie at an edge; nil without edges known.
    public var edges: Double?
    /// Pixels at which one side is not finite.
    public var notFinite: Int

    public static let jumpThreshold = 0.1
}

/// Collects differences over samples; four bytes per pixel are kept for the median.
public struct QuantizationErrorCollector: Sendable {
    private let range: Double
    private var differences: [Float] = []
    private var squares = 0.0
    private var jumps = 0
    private var jumpsAtEdges = 0
    private var edgePixels = 0
    private var knowsEdges = false
    private var notFinite = 0

    /// Precondition: `range` is above 0.
    public init(range: Double) {
        precondition(range > 0)
        self.range = range
    }

    /// Adds one map.
    ///
    /// - Parameter edges: true at the pixels near an edge, see ``DepthEdges``; nil when the truth is not known.
    /// Precondition: as many elements on all sides.
    public mutating func add(reference: [Double], candidate: [Double], edges: [Bool]? = nil) {
        precondition(reference.count == candidate.count && (edges.map { $0.count == reference.count } ?? true))
        if edges != nil { knowsEdges = true }
        for index in reference.indices {
            let difference = candidate[index] - reference[index]
            guard difference.isFinite else {
                notFinite += 1
                continue
            }
            let isEdge = edges?[index] ?? false
            if isEdge { edgePixels += 1 }
            differences.append(Float(difference))
            squares += difference * difference
            guard abs(difference) > QuantizationError.jumpThreshold * range else { continue }
            jumps += 1
            if isEdge { jumpsAtEdges += 1 }
        }
    }

    /// nil when no pixel was compared.
    public var result: QuantizationError? {
        guard !differences.isEmpty else { return nil }
        let count = Double(differences.count)
        let middle = Self.median(differences)
        let deviation = Self.median(differences.map { Float(abs(Double($0) - middle)) })
        return QuantizationError(
            count: differences.count, range: range, standardDeviation: 1.4826 * deviation / range,
            rmse: (squares / count).squareRoot() / range, jumps: Double(jumps) / count,
            jumpsAtEdges: knowsEdges && jumps > 0 ? Double(jumpsAtEdges) / Double(jumps) : nil,
            edges: knowsEdges ? Double(edgePixels) / count : nil, notFinite: notFinite)
    }

    private static func median(_ values: [Float]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1
            ? Double(sorted[middle]) : (Double(sorted[middle - 1]) + Double(sorted[middle])) / 2
    }
}

/// Where a depth map has edges.
public enum DepthEdges {
    /// True at every pixel within `distance` rows and columns of a pair of neighbours (left and right, or above and
    /// below) whose truth differs by more than `step`. Truth that is not finite or not above 0 makes no edge.
    ///
    /// Precondition: `width` elements per row.
    public static func near(_ truth: [Double], width: Int, step: Double = 1, distance: Int = 2) -> [Bool] {
        precondition(width > 0 && truth.count % width == 0)
        let height = truth.count / width
        var near = [Bool](repeating: false, count: truth.count)
        func isKnown(_ index: Int) -> Bool { truth[index].isFinite && truth[index] > 0 }
        func mark(_ x: Int, _ y: Int) {
            for row in max(0, y - distance)...min(height - 1, y + distance) {
                for column in max(0, x - distance)...min(width - 1, x + distance) { near[row * width + column] = true }
            }
        }
        for y in 0..<height {
            for x in 0..<width {
                let index = y * width + x
                guard isKnown(index) else { continue }
                for (dx, dy) in [(1, 0), (0, 1)] where x + dx < width && y + dy < height {
                    let other = index + dy * width + dx
                    guard isKnown(other), abs(truth[other] - truth[index]) > step else { continue }
                    mark(x, y)
                    mark(x + dx, y + dy)
                }
            }
        }
        return near
    }
}
