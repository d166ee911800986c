import Operators
import TensorCore

extension ReferenceKernels {
    static func reshape(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func transpose(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func concatenation(axis: Int, activation: Activation, _ call: Invocation) throws -> Tensor {
        throw call.unsupported()
    }
    static func split(count: Int, _ call: Invocation) throws -> [Tensor] { throw call.unsupported() }
    static func splitV(count: Int, _ call: Invocation) throws -> [Tensor] { throw call.unsupported() }
    static func slice(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func stridedSlice(_ op: StridedSlice, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func pad(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func mirrorPad(_ mode: MirrorPadMode, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func pack(axis: Int, count: Int, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func unpack(axis: Int, count: Int, _ call: Invocation) throws -> [Tensor] { throw call.unsupported() }
    static func tile(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func broadcastTo(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func reverse(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func depthToSpace(blockSize: Int, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func spaceToDepth(blockSize: Int, _ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func batchToSpaceND(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func spaceToBatchND(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func shape(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func fill(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
    static func range(_ call: Invocation) throws -> Tensor { throw call.unsupported() }
}
