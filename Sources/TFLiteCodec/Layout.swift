import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodeLayout(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        switch builtin {
        case "RESHAPE": return .reshape
        case "TRANSPOSE": return .transpose
        case "CONCATENATION":
            return .concatenation(axis: Int(o.axis), activation: try Activation(tflite: o.activation))
        case "SPLIT": return .split(count: Int(o.count))
        case "SPLIT_V": return .splitV(count: Int(o.count))
        case "SLICE": return .slice
        case "STRIDED_SLICE":
            return .stridedSlice(
                StridedSlice(
                    beginMask: Int(o.beginMask), endMask: Int(o.endMask), ellipsisMask: Int(o.ellipsisMask),
                    newAxisMask: Int(o.newAxisMask), shrinkAxisMask: Int(o.shrinkAxisMask), offset: o.offset))
        case "PAD": return .pad
        case "PADV2": return .padV2
        case "MIRROR_PAD":
            switch o.mode {
            case 0: return .mirrorPad(.reflect)
            case 1: return .mirrorPad(.symmetric)
            default: throw Diagnostic(.badModel, at: "", "there is no mirror mode \(o.mode)")
            }
        case "PACK": return .pack(axis: Int(o.axis), count: Int(o.count))
        case "UNPACK": return .unpack(axis: Int(o.axis), count: Int(o.count))
        case "EXPAND_DIMS": return .expandDims
        case "SQUEEZE": return .squeeze(axes: o.dimensions.integers)
        case "TILE": return .tile
        case "BROADCAST_TO": return .broadcastTo
        case "REVERSE_V2": return .reverse
        case "DEPTH_TO_SPACE": return .depthToSpace(blockSize: Int(o.blockSize))
        case "SPACE_TO_DEPTH": return .spaceToDepth(blockSize: Int(o.blockSize))
        case "BATCH_TO_SPACE_ND": return .batchToSpaceND
        case "SPACE_TO_BATCH_ND": return .spaceToBatchND
        case "SHAPE":
            guard let type = ElementType(tfliteType: o.outputType), type == .int32 || type == .int64 else {
                throw Diagnostic(.badModel, at: "", "a shape of type \(Builtin.typeName(o.outputType))")
            }
            return .shape(type)
        case "FILL": return .fill
        case "RANGE": return .range
        default: return nil
        }
    }

    /// Everything but the axes of SQUEEZE, which are a vector that the caller keeps alive.
    static func encodeLayout(_ op: Operator, _ o: inout CTFLOptions) throws {
        switch op {
        case .concatenation(let axis, let activation):
            o.axis = try int32(axis)
            o.activation = activation.tflite
        case .split(let count), .splitV(let count): o.count = try int32(count)
        case .stridedSlice(let op):
            o.beginMask = try int32(op.beginMask)
            o.endMask = try int32(op.endMask)
            o.ellipsisMask = try int32(op.ellipsisMask)
            o.newAxisMask = try int32(op.newAxisMask)
            o.shrinkAxisMask = try int32(op.shrinkAxisMask)
            o.offset = op.offset
        case .mirrorPad(let mode): o.mode = mode == .reflect ? 0 : 1
        case .pack(let axis, let count), .unpack(let axis, let count):
            o.axis = try int32(axis)
            o.count = try int32(count)
        case .depthToSpace(let blockSize), .spaceToDepth(let blockSize): o.blockSize = try int32(blockSize)
        case .shape(let type): o.outputType = type.tfliteType
        default: break
        }
    }
}
