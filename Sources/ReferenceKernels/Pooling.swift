import Operators
import TensorCore

extension ReferenceKernels {
    static func averagePool2D(_ op: Pool2D, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func maxPool2D(_ op: Pool2D, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
