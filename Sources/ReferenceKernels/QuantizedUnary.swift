import Operators
import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension ReferenceKernels {
    static func quantizedUnary(_ kind: Unary, _ call: Invocation) throws -> Tensor {
        switch try call.input(0).elementType {
        case .int8: return try unaryOfBytes(kind, Int8.self, call)
        case .uint8: return try unaryOfBytes(kind, UInt8.self, call)
        case .int16: return try unaryOfWords(kind, call)
        default: throw call.unsupported()
        }
    }

    private static func unaryOfBytes<C: Code>(_ kind: Unary, _: C.Type, _ call: Invocation) throws -> Tensor {
        let signed = C.self == Int8.self
        switch kind {
        case .logistic: return try byTable(C.self, call) { _, _ in { 1 / (1 + expf(-$0)) } }
        case .tanh: return try byTable(C.self, call) { _, _ in { tanhf($0) } }
        case .elu where signed: return try byTable(C.self, call) { _, _ in { $0 < 0 ? expm1f($0) : $0 } }
        case .exp where signed: return try byTable(C.self, call) { _, _ in { expf($0) } }
        case .log where signed: return try byTable(C.self, call, logarithmFunction(lowest: -128))
        case .relu, .relu6, .reluN1To1, .relu0To1: return try rectified(kind, C.self, call)
        case .hardSwish: return try hardSwish(C.self, call)
        case .abs where signed: return try absolute(C.self, call)
        case .rsqrt where signed: return try reciprocalSquareRoot(C.self, call)
        case .sqrt where signed: return try squareRoot(C.self, call)
        default: throw call.unsupported()
        }
    }

    private static func unaryOfWords(_ kind: Unary, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let scale = try call.affine(input).scale
        switch kind {
        case .logistic:
            let table = SigmoidTable(scale: scale, exactShifts: 0...0)
            return try call.mapCodes(input, type, table.logistic)
        case .tanh:
            let table = SigmoidTable(scale: scale, exactShifts: 0...1)
            return try call.mapCodes(input, type, table.tanh)
        case .exp: return try byPoints(call) { _, _ in { expf($0) } }
        case .log: return try byPoints(call, logarithmFunction(lowest: -32768))
        case .rsqrt: return try byPoints(call) { _, output in { $0 <= 0 ? 32767 * output.scale : 1 / $0.squareRoot() } }
        case .relu, .relu6: return try rectified(kind, Int16.self, call)
        case .abs: return try absolute(Int16.self, call)
        case .sqrt: return try squareRoot(Int16.self, call)
        default: throw call.unsupported()
        }
    }

    /// Source: LiteRT `GeluPrepare` (kernels/activations.cc).
    static func quantizedGelu(approximate: Bool, _ call: Invocation) throws -> Tensor {
        let function: (Float) -> Float =
            approximate
            ? { x in
                let scale = Float(2 / Double.pi.squareRoot() * 0.5.squareRoot())
                return 0.5 * x * (1 + tanhf(scale * (x + 0.044715 * x * x * x)))
            } : { x in 0.5 * x * erfcf(x * Float(-(0.5.squareRoot()))) }
        switch try call.input(0).elementType {
        case .int8: return try byTable(Int8.self, call) { _, _ in function }
        case .uint8: return try byTable(UInt8.self, call) { _, _ in function }
        case .int16: return try byPoints(call) { _, _ in function }
        default: throw call.unsupported()
        }
    }

    private static func byTable<C: Code>(
        _: C.Type, _ call: Invocation, _ function: (_ input: Affine, _ output: Affine) -> (Float) -> Float
    ) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (from, to) = (try call.affine(input), try call.affine(type))
        let table = LookupTable.bytes(from, to, C.self, function(from, to))
        return try call.mapCodes(input, type) { (code: C) in table[Int(code) - Int(C.min)] }
    }

    private static func byPoints(
        _ call: Invocation, _ function: (_ input: Affine, _ output: Affine) -> (Float) -> Float
    ) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (from, to) = (try call.affine(input), try call.affine(type))
        let points = LookupTable.points(
            inputScale: from.scale, inputZeroPoint: from.zeroPoint, outputScale: to.scale,
            outputZeroPoint: to.zeroPoint, function(from, to))
        return try call.mapCodes(input, type) { LookupTable.lookup($0, points) }
    }

    /// The logarithm of numbers that are not positive is the smallest result.
    private static func logarithmFunction(lowest: Int32) -> (_ input: Affine, _ output: Affine) -> (Float) -> Float {
        { _, output in { $0 <= 0 ? Float(lowest &- output.zeroPoint) * output.scale : logf($0) } }
    }

    /// RELU and its relatives, with rescaling.
    private static func rectified<C: Code>(_ kind: Unary, _: C.Type, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (from, to) = (try call.affine(input), try call.affine(type))
        let factor = QuantizedMultiplier(Double(from.scale / to.scale))
        let (lower, upper): (Float, Float?) =
            switch kind {
            case .relu6: (0, 6)
            case .reluN1To1: (-1, 1)
            case .relu0To1: (0, 1)
            default: (0, nil)
            }
        let low = max(Int32(C.min), to.zeroPoint &+ roundedInteger(lower / to.scale))
        let high = upper.map { min(Int32(C.max), to.zeroPoint &+ roundedInteger($0 / to.scale)) } ?? Int32(C.max)
        return try call.mapCodes(input, type) { (code: C) in
            let value = to.zeroPoint &+ FixedPoint.multiply(Int32(code) &- from.zeroPoint, by: factor)
            return C(truncatingIfNeeded: min(high, max(low, value)))
        }
    }

    /// Source: LiteRT `AbsEvalQuantized` (kernels/elementwise.cc).
    private static func absolute<C: Code>(_: C.Type, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (from, to) = (try call.affine(input), try call.affine(type))
        let factor = QuantizedMultiplier(Double(from.scale / to.scale))
        return try call.mapCodes(input, type) { (code: C) in
            let magnitude = Int32(truncatingIfNeeded: (Int32(code) &- from.zeroPoint).magnitude)
            let scaled = from.scale == to.scale ? magnitude : FixedPoint.multiply(magnitude, by: factor)
            return C(clamping: scaled &+ to.zeroPoint)
        }
    }

    /// Source: LiteRT `RsqrtEvalQuantizedInt8` (kernels/elementwise.cc).
    private static func reciprocalSquareRoot<C: Code>(_: C.Type, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (from, to) = (try call.affine(input), try call.affine(type))
        let factor = QuantizedMultiplier(1 / Double(from.scale.squareRoot() * to.scale))
        return try call.mapCodes(input, type) { (code: C) in
            let value = Int32(code) &- from.zeroPoint
            guard value >= 0 else { throw Diagnostic(.badData, at: call.name, "a negative operand") }
            guard value > 0 else { return C.max }
            var inverse = FixedPointFunctions.inverseSquareRoot(value)
            inverse.shift &+= 20
            let data = FixedPoint.multiply(Int32(1), by: inverse)
            var down = factor
            down.shift &-= 20
            return C(clamping: FixedPoint.multiply(data, by: down) &+ to.zeroPoint)
        }
    }

    /// Source: LiteRT `SqrtEvalQuantized` (kernels/elementwise.cc): the quotient is truncated.
    private static func squareRoot<C: Code>(_: C.Type, _ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        let (from, to) = (try call.affine(input), try call.affine(type))
        return try call.mapCodes(input, type) { (code: C) in
            let real = from.scale * Float(Int32(code) &- from.zeroPoint)
            guard real >= 0 else { throw Diagnostic(.badData, at: call.name, "a negative operand") }
            let steps: Int32 = saturatingInteger(Double(real.squareRoot() / to.scale), as: Int32.self)
            return C(clamping: Int64(steps) + Int64(to.zeroPoint))
        }
    }
}
