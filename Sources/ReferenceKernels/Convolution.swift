import Operators
import TensorCore

extension ReferenceKernels {
    static func conv2D(_ op: Conv2D, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func depthwiseConv2D(_ op: DepthwiseConv2D, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func transposeConv(_ op: TransposeConv, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
