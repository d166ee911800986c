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
            site.isFloat(input, output), let (outer, count, inner) = blocks(input.shape, axes)
        else { return nil }
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

    static func argument(_ op: ArgumentReduction, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let axes = site.input(1)?.integers, let output = site.outputs.first,
            output.type.elementType == .int32, let (outer, count, inner) = blocks(input.shape, axes),
            count < 1 << 31
        else { return nil }
        let maximum: Int32 = op.kind == .max ? 1 : 0
        if input.type.elementType == .float32 {
            return Step(units: outer, grain: max(1, 8192 / (count * inner)), cost: input.count) { range, _ in
                ck_argument_f32(
                    maximum, input.elements(Float.self), output.elements(Int32.self), Int64(count), Int64(inner),
                    Int64(range.lowerBound), Int64(range.upperBound))
            }
        }
        guard Requantization.isCode(input.type) else { return nil }
        let isUnsigned: Int32 = input.type.elementType == .uint8 ? 1 : 0
        return Step(units: outer, grain: max(1, 8192 / (count * inner)), cost: input.count) { range, _ in
            ck_argument_codes(
                maximum, isUnsigned, input.elements(UInt8.self), output.elements(Int32.self), Int64(count),
                Int64(inner), Int64(range.lowerBound), Int64(range.upperBound))
        }
    }

    static func softmax(_ beta: Float, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let output = site.outputs.first, site.isFloat(input, output),
            let depth = input.shape.dimensions.last
        else { return nil }
        return Step(units: input.count / depth, grain: max(1, 4096 / depth), cost: input.count * 6) { range, _ in
            ck_softmax_f32(
                beta, input.elements(Float.self), output.elements(Float.self), Int64(depth), Int64(range.lowerBound),
                Int64(range.upperBound))
        }
    }
}
