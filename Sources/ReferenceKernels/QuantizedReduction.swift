import Operators
import TensorCore

extension ReferenceKernels {
    static func quantizedReduce(_ op: Reduction, _ call: Invocation) throws -> Tensor {
        switch try call.input(0).elementType {
        case .int8: return try reduceCodes(op, Int8.self, call)
        case .uint8: return try reduceCodes(op, UInt8.self, call)
        case .int16: return try reduceCodes(op, Int16.self, call)
        default: throw call.unsupported()
        }
    }

    /// Source: LiteRT `QuantizedMeanOrSum` (kernels/internal/reference/reduce.h); extrema are of raw codes.
    private static func reduceCodes<C: Code>(_ op: Reduction, _: C.Type, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let rows = try ReducedRows(input, axes: try call.integers(1), call)
        let results: [C]
        switch op.kind {
        case .sum where C.self == Int16.self: throw call.unsupported("a sum of int16 codes")
        case .max: results = rows.map(C.self) { $0.max() ?? C.min }
        case .min: results = rows.map(C.self) { $0.min() ?? C.max }
        case .mean, .sum:
            let (from, to) = (try call.affine(input), try call.affine(type))
            let factor = QuantizedMultiplier(Double(from.scale) / Double(to.scale))
            results = rows.map(C.self) { row in
                var sum: Int32 = 0
                for code in row { sum &+= Int32(code) }
                guard !row.isEmpty else { return C(clamping: to.zeroPoint) }
                let count = Int64(row.count)
                let shifted = Int32(truncatingIfNeeded: Int64(sum) &- Int64(from.zeroPoint) &* count)
                let scale = op.kind == .mean ? factor.divided(by: count) : factor
                return C(clamping: FixedPoint.multiply(shifted, by: scale) &+ to.zeroPoint)
            }
        case .product, .any, .all: throw call.unsupported()
        }
        guard results.count == type.shape.elementCount, type.elementType == C.elementType else {
            throw call.badShape()
        }
        return Tensor(results, shape: type.shape, quantization: type.quantization)
    }
}

extension QuantizedMultiplier {
    /// The factor of a mean of `count` numbers, with the multiplier truncated.
    fileprivate func divided(by count: Int64) -> QuantizedMultiplier {
        let shift = max(0, min(63 - Int32(count.leadingZeroBitCount), 32, 31 &+ self.shift))
        let quotient = (Int64(multiplier) << Int64(shift)) / count
        return QuantizedMultiplier(multiplier: Int32(truncatingIfNeeded: quotient), shift: self.shift &- shift)
    }
}
