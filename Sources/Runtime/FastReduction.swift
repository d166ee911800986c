import CKernels
import Operators
import TensorCore

extension FastKernels {
    /// `[outer][count][inner]` of a reduction over neighbouring axes; nil when the axes are apart.
    private static func blocks(_ shape: Shape, _ axes: [Int]) -> (outer: Int, count: Int, inner: Int)? {
        let sorted = Set(axes.compactMap(shape.normalizedAxis)).sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        // Axes of extent 1 between reduced ones do not matter.
        for axis in first...last where !sorted.contains(axis) && shape[axis] != 1 { return nil }
        return (
            shape.dimensions[..<first].reduce(1, *), shape.dimensions[first...last].reduce(1, *),
            shape.dimensions[(last + 1)...].reduce(1, *)
        )
    }

    static func reduce(_ op: Reduction, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let axes = site.input(1)?.integers, let output = site.outputs.first,
            let (outer, count, inner) = blocks(input.shape, axes)
        else { return nil }
        guard site.isFloat(input, output) else {
            return op.kind == .mean ? meanOfCodes(input, output, outer: outer, count: count, inner: inner) : nil
        }
        let kind: Int32
        switch op.kind {
        case .sum: kind = Int32(CK_REDUCE_SUM)
        case .mean: kind = Int32(CK_REDUCE_MEAN)
        case .max: kind = Int32(CK_REDUCE_MAX)
        case .min: kind = Int32(CK_REDUCE_MIN)
        case .product, .any, .all: return nil
        }
        return Step(units: outer, grain: max(1, 8192 / (count * inner)), cost: input.count) { range, _ in
            ck_reduce_f32(
                kind, input.elements(Float.self), output.elements(Float.self), Int64(count), Int64(inner),
                Int64(range.lowerBound), Int64(range.upperBound))
        }
    }

    /// Source: LiteRT `QuantizedMeanOrSum` (kernels/internal/reference/reduce.h).
    private static func meanOfCodes(_ input: Site, _ output: Site, outer: Int, count: Int, inner: Int) -> Step? {
        guard Requantization.isCode(input.type), Requantization.isCode(output.type), let from = input.type.quantization,
            let to = output.type.quantization, to.scale > 0, from.scale > 0, count < 1 << 22,
            Requantization.isUnsigned(input.type) == Requantization.isUnsigned(output.type),
            let limits = Requantization.range(.none, output.type)
        else { return nil }
        let whole = QuantizedMultiplier(Double(from.scale) / Double(to.scale))
        let shift = max(0, min(63 - Int32(Int64(count).leadingZeroBitCount), 32, 31 &+ whole.shift))
        let quotient = (Int64(whole.multiplier) << Int64(shift)) / Int64(count)
        let factor = QuantizedMultiplier(
            multiplier: Int32(truncatingIfNeeded: quotient), shift: whole.shift &- shift)
        guard -31...30 ~= factor.shift else { return nil }
        let isUnsigned = input.type.elementType == .uint8
        let offset = from.zeroPoint &* Int32(clamping: count)
        return Step(
            units: outer, grain: max(1, 8192 / (count * inner)), cost: input.count, scratch: inner * 4
        ) { range, scratch in
            let sums = scratch.assumingMemoryBound(to: Int32.self)
            for row in range {
                ck_reduce_codes(
                    isUnsigned ? 1 : 0, input.elements(UInt8.self) + row * count * inner, sums, Int64(count),
                    Int64(inner), 0, 1)
                for column in 0..<inner {
                    let mean = FixedPoint.multiply(sums[column] &- offset, by: factor) &+ to.zeroPoint
                    output.elements(UInt8.self)[row * inner + column] = UInt8(
                        truncatingIfNeeded: max(limits.lowerBound, min(limits.upperBound, mean)))
                }
            }
        }
    }

    static func argument(_ op: ArgumentReduction, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let axes = site.input(1)?.integers, let output = site.outputs.first,
            output.type.elementType == .int32 || output.type.elementType == .int64,
            let (outer, count, inner) = blocks(input.shape, axes), count < 1 << 31,
            input.type.elementType == .float32 || Requantization.isCode(input.type)
        else { return nil }
        let maximum: Int32 = op.kind == .max ? 1 : 0
        let isWide = output.type.elementType == .int64
        let isFloat = input.type.elementType == .float32
        let isUnsigned: Int32 = input.type.elementType == .uint8 ? 1 : 0
        // Wide results are found in scratch memory, one block of the outer axes at a time.
        return Step(
            units: outer, grain: max(1, 8192 / (count * inner)), cost: input.count, scratch: isWide ? inner * 4 : 0
        ) { range, scratch in
            func find(_ range: Range<Int>, _ results: UnsafeMutablePointer<Int32>) {
                let (begin, end) = (Int64(range.lowerBound), Int64(range.upperBound))
                if isFloat {
                    ck_argument_f32(
                        maximum, input.elements(Float.self), results, Int64(count), Int64(inner), begin, end)
                } else {
                    ck_argument_codes(
                        maximum, isUnsigned, input.elements(UInt8.self), results, Int64(count), Int64(inner), begin,
                        end)
                }
            }
            guard isWide else { return find(range, output.elements(Int32.self)) }
            let found = scratch.assumingMemoryBound(to: Int32.self)
            for row in range {
                find(row..<row + 1, found - row * inner)
                for column in 0..<inner { output.elements(Int64.self)[row * inner + column] = Int64(found[column]) }
            }
        }
    }

    static func softmax(_ beta: Float, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let output = site.outputs.first, let depth = input.shape.dimensions.last else {
            return nil
        }
        guard site.isFloat(input, output) else { return softmaxOfCodes(beta, input, output, depth: depth) }
        return Step(units: input.count / depth, grain: max(1, 4096 / depth), cost: input.count * 6) { range, _ in
            ck_softmax_f32(
                beta, input.elements(Float.self), output.elements(Float.self), Int64(depth), Int64(range.lowerBound),
                Int64(range.upperBound))
        }
    }

    /// Source: LiteRT `PreprocessSoftmaxScaling` and `CalculateInputRadius` (kernels/internal/quantization_util.cc).
    private static func softmaxOfCodes(_ beta: Float, _ input: Site, _ output: Site, depth: Int) -> Step? {
        guard Requantization.isCode(input.type), Requantization.isCode(output.type), output.type.elementType != .int4,
            Requantization.isUnsigned(input.type) == Requantization.isUnsigned(output.type),
            let scale = input.type.quantization?.scale, scale > 0, beta > 0
        else { return nil }
        let factor = QuantizedMultiplier(
            min(Double(beta) * Double(scale) * Double(1 << 26), Double((1 << 31) - 1)))
        let shift = max(0, min(31, factor.shift))
        let radius = (31.0 * Double(1 << 26) / Double(1 << Int64(shift))).rounded(.down)
        var exponentials = [Int32](repeating: 0, count: 256)
        var terms = [Int32](repeating: 0, count: 256)
        ck_softmax_table(
            factor.multiplier, factor.shift, -saturatingInteger(radius, as: Int32.self), &exponentials, &terms)
        let tables = (exponentials, terms)
        let isUnsigned: Int32 = input.type.elementType == .uint8 ? 1 : 0
        return Step(units: input.count / depth, grain: max(1, 4096 / depth), cost: input.count * 6) { range, _ in
            ck_softmax_codes(
                tables.0, tables.1, isUnsigned, input.elements(UInt8.self), output.elements(UInt8.self), Int64(depth),
                Int64(range.lowerBound), Int64(range.upperBound))
        }
    }
}
