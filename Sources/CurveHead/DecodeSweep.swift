import TensorCore

/// The decode table of an exact head, from the integers that the graph computes for every value of the accumulator.
///
/// A code's number is the mean of the tail's value over all accumulators that lead to it, which is the least squared error
/// for accumulators of equal weight; codes that none leads to (rounding of another runtime reaches them) have the number
/// of the nearest code that one does.
struct DecodeSweep {
    /// More accumulators than this are sampled at equal distances.
    static let limit = 1 << 22

    let plan: HingePlan
    let accumulator: HeadAccumulator
    /// The function of the accumulator's real value that depth is.
    let tail: (Double) -> Double

    /// The accumulators that are looked at: those of the head's range and two more at both ends.
    private var accumulators: StrideTo<Int> {
        let first = Int(accumulator.lowest.rounded(.down)) - 2
        let last = Int(accumulator.highest.rounded(.up)) + 2
        return stride(from: first, to: last + 1, by: max(1, (last - first) / Self.limit))
    }

    /// 65,536 numbers at index `x + 256 * y` of the two codes' bytes; for a thermometer one for every sum of its codes.
    func table() -> [Float] {
        let positions = Array(accumulators)
        let sums = hingeSums(positions)
        let count = plan.curve.kind == .thermometer ? plan.curve.length + 1 : 65536
        var total = [Double](repeating: 0, count: count)
        var reached = [Int](repeating: 0, count: count)
        let indices = indices(of: sums)
        for (position, index) in zip(positions, indices) {
            let inside = min(max(Double(position), accumulator.lowest), accumulator.highest)
            let value = tail(inside * accumulator.unit)
            // The ends of a tail such as 1 / x.
            guard value.isFinite else { continue }
            total[index] += value
            reached[index] += 1
        }
        let known = indices.indices.reduce(into: [Int]()) { list, i in
            if reached[indices[i]] > 0, list.last != indices[i] { list.append(indices[i]) }
        }
        var table = (0..<count).map { reached[$0] > 0 ? Float(total[$0] / Double(reached[$0])) : 0 }
        fill(&table, reached: reached, known: known)
        return table
    }

    /// Sum of each component's hinges at every position, falling hinges counted from their upper end.
    private func hingeSums(_ positions: [Int]) -> [[Int32]] {
        let axes = plan.curve.kind == .thermometer ? 1 : 2
        var sums = [[Int32]](repeating: [Int32](repeating: 0, count: positions.count), count: axes)
        guard let first = positions.first, positions.count > 1 else { return sums }
        let step = positions[1] - first
        for (index, hinge) in plan.hinges.enumerated() {
            let axis = axes == 1 ? 0 : hinge.axis
            let knots = plan.knots[index]
            // Beyond two codes' worth of units around its knots a hinge is saturated.
            let margin = 2 * (Int(knots.end) - Int(knots.start)) / 255 + 2
            let begin = min(max((Int(knots.start) - margin - first) / step, 0), positions.count)
            let end = min(max((Int(knots.end) + margin - first) / step + 1, begin), positions.count)
            let sign: Int32 = hinge.isRising ? 1 : -1
            for i in begin..<end {
                let code = plan.code(index, at: Int32(clamping: positions[i]))
                sums[axis][i] += hinge.isRising ? code : code - 255
            }
            for i in end..<positions.count { sums[axis][i] += sign * 255 }
        }
        return sums
    }

    private func indices(of sums: [[Int32]]) -> [Int] {
        if plan.curve.kind == .thermometer { return sums[0].map { Int($0) } }
        let factors = plan.combinationScales.map {
            QuantizedMultiplier(Double(plan.scale) * Double($0) / Double(CurveDecoding.componentParameters.scale))
        }
        return zip(sums[0], sums[1]).map { x, y in
            let byte = { (sum: Int32, axis: Int) in
                let code = FixedPoint.multiply(sum, by: factors[axis]) - 128
                return Int(UInt8(bitPattern: Int8(clamping: min(max(code, -128), 127))))
            }
            return byte(x, 0) | byte(y, 1) << 8
        }
    }

    private func fill(_ table: inout [Float], reached: [Int], known: [Int]) {
        if plan.curve.kind == .thermometer {
            var last = known.first.map { table[$0] } ?? 0
            for index in table.indices {
                if reached[index] > 0 { last = table[index] } else { table[index] = last }
            }
            return
        }
        func real(_ index: Int) -> SIMD2<Int32> {
            SIMD2(Int32(Int8(truncatingIfNeeded: index)), Int32(Int8(truncatingIfNeeded: index >> 8)))
        }
        let points = known.map(real)
        for index in table.indices where reached[index] == 0 {
            let point = real(index)
            var best = (distance: Int32.max, at: 0)
            for (at, other) in points.enumerated() {
                let away = point &- other
                let distance = (away &* away).wrappedSum()
                if distance < best.distance { best = (distance, at) }
            }
            if !known.isEmpty { table[index] = table[known[best.at]] }
        }
    }
}
