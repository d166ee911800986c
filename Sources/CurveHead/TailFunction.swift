import GraphIR
import Operators
import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An element-wise operator behind the head as a function of one real number.
enum TailFunction: Sendable, Hashable {
    case unary(Unary)
    case leakyRelu(alpha: Float)
    case binary(Binary, constant: Float, constantIsFirst: Bool)

    /// Nil when `node` is none, or an operand that should be a number is a tensor.
    init?(_ node: Node, in graph: Graph) {
        switch node.op {
        case .unary(let kind) where Self.value(kind, 0.5) != nil: self = .unary(kind)
        case .leakyRelu(let alpha): self = .leakyRelu(alpha: alpha)
        case .prelu:
            guard let alpha = graph.uniformReal(node.inputs[1]) else { return nil }
            self = .leakyRelu(alpha: Float(alpha))
        case .binary(let op):
            let constants = node.inputs.map { graph.uniformReal($0) }
            guard constants.count == 2, Self.value(op.kind, 1, 1) != nil else { return nil }
            switch (constants[0], constants[1]) {
            case (nil, let right?): self = .binary(op, constant: Float(right), constantIsFirst: false)
            case (let left?, nil): self = .binary(op, constant: Float(left), constantIsFirst: true)
            default: return nil
            }
        default: return nil
        }
    }

    func callAsFunction(_ x: Double) -> Double {
        switch self {
        case .unary(let kind): return Self.value(kind, x) ?? .nan
        case .leakyRelu(let alpha): return x < 0 ? x * Double(alpha) : x
        case .binary(let op, let constant, let constantIsFirst):
            let other = Double(constant)
            let result = (constantIsFirst ? Self.value(op.kind, other, x) : Self.value(op.kind, x, other)) ?? .nan
            let bounds = op.activation.bounds
            return min(
                max(result, bounds.lower.map(Double.init) ?? -.infinity), bounds.upper.map(Double.init) ?? .infinity)
        }
    }

    /// True for y = a x + b.
    var isAffine: Bool {
        switch self {
        case .unary(let kind): return kind == .neg
        case .leakyRelu: return false
        case .binary(let op, _, let constantIsFirst):
            guard op.activation == .none else { return false }
            return [.add, .sub, .mul].contains(op.kind) || (op.kind == .div && !constantIsFirst)
        }
    }

    private static func value(_ kind: Binary.Kind, _ a: Double, _ b: Double) -> Double? {
        switch kind {
        case .add: a + b
        case .sub: a - b
        case .mul: a * b
        case .div: a / b
        case .maximum: max(a, b)
        case .minimum: min(a, b)
        case .pow: pow(a, b)
        default: nil
        }
    }

    private static func value(_ kind: Unary, _ x: Double) -> Double? {
        switch kind {
        case .neg: -x
        case .exp: exp(x)
        case .log: log(x)
        case .sqrt: x.squareRoot()
        case .rsqrt: 1 / x.squareRoot()
        case .relu: max(x, 0)
        case .relu6: min(max(x, 0), 6)
        case .reluN1To1: min(max(x, -1), 1)
        case .relu0To1: min(max(x, 0), 1)
        case .logistic: 1 / (1 + exp(-x))
        case .tanh: tanh(x)
        case .elu: x < 0 ? expm1(x) : x
        case .square: x * x
        case .abs: abs(x)
        default: nil
        }
    }
}

extension Graph {
    /// The real number that all elements of a constant are; nil for other values.
    func uniformReal(_ value: ValueID?) -> Double? {
        guard let tensor = constant(value), let first = tensor.doubles().first,
            tensor.type.quantization?.isPerChannel != true, tensor.doubles().allSatisfy({ $0 == first })
        else { return nil }
        guard let parameters = tensor.type.quantization, !tensor.elementType.isFloat else { return first }
        return (first - Double(parameters.zeroPoint)) * Double(parameters.scale)
    }
}
