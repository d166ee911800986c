import Operators
import TensorCore

extension ReferenceKernels {
    static func quantizedBinary(_ op: Binary, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func quantizedCompare(_ kind: Comparison, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func quantizedUnary(_ kind: Unary, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func quantizedLeakyRelu(alpha: Float, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func quantizedGelu(approximate: Bool, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func quantizedPrelu(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
