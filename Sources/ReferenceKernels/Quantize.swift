import Operators
import TensorCore

extension ReferenceKernels {
    static func quantize(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func dequantize(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
