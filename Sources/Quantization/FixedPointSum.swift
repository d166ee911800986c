/// A sum of real numbers that does not depend on their order or grouping: 128-bit integers in units of 2^-60.
///
/// Every addend is rounded to the unit and clamped to 2^50, so 2^17 of the largest fit; additions are exact.
public struct FixedPointSum: Sendable, Hashable {
    /// Binary digits behind the point.
    static let fractionBits = 60
    static let largestAddend = 0x1p50

    /// The sum in units.
    package private(set) var units: Int128

    public init() { units = 0 }

    package init(units: Int128) { self.units = units }

    /// Adds a number; one that is not finite counts as 0.
    public mutating func add(_ x: Double) {
        guard x.isFinite else { return }
        let clamped = min(max(x, -Self.largestAddend), Self.largestAddend)
        units &+= Int128((clamped * 0x1p60).rounded(.toNearestOrEven))
    }

    public mutating func merge(_ other: FixedPointSum) { units &+= other.units }

    /// The sum, rounded to binary64.
    public var value: Double { Double(units) * 0x1p-60 }

    /// The sum of the addends times 2^`exponent`; bits below the unit are dropped.
    func scaled(by exponent: Int) -> FixedPointSum { FixedPointSum(units: units << exponent) }
}
