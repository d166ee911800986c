import TensorCore

/// The integers of a curve's hinges on one accumulator: every hinge is `clamp(round((a - start) * factor), 0, 255)`, or
/// with falling ones `clamp(round((end - a) * factor), 0, 255)`, as an int8 convolution with zero point -128 computes it.
struct HingePlan {
    let curve: ExactCurve
    let hinges: [ExactCurve.Hinge]
    /// Where each hinge leaves 0 and where it has reached 255, in units of the accumulator.
    let knots: [(start: Int32, end: Int32)]
    /// Scale of each hinge's weights; with the scales of input and output it makes ``factors``.
    let weightScales: [Float]
    let factors: [QuantizedMultiplier]
    /// Scale of the hinges' codes: a thermometer's codes are numbers to be added, the others are shares of a step.
    let scale: Float

    init(_ curve: ExactCurve, on accumulator: HeadAccumulator) {
        self.curve = curve
        hinges = curve.hinges
        scale = curve.kind == .thermometer ? 1 : 1 / 255
        let (low, high) = (accumulator.lowest, accumulator.highest)
        let unitsPerCode = (high - low) / Double(curve.length)
        func knot(_ code: Int) -> Int32 { Int32((low + unitsPerCode * Double(code)).rounded()) }
        knots = hinges.map { (knot($0.start), knot($0.start + $0.codes)) }
        let (inputScale, outputScale) = (Double(accumulator.inputScale), Double(scale))
        weightScales = hinges.map { hinge in
            Float(255 / (unitsPerCode * Double(hinge.codes)) * outputScale / inputScale)
        }
        factors = weightScales.map { QuantizedMultiplier(inputScale * Double($0) / outputScale) }
    }

    /// Code above -128 of hinge `index` at `accumulator`.
    func code(_ index: Int, at accumulator: Int32) -> Int32 {
        let offset = hinges[index].isRising ? accumulator &- knots[index].start : knots[index].end &- accumulator
        return min(max(FixedPoint.multiply(offset, by: factors[index]), 0), 255)
    }

    /// The bias of hinge `index` for an operator with `bias`, whose weights are negated for falling hinges.
    func bias(_ index: Int, from bias: Int32) -> Int32 {
        hinges[index].isRising ? bias - knots[index].start : knots[index].end - bias
    }

    // MARK: Combination

    /// Whether component `axis` sums hinge `index`; the weights of the combination are 0 and 1.
    func sums(_ index: Int, into axis: Int) -> Bool { hinges[index].axis == axis }

    /// Scale of the combination's weights for each component, which brings hinges of 255 codes to the length of steps.
    var combinationScales: [Float] {
        (0..<curve.components).map { axis in
            Float(hinges.first { $0.axis == axis }.map { Double($0.codes) / 255 } ?? 1)
        }
    }

    /// Bias of component `axis` in codes of hinges: falling hinges count from their upper end.
    func combinationBias(_ axis: Int) -> Int32 {
        Int32(-255 * hinges.filter { $0.axis == axis && !$0.isRising }.count)
    }
}
