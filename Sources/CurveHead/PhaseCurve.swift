#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// q itself as a coarse first component, beside the point (x, y) of a circle that turns several times while q runs from 0
/// to 1: a helix. Its turns lie 1 / turns apart in the coarse component, so no noise below half of that reaches
/// another turn; and the decoded value is a continuous function of all three components, so nothing jumps at all.
public struct PhaseCurve: Sendable, Hashable {
    public static let turns = 1...16
    /// Radius of the circle about (0.5, 0.5).
    public static let radius = 0.4

    public let turns: Int

    /// Precondition: `turns` is in ``turns-swift.type.property``.
    public init(turns: Int) {
        precondition(Self.turns.contains(turns), "\(turns) turns")
        self.turns = turns
    }

    /// (coarse, x, y) at `q`.
    public func point(at q: Double) -> SIMD3<Double> {
        let angle = 2 * Double.pi * Double(turns) * q
        return SIMD3(q, 0.5 + Self.radius * cos(angle), 0.5 + Self.radius * sin(angle))
    }

    /// The angle of (x, y) about the circle's centre in turns, -0.5...0.5; 0 at the centre.
    public func phase(of point: SIMD2<Double>) -> Double {
        atan2(point.y - 0.5, point.x - 0.5) / (2 * Double.pi)
    }

    /// q from the phase, with the coarse value telling the turn.
    ///
    /// Where the two agree to an eighth of a turn, the phase alone decides and the coarse value's error is gone. Beyond,
    /// the correction falls back linearly, with a third of the slope, to none at half a turn: there the two contradict
    /// each other, the coarse value decides, and its error is at most 4/3 of what it is alone.
    public func unwrapped(phase: Double, coarse: Double) -> Double {
        var difference = phase - Double(turns) * coarse
        difference -= (difference + 0.5).rounded(.down)
        let folded = max(min(difference, (0.5 - difference) / 3), (-0.5 - difference) / 3)
        return coarse + folded / Double(turns)
    }
}
