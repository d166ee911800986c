import Operators
import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension ReferenceKernels {
    static func quantizedSoftmax(beta: Float, _ call: Invocation) throws -> Tensor {
        switch try call.input(0).elementType {
        case .int8: return try softmaxOfBytes(beta: beta, Int8.self, call)
        case .uint8: return try softmaxOfBytes(beta: beta, UInt8.self, call)
        case .int16: return try softmaxOfWords(beta: beta, call)
        default: throw call.unsupported()
        }
    }

    static func quantizedLogSoftmax(_ call: Invocation) throws -> Tensor {
        switch try call.input(0).elementType {
        case .int8: return try logSoftmaxOfBytes(Int8.self, call)
        case .uint8: return try logSoftmaxOfBytes(UInt8.self, call)
        default: throw call.unsupported()
        }
    }

    /// Calls `body` for every row along the last axis.
    private static func forEachRow<C: Code>(
        _ call: Invocation, _: C.Type, _ body: (UnsafeBufferPointer<C>, UnsafeMutableBufferPointer<C>) -> Void
    ) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        guard let depth = input.shape.dimensions.last, type.shape == input.shape else { throw call.badShape() }
        return try call.codes(type, of: C.self) { output in
            input.withElements(of: C.self) { codes in
                guard depth > 0 else { return }
                for start in stride(from: 0, to: codes.count, by: depth) {
                    body(
                        UnsafeBufferPointer(rebasing: codes[start..<start + depth]),
                        UnsafeMutableBufferPointer(rebasing: output[start..<start + depth]))
                }
            }
        }
    }

    /// Source: LiteRT `Softmax` for 8-bit codes (kernels/internal/reference/softmax.h).
    private static func softmaxOfBytes<C: Code>(beta: Float, _: C.Type, _ call: Invocation) throws -> Tensor {
        let input = try call.affine(try call.input(0))
        let differences = NegativeDifferences(scale: input.scale, beta: Double(beta))
        return try forEachRow(call, C.self) { codes, output in
            let largest = codes.max() ?? 0
            var sum: Int32 = 0
            for code in codes {
                guard let exponential = differences.exponential(Int32(code) - Int32(largest)) else { continue }
                sum &+= FixedPointFunctions.scaled(exponential, byPowerOfTwo: -12)
            }
            let (factor, bits) = FixedPointFunctions.reciprocal(sum, integerBits: 12)
            let exponent = Int32(clamping: bits + 31 - 8)
            for i in codes.indices {
                output[i] = C.min
                guard let exponential = differences.exponential(Int32(codes[i]) - Int32(largest)),
                    0...31 ~= exponent
                else { continue }
                let code = FixedPoint.roundingDivideByPowerOfTwo(
                    FixedPointFunctions.product(factor, exponential), exponent)
                output[i] = C(clamping: code &+ Int32(C.min))
            }
        }
    }

    /// Source: LiteRT `SoftmaxInt16` and `SoftmaxPrepare`.
    private static func softmaxOfWords(beta: Float, _ call: Invocation) throws -> Tensor {
        let input = try call.affine(try call.input(0))
        let exponentials = LookupTable.points(
            inputScale: 10.0 / 65535, inputZeroPoint: 32767, outputScale: 2.0 / 65535, outputZeroPoint: 0
        ) { exp($0) }
        let reciprocals = LookupTable.points(
            inputScale: 1.0 / 65535, inputZeroPoint: -32768, outputScale: 2.0 / 65535, outputZeroPoint: 0
        ) { 1 / (1 + $0) }
        let factor = QuantizedMultiplier(Double(input.scale * beta) / (10.0 / 65535))
        return try forEachRow(call, Int16.self) { codes, output in
            let largest = Int32(codes.max() ?? 0)
            var sum: Int32 = 0
            for i in codes.indices {
                let scaled = FixedPoint.multiply(Int32(codes[i]) - largest, by: factor)
                output[i] = LookupTable.lookup(Int16(clamping: scaled &+ 32767), exponentials)
                sum &+= Int32(output[i])
            }
            let headroom = sum.leadingZeroBitCount
            let shifted = ((Int64(sum) << Int64(headroom - 1)) &+ (1 << 13)) >> 14
            let centred = Int32(truncatingIfNeeded: shifted) &- ((1 << 15) + (1 << 16))
            let reciprocal = Int64(LookupTable.lookup(Int16(clamping: centred), reciprocals))
            let right = Int64(31 - headroom)
            for i in codes.indices {
                let half: Int64 = right > 0 ? 1 << (right - 1) : 0
                let code = (Int64(output[i]) &* reciprocal &+ half) >> right
                output[i] = Int16(clamping: max(0, Int32(truncatingIfNeeded: code)))
            }
        }
    }

    /// Source: LiteRT `LogSoftmaxQuantized` (kernels/internal/reference/log_softmax.h).
    private static func logSoftmaxOfBytes<C: Code>(_: C.Type, _ call: Invocation) throws -> Tensor {
        let input = try call.affine(try call.input(0))
        let differences = NegativeDifferences(scale: input.scale, beta: 1)
        return try forEachRow(call, C.self) { codes, output in
            let largest = Int32(codes.max() ?? 0)
            var sum: Int32 = 0
            for code in codes {
                guard let exponential = differences.exponential(Int32(code) - largest) else { continue }
                sum &+= FixedPointFunctions.scaled(exponential, byPowerOfTwo: -12)
            }
            let logarithm = FixedPointFunctions.logarithm(sum)
            let smallest = max(
                differences.smallest - 1, FixedPoint.multiply(logarithm &+ Int32.min, by: differences.inverse))
            for i in codes.indices {
                let difference = Int32(codes[i]) - largest
                output[i] = C.min
                guard difference > smallest else { continue }
                let real = differences.rescaled(difference) &- logarithm
                output[i] = C(clamping: FixedPoint.roundingDivideByPowerOfTwo(real, 22) &+ Int32(C.max))
            }
        }
    }
}

/// Differences of codes to the largest one of their row, as fixed-point numbers with 5 integer bits.
///
/// Source: LiteRT `PreprocessSoftmaxScaling`, `PreprocessLogSoftmaxScalingExp` and `CalculateInputRadius`
/// (kernels/internal/quantization_util.cc).
private struct NegativeDifferences {
    private let factor: QuantizedMultiplier
    /// Differences below this one count as minus infinity.
    let smallest: Int32
    /// From fixed point back to differences of codes.
    let inverse: QuantizedMultiplier

    init(scale: Float, beta: Double) {
        factor = QuantizedMultiplier(min(beta * Double(scale) * Double(1 << 26), Double((1 << 31) - 1)))
        let shift = max(0, min(31, factor.shift))
        smallest = -saturatingInteger(
            (31.0 * Double(1 << 26) / Double(1 << Int64(shift))).rounded(.down), as: Int32.self)
        inverse =
            factor.multiplier == 0
            ? QuantizedMultiplier(0) : QuantizedMultiplier(Double(1 << Int64(31 - shift)) / Double(factor.multiplier))
    }

    func rescaled(_ difference: Int32) -> Int32 { FixedPoint.multiply(difference, by: factor) }

    /// e to the difference, 0 integer bits; nil where it is negligible.
    func exponential(_ difference: Int32) -> Int32? {
        difference >= smallest ? FixedPointFunctions.exponentialOfNegative(rescaled(difference)) : nil
    }
}
