import Operators
import TensorCore

extension ReferenceKernels {
    static func reduce(_ op: Reduction, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func argument(_ op: ArgumentReduction, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func topK(_ call: Invocation) throws -> [Tensor] { throw call.unsupported() }
    static func cumulativeSum(exclusive: Bool, reverse: Bool, _ call: Invocation) throws -> Tensor {
        throw call.unsupported()
    }
}
