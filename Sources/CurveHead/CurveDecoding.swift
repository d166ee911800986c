import TensorCore

/// How the components that a network emits become depth: the curve they are a point of, and what q = 0 and q = 1 stand
/// for.
public struct CurveDecoding: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// Two components, a point of a Hilbert curve of order ``CurveDecoding/order``.
        case hilbert
        /// Three: q itself, and (x, y) on a circle that turns ``CurveDecoding/order`` times while q runs from 0 to 1.
        case phase
    }

    public var kind: Kind
    /// The Hilbert curve's order, or the turns of the phase.
    public var order: Int
    /// Depth, in the output's unit, at q = 0 and at q = 1.
    public var lower: Double
    public var upper: Double

    /// - Throws: `Diagnostic` (.usage) for an order outside the curve's, or an empty range.
    public init(kind: Kind, order: Int, lower: Double, upper: Double) throws(Diagnostic) {
        let orders = kind == .hilbert ? HilbertCurve.orders : PhaseCurve.turns
        guard orders.contains(order) else {
            throw Diagnostic(
                .usage, at: "order \(order)", "a \(kind.rawValue) head has no such order",
                suggestion: "\(orders.lowerBound) to \(orders.upperBound)")
        }
        guard lower.isFinite, upper.isFinite, lower < upper else {
            throw Diagnostic(.usage, at: "range \(lower)...\(upper)", "a head's range is two rising numbers")
        }
        (self.kind, self.order, self.lower, self.upper) = (kind, order, lower, upper)
    }

    /// Channels that the network emits.
    public var components: Int { kind == .hilbert ? 2 : 3 }

    /// The axis of the components in a tensor of four axes: the last, else the second; nil when it has no such axis.
    package func channelAxis(of shape: Shape) -> Int? {
        [3, 1].first { shape.rank == 4 && shape[$0] == components }
    }

    /// True when a tensor of `shape` may be the two components of a Hilbert curve.
    public static func hilbertComponents(in shape: Shape) -> Bool {
        shape.rank == 4 && (shape[3] == 2 || shape[1] == 2)
    }

    /// Depth at `q`.
    public func depth(at q: Double) -> Double { lower + q * (upper - lower) }

    /// Decodes real components, channels last, one pixel after the other; in the output's unit.
    ///
    /// Precondition: a whole number of pixels.
    public func decode(_ values: [Double]) -> [Double] {
        precondition(values.count % components == 0, "\(values.count) values of \(components) components")
        switch kind {
        case .hilbert:
            let curve = HilbertCurve(order: order)
            return stride(from: 0, to: values.count, by: 2).map { index in
                depth(at: curve.nearest(to: SIMD2(values[index], values[index + 1])))
            }
        case .phase:
            let curve = PhaseCurve(turns: order)
            return stride(from: 0, to: values.count, by: 3).map { index in
                let phase = curve.phase(of: SIMD2(values[index + 1], values[index + 2]))
                return depth(at: curve.unwrapped(phase: phase, coarse: values[index]))
            }
        }
    }
}
