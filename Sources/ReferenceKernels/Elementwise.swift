import Operators
import TensorCore

extension ReferenceKernels {
    static func binary(_ op: Binary, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func compare(_ kind: Comparison, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func logical(_ kind: Logical, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func unary(_ kind: Unary, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func leakyRelu(alpha: Float, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func gelu(approximate: Bool, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func prelu(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func select(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func cast(to: ElementType, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
