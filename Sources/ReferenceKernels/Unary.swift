import Operators
import TensorCore

extension ReferenceKernels {
    static func unary(_ kind: Unary, _ call: Invocation) throws -> Tensor {
        try call.inSinglePrecision { call in
            let type = try call.input(0).elementType
            if kind == .logicalNot {
                guard type == .bool else { throw call.unsupported() }
                return try mapped(call, UInt8.self, UInt8.self) { $0 == 0 ? 1 : 0 }
            }
            if let result = try withReal(type, RealUnaryKernel(kind: kind, call: call)) { return result }
            if let result = try withNumber(type, WholeUnaryKernel(kind: kind, call: call)) { return result }
            throw call.unsupported()
        }
    }

    private struct RealUnaryKernel: RealKernel {
        let kind: Unary
        let call: Invocation

        func run<T: RealNumber>(_: T.Type) throws -> Tensor {
            try ReferenceKernels.mapped(call, T.self, T.self, function(T.self))
        }

        private func function<T: RealNumber>(_: T.Type) throws -> (T) -> T {
            switch kind {
            case .abs: { $0.magnitude }
            case .neg: { -$0 }
            case .exp: { $0.exponential }
            case .log: { $0.logarithm }
            case .sqrt: { $0.squareRoot() }
            case .rsqrt: { 1 / $0.squareRoot() }
            case .sin: { $0.sine }
            case .cos: { $0.cosine }
            case .floor: { $0.rounded(.down) }
            case .ceil: { $0.rounded(.up) }
            case .round: { $0.rounded(.toNearestOrEven) }
            case .square: { $0 * $0 }
            case .sign: { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }
            case .relu: { $0 < 0 ? 0 : $0 }
            case .relu6: { $0 < 0 ? 0 : 6 < $0 ? 6 : $0 }
            case .reluN1To1: { $0 < -1 ? -1 : 1 < $0 ? 1 : $0 }
            case .relu0To1: { $0 < 0 ? 0 : 1 < $0 ? 1 : $0 }
            case .logistic:
                { x in
                    // exp of a negative number only, which cannot overflow.
                    let power = (-x.magnitude).exponential
                    return x < 0 ? power / (1 + power) : 1 / (1 + power)
                }
            case .tanh: { $0.hyperbolicTangent }
            case .hardSwish: { $0 * Swift.min(Swift.max($0 + 3, 0), 6) / 6 }
            case .elu: { $0 < 0 ? $0.exponentialMinusOne : $0 }
            case .logicalNot: throw call.unsupported()
            }
        }
    }

    private struct WholeUnaryKernel: NumberKernel {
        let kind: Unary
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> Tensor {
            let (zero, one, minusOne) = (T(Int32(0)), T(Int32(1)), T(Int32(-1)))
            func clamp(_ lower: T, _ upper: T?) -> (T) -> T {
                { value in
                    if value < lower { return lower }
                    if let upper, upper < value { return upper }
                    return value
                }
            }
            let function: (T) -> T
            switch kind {
            case .abs: function = { $0 < zero ? zero.subtracting($0) : $0 }
            case .neg: function = { zero.subtracting($0) }
            case .square: function = { $0.multiplying($0) }
            case .sign: function = { $0 > zero ? one : $0 < zero ? minusOne : zero }
            case .relu: function = clamp(zero, nil)
            case .relu6: function = clamp(zero, T(Int32(6)))
            case .relu0To1: function = clamp(zero, one)
            case .reluN1To1 where T.lowest < zero: function = clamp(minusOne, one)
            default: throw call.unsupported()
            }
            return try ReferenceKernels.mapped(call, T.self, T.self, function)
        }
    }

    static func leakyRelu(alpha: Float, _ call: Invocation) throws -> Tensor {
        try real(call) { LeakyReluKernel(alpha: alpha, call: $0) }
    }

    private struct LeakyReluKernel: RealKernel {
        let alpha: Float
        let call: Invocation
        func run<T: RealNumber>(_: T.Type) throws -> Tensor {
            let alpha = T(Double(alpha))
            return try ReferenceKernels.mapped(call, T.self, T.self) { $0 > 0 ? $0 : $0 * alpha }
        }
    }

    static func gelu(approximate: Bool, _ call: Invocation) throws -> Tensor {
        try real(call) { GeluKernel(approximate: approximate, call: $0) }
    }

    private struct GeluKernel: RealKernel {
        let approximate: Bool
        let call: Invocation
        func run<T: RealNumber>(_: T.Type) throws -> Tensor {
            let rootOfHalf = T(0.70710678118654752440)
            let rootOfTwoByPi = T(0.79788456080286535588)
            let cubic = T(0.044715)
            let approximate = approximate
            return try ReferenceKernels.mapped(call, T.self, T.self) { x in
                let inner =
                    approximate
                    ? (rootOfTwoByPi * (x + cubic * x * x * x)).hyperbolicTangent : (x * rootOfHalf).errorFunction
                return x * (1 + inner) / 2
            }
        }
    }

    /// PRELU: the slopes broadcast to the input.
    static func prelu(_ call: Invocation) throws -> Tensor { try real(call, PreluKernel.init) }

    private struct PreluKernel: RealKernel {
        let call: Invocation
        func run<T: RealNumber>(_: T.Type) throws -> Tensor {
            try ReferenceKernels.zipped(call, T.self, T.self) { $0 >= 0 ? $0 : $0 * $1 }
        }
    }

    /// Runs a kernel that only float types have.
    static func real<K: RealKernel>(_ call: Invocation, _ make: (Invocation) -> K) throws -> Tensor
    where K.Result == Tensor {
        try call.inSinglePrecision { call in
            guard let result = try withReal(try call.input(0).elementType, make(call)) else { throw call.unsupported() }
            return result
        }
    }
}
