import Operators
import TensorCore

extension ReferenceKernels {
    /// The mean of raw codes, halves away from zero: operand and result have the same parameters.
    ///
    /// Source: LiteRT `AveragePool` (kernels/internal/reference/integer_ops/pooling.h, reference/pooling.h).
    static func averageOfCodes<C: Code>(
        _ op: Pool2D, _ window: PoolWindow, _: C.Type, _ call: Invocation
    ) throws -> Tensor {
        let range = call.codeRange(op.activation, try call.affine(try call.output()), of: C.self)
        return try pool(window, C.self, call) { codes, indices in
            var sum: Int32 = 0
            for i in indices { sum &+= Int32(codes[i]) }
            let count = Int32(clamping: indices.count)
            let mean = sum > 0 ? (sum &+ count / 2) / count : (sum &- count / 2) / count
            return range.clamp(mean, as: C.self)
        }
    }

    static func maximumOfCodes<C: Code>(
        _ op: Pool2D, _ window: PoolWindow, _: C.Type, _ call: Invocation
    ) throws -> Tensor {
        let range = call.codeRange(op.activation, try call.affine(try call.output()), of: C.self)
        return try pool(window, C.self, call) { codes, indices in
            var best = C.min
            for i in indices { best = max(best, codes[i]) }
            return range.clamp(Int32(best), as: C.self)
        }
    }
}
