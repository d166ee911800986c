import Operators
import TensorCore

extension ReferenceKernels {
    static func fullyConnected(_ op: FullyConnected, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func batchMatMul(_ op: BatchMatMul, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
