import Operators
import TensorCore

extension ReferenceKernels {
    static func quantizedSoftmax(beta: Float, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func quantizedLogSoftmax(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
