import Operators
import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension ReferenceKernels {
    /// The sum is rescaled in double precision and rounded once, unlike convolutions.
    ///
    /// Source: LiteRT `FullyConnected` and `FullyConnectedPerChannel` with scales
    /// (kernels/internal/reference/integer_ops/fully_connected.h, reference/fully_connected.h).
    static func quantizedFullyConnected<C: Code, A: IntegerAccumulator>(
        _ op: FullyConnected, _ product: MatrixProduct, _: C.Type, _: A.Type, _ call: Invocation
    ) throws -> Tensor {
        let (inputTensor, weightTensor, type) = (try call.input(0), try call.input(1), try call.output())
        let (input, output) = (try call.affine(inputTensor), try call.affine(type))
        let factors = try call.weightScales(weightTensor, count: product.columns).map {
            Double(input.scale) * Double($0) / Double(output.scale)
        }
        let bias = try call.integerBias(2, count: product.columns, as: A.self)
        let range = call.codeRange(op.activation, output, of: C.self)
        let codes = try call.centered(inputTensor, zeroPoint: input.zeroPoint, as: A.self)
        let weights = try call.centered(
            weightTensor, zeroPoint: weightTensor.type.quantization?.zeroPoint ?? 0, as: A.self)
        return try call.codes(type, of: C.self) { result in
            product.run(codes, product.transposed(weights)) { row, sums in
                for c in 0..<sums.count {
                    let real = (Double(sums[c] &+ bias[c]) * factors[c]).rounded(.toNearestOrAwayFromZero)
                    let scaled = saturatingInteger(real, as: Int32.self)
                    result[row * product.columns + c] = range.clamp(scaled &+ output.zeroPoint, as: C.self)
                }
            }
        }
    }

    /// Source: LiteRT `EvalHybridDense` (kernels/fully_connected.cc).
    static func hybridFullyConnected(
        _ op: FullyConnected, _ product: MatrixProduct, _ call: Invocation
    ) throws -> Tensor {
        let (input, weightTensor) = (try call.input(0), try call.input(1))
        let scales = try call.weightScales(weightTensor, count: product.columns)
        let bias = try call.floatBias(2, count: product.columns)
        let rows = DynamicCodes(
            input.elements(of: Float.self), batches: product.rows, asymmetric: op.asymmetricQuantizeInputs)
        let weights = try call.centered(
            weightTensor, zeroPoint: try call.weightZeroPoint(weightTensor), as: Int32.self)
        return try floatResult(call) { result in
            product.run(rows.centered, product.transposed(weights)) { row, sums in
                for c in 0..<sums.count {
                    let real = bias[c] + Float(sums[c]) * (rows.scales[row] * scales[c])
                    result[row * product.columns + c] = op.activation.apply(real)
                }
            }
        }
    }

    /// Source: LiteRT `BatchMatMul` for integers (kernels/internal/reference/batch_matmul.h).
    static func quantizedBatchMatMul<C: Code, A: IntegerAccumulator>(
        _ batches: BatchedProduct, _: C.Type, _: A.Type, _ call: Invocation
    ) throws -> Tensor {
        let (leftTensor, rightTensor, type) = (try call.input(0), try call.input(1), try call.output())
        let (left, right, output) = (
            try call.affine(leftTensor), try call.affine(rightTensor), try call.affine(type)
        )
        let factor = QuantizedMultiplier(Double(left.scale * right.scale) / Double(output.scale))
        let range = call.codeRange(.none, output, of: C.self)
        let a = try call.centered(leftTensor, zeroPoint: left.zeroPoint, as: A.self)
        let b = try call.centered(rightTensor, zeroPoint: right.zeroPoint, as: A.self)
        return try call.codes(type, of: C.self) { result in
            batches.run(a, b) { _, start, sums in
                for c in 0..<sums.count {
                    result[start + c] = range.clamp(sums[c].scaled(by: factor) &+ output.zeroPoint, as: C.self)
                }
            }
        }
    }

    /// Every row of the left operand is quantised by itself.
    ///
    /// Source: LiteRT `EvalHybrid` (kernels/batch_matmul.cc).
    static func hybridBatchMatMul(_ op: BatchMatMul, _ batches: BatchedProduct, _ call: Invocation) throws -> Tensor {
        let (left, rightTensor) = (try call.input(0), try call.input(1))
        guard !op.adjointLeft else { throw call.unsupported("a transposed float operand and int8 weights") }
        let product = batches.product
        let scales = try call.weightScales(rightTensor, count: product.columns)
        let rows = DynamicCodes(
            left.elements(of: Float.self), batches: product.depth > 0 ? left.count / product.depth : 0,
            asymmetric: op.asymmetricQuantizeInputs)
        let right = try call.centered(rightTensor, zeroPoint: try call.weightZeroPoint(rightTensor), as: Int32.self)
        return try floatResult(call) { result in
            batches.run(rows.centered, right) { row, start, sums in
                for c in 0..<sums.count { result[start + c] = Float(sums[c]) * (rows.scales[row] * scales[c]) }
            }
        }
    }
}
