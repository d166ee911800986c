import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodeGather(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        switch builtin {
        case "GATHER": .gather(axis: Int(o.axis), batchDimensions: Int(o.batchDimensions))
        case "GATHER_ND": .gatherND
        case "SCATTER_ND": .scatterND
        case "ONE_HOT": .oneHot(axis: Int(o.axis))
        default: nil
        }
    }

    static func encodeGather(_ op: Operator, _ o: inout CTFLOptions) throws {
        switch op {
        case .gather(let axis, let batchDimensions):
            o.axis = try int32(axis)
            o.batchDimensions = try int32(batchDimensions)
        case .oneHot(let axis): o.axis = try int32(axis)
        default: break
        }
    }
}
