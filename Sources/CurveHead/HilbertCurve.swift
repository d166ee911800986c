/// The polygon of the Hilbert curve of some order: 4^order nodes on a 2^order x 2^order grid in the unit square, shrunk
/// into `[margin, 1 - margin]²`, every edge the same share of q in 0...1 (arXiv 2405.14024, section 2.3).
public struct HilbertCurve: Sendable, Hashable {
    /// The orders the paper tries; beyond them strands lie closer than codes.
    public static let orders = 1...6
    /// The published shrink factor k, for networks that were trained to emit the curve.
    public static let publishedMargin = 0.1

    public let order: Int
    public let margin: Double
    /// (x, y) of every node, in the order of rising q.
    package let nodes: [SIMD2<Double>]

    /// Precondition: `order` is in ``orders``, `margin` in 0..<0.5.
    public init(order: Int, margin: Double = HilbertCurve.publishedMargin) {
        precondition(Self.orders.contains(order) && (0..<0.5).contains(margin), "order \(order), margin \(margin)")
        self.order = order
        self.margin = margin
        let grid = Self.grid(order: order)
        let pitch = (1 - 2 * margin) / Double((1 << order) - 1)
        nodes = grid.map { SIMD2(margin + pitch * Double($0.x), margin + pitch * Double($0.y)) }
    }

    /// The nodes as whole numbers in 0..<2^order, in the order of rising q. Precondition: `order` is in ``orders``.
    package static func grid(order: Int) -> [SIMD2<Int>] {
        var grid = [SIMD2<Int>(0, 0)]
        for level in 0..<order {
            let size = 1 << level
            grid =
                grid.map { SIMD2($0.y, $0.x) } + grid.map { SIMD2($0.x, $0.y + size) }
                + grid.map { SIMD2($0.x + size, $0.y + size) }
                + grid.map { SIMD2(2 * size - 1 - $0.y, size - 1 - $0.x) }
        }
        return grid
    }

    /// Number of edges, 4^order - 1.
    public var edgeCount: Int { nodes.count - 1 }

    /// The length L: an output of 8-bit codes has about L times more levels than a scalar one.
    public var length: Double { (Double(1 << order) + 1) * (1 - 2 * margin) }

    /// The point at `q`, clamped to 0...1.
    public func point(at q: Double) -> SIMD2<Double> {
        let position = min(max(q, 0), 1) * Double(edgeCount)
        let edge = min(Int(position), edgeCount - 1)
        return nodes[edge] + (position - Double(edge)) * (nodes[edge + 1] - nodes[edge])
    }

    /// q of the nearest point of the curve (equation 1 of the paper). Of equally near points the one with the lowest q.
    public func nearest(to point: SIMD2<Double>) -> Double {
        var best = (distance: Double.infinity, q: 0.0)
        for edge in 0..<edgeCount {
            let start = nodes[edge]
            let step = nodes[edge + 1] - start
            let offset = point - start
            let share = min(max((offset * step).sum() / (step * step).sum(), 0), 1)
            let away = offset - share * step
            let distance = (away * away).sum()
            if distance < best.distance { best = (distance, (Double(edge) + share) / Double(edgeCount)) }
        }
        return best.q
    }
}
