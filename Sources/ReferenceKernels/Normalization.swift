import Operators
import TensorCore

extension ReferenceKernels {
    static func softmax(beta: Float, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func logSoftmax(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
