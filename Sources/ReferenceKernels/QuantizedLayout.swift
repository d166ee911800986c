import Operators
import TensorCore

extension ReferenceKernels {
    static func quantizedConcatenation(axis: Int, activation: Activation, _ call: Invocation) throws -> Tensor {
        throw call.unsupported()
    }
}
