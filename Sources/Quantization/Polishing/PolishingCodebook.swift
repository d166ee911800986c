import TensorCore

/// What the 16 codes of a polished channel mean: 16 codes of the int8 tensor that it is expanded to, in ascending
/// order, the zero point among them, so that real 0 stays 0.
///
/// Int8 codes become the 4-bit code whose meaning is nearest. Both ends have the same scale, so nearest in codes is
/// nearest in reals.
package struct PolishingCodebook: Sendable, Hashable {
    package static let size = 16
    /// Meanings by 4-bit code.
    package let expansion: [Int8]

    /// - Parameter codes: at most 16 meanings; when there are fewer the largest is repeated.
    package init(_ codes: some Sequence<Int8>, zeroPoint: Int8) {
        var sorted = Set(codes).union([zeroPoint]).sorted()
        while sorted.count > Self.size {
            sorted.remove(at: sorted.last == zeroPoint ? 0 : sorted.count - 1)
        }
        let last = sorted.last ?? zeroPoint
        expansion = sorted + [Int8](repeating: last, count: Self.size - sorted.count)
    }

    /// The 4-bit code, 0 to 15, of every int8 code, by `code + 128`; of two meanings as near the lower.
    package var thresholds: [Int8] {
        var nearest = 0
        return (-128...127).map { code in
            while nearest + 1 < Self.size, expansion[nearest + 1] > expansion[nearest],
                abs(Int(expansion[nearest + 1]) - code) < abs(Int(expansion[nearest]) - code)
            {
                nearest += 1
            }
            return Int8(nearest)
        }
    }

    /// What every int8 code becomes, by `code + 128`: both tables in one.
    package var composed: [Int8] { thresholds.map { expansion[Int($0)] } }
}
