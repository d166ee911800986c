import Operators
import TensorCore

extension ReferenceKernels {
    static func resizeBilinear(_ options: ResizeOptions, _ call: Invocation) throws -> Tensor {
        throw call.unsupported()
    }
    static func resizeNearestNeighbor(_ options: ResizeOptions, _ call: Invocation) throws -> Tensor {
        throw call.unsupported()
    }
}
