/// The real numbers of the codes 0 and 255.
///
/// Source of the adjustments: nnlib hexagon/src/quantize.c. Every operation is rounded to binary32.
struct HexagonRange: Equatable {
    var min: Float
    var max: Float

    /// Which ends a caller has given and wants kept.
    struct Fixed: OptionSet {
        var rawValue: Int
        static let min = Fixed(rawValue: 1)
        static let max = Fixed(rawValue: 2)
    }

    /// How near to an integer a zero point has to be to be taken as one: 2^-14.
    private static let near: Float = 6.1035156e-05
    private static let nearNext: Float = 0.999938965

    /// The step of the codes and the code of zero.
    var stepAndZero: (step: Float, zero: Int32) { RangeArithmetic.stepAndZero(min, max) }

    /// With zero in it and one end moved outwards, the one that moves less, so that zero has a code
    /// (`quantize_adjust_range`).
    func withExactZero() -> HexagonRange {
        let adjusted = RangeArithmetic.adjusted(min, max)
        return HexagonRange(min: adjusted.low, max: adjusted.high)
    }

    /// As ``withExactZero()`` for a range that has zero in it, with the expressions of `adjust_minmax_for_zero`.
    func adjustedForZero() -> HexagonRange {
        let difference = max - min
        guard difference >= 1e-6, min != 0 else { return self }
        let zero = -255 * min / difference
        let whole = zero.rounded(.down)
        let part = zero - whole
        if part <= Self.near || part >= Self.nearNext { return self }
        if whole > 0, whole > 253 || (part - 1) * min >= part * max {
            return HexagonRange(min: min, max: min - 255 * min / whole)
        }
        return HexagonRange(min: max * (whole + 1) / (whole - 254), max: max)
    }

    /// As ``adjustedForZero()``, sparing the ends in `fixed`; with both fixed, and zero not near an end, both move by the
    /// same amount (`adjust_minmax_for_zero_with_constraints`).
    func adjustedForZero(fixed: Fixed) -> HexagonRange {
        let difference = max - min
        guard difference > 0, min != 0 else { return self }
        let zero = -255 * min / difference
        let whole = zero.rounded(.down)
        let part = zero - whole
        if part <= Self.near || part >= Self.nearNext { return self }
        let moveMin = (part - 1) * min
        let moveMax = part * max
        let nearest = part >= 0.5 ? whole + 1 : whole
        func movingMax(_ zero: Float) -> HexagonRange { HexagonRange(min: min, max: min - 255 * min / zero) }
        func movingMin(_ zero: Float) -> HexagonRange { HexagonRange(min: max * zero / (zero - 255), max: max) }
        switch (fixed.contains(.min), fixed.contains(.max)) {
        case (false, false):
            return whole >= 1 && (whole >= 254 || moveMin >= moveMax) ? movingMax(whole) : movingMin(whole + 1)
        case (true, false):
            return whole >= 1 && (zero >= 192.25 || moveMin * 8 > moveMax) ? movingMax(whole) : movingMin(nearest)
        case (false, true):
            return zero >= 63.75 && (whole >= 254 || moveMin > moveMax * 8) ? movingMax(nearest) : movingMin(whole + 1)
        case (true, true):
            if zero <= 63.75 { return movingMin(nearest) }
            if zero >= 192.25 { return movingMax(nearest) }
            let shift = (zero - nearest) * difference * Float(1.0 / 255)
            return HexagonRange(min: min + shift, max: max + shift)
        }
    }
}
