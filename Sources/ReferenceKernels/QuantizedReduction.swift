import Operators
import TensorCore

extension ReferenceKernels {
    static func quantizedReduce(_ op: Reduction, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
