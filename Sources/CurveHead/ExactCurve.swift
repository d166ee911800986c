import TensorCore

/// The curve that an exact head draws in the square of two 8-bit codes, or the thermometer's row of codes: straight
/// pieces, each of them one clipped linear unit (a hinge) of the head's accumulator.
public struct ExactCurve: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// 4^order - 1 equal steps through a grid of 2^order x 2^order nodes.
        case hilbert
        /// 2^order rows of full length, joined by steps as long as the rows are apart: nearly as long as the Hilbert curve
        /// with far fewer hinges.
        case serpentine
        /// 2^order codes, one after the other from 0 to 255; their sum is what they stand for.
        case thermometer
    }

    public static let orders = 1...4

    public let kind: Kind
    public let order: Int

    /// - Throws: `Diagnostic` (.usage) for an order outside ``orders``.
    public init(_ kind: Kind, order: Int) throws(Diagnostic) {
        guard Self.orders.contains(order) else {
            throw Diagnostic(
                .usage, at: "order \(order)", "a \(kind.rawValue) head without retraining has no such order",
                suggestion: "\(Self.orders.lowerBound) to \(Self.orders.upperBound)")
        }
        (self.kind, self.order) = (kind, order)
    }

    /// One straight piece of the curve.
    package struct Hinge: Sendable, Hashable {
        /// The component that it moves.
        package var axis: Int
        package var isRising: Bool
        /// The codes by which it moves the component.
        package var codes: Int
        /// How far along the curve it starts, in codes.
        package var start: Int
    }

    /// Nodes of the grid along one side.
    private var side: Int { 1 << order }
    /// Codes between neighbouring nodes: as many as fit, all equal, so that every node is a code.
    private var pitch: Int { 255 / (side - 1) }

    /// Components: two, or as many as the thermometer has codes.
    package var components: Int { kind == .thermometer ? side : 2 }

    /// The pieces in the order of the curve.
    package var hinges: [Hinge] {
        var result: [Hinge] = []
        func add(axis: Int, rising: Bool, codes: Int) {
            let start = result.last.map { $0.start + $0.codes } ?? 0
            result.append(Hinge(axis: axis, isRising: rising, codes: codes, start: start))
        }
        switch kind {
        case .hilbert:
            let grid = HilbertCurve.grid(order: order)
            for (from, to) in zip(grid, grid.dropFirst()) {
                let step = to &- from
                add(axis: step.x == 0 ? 1 : 0, rising: step.x &+ step.y > 0, codes: pitch)
            }
        case .serpentine:
            for row in 0..<side {
                if row > 0 { add(axis: 1, rising: true, codes: pitch) }
                add(axis: 0, rising: row % 2 == 0, codes: 255)
            }
        case .thermometer:
            for axis in 0..<side { add(axis: axis, rising: true, codes: 255) }
        }
        return result
    }

    /// The curve's length in codes: the levels it has, less one.
    package var length: Int { hinges.last.map { $0.start + $0.codes } ?? 0 }
}
