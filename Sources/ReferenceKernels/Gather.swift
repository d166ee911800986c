import Operators
import TensorCore

extension ReferenceKernels {
    static func gather(axis: Int, batchDimensions: Int, _ call: Invocation) throws -> Tensor {
        throw call.unsupported()
    }
    static func gatherND(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func scatterND(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func oneHot(axis: Int, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
