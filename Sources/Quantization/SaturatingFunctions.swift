import Operators

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Operator {
    /// The function of one operand that this operator computes, where it has flat parts; nil for other operators.
    var saturatingFunction: ((Double) -> Double)? {
        switch self {
        case .unary(.elu): { $0 > 0 ? $0 : expm1($0) }
        case .unary(.logistic): { 1 / (1 + exp(-$0)) }
        case .unary(.tanh): { tanh($0) }
        case .unary(.hardSwish): { $0 * min(max($0 + 3, 0), 6) / 6 }
        case .gelu: { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) }
        default: nil
        }
    }
}
