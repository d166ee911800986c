import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodeReduction(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        if let kind = Reduction.Kind(rawValue: builtin) {
            return .reduce(Reduction(kind, keepDimensions: o.keepDimensions))
        }
        if let kind = ArgumentReduction.Kind(rawValue: builtin) {
            guard let type = ElementType(tfliteType: o.outputType), type == .int32 || type == .int64 else {
                throw Diagnostic(.badModel, at: "", "indices of type \(Builtin.typeName(o.outputType))")
            }
            return .argument(ArgumentReduction(kind, outputType: type))
        }
        switch builtin {
        case "TOPK_V2": return .topK
        case "CUMSUM": return .cumulativeSum(exclusive: o.exclusive, reverse: o.reverse)
        default: return nil
        }
    }

    static func encodeReduction(_ op: Operator, _ o: inout CTFLOptions) {
        switch op {
        case .reduce(let op): o.keepDimensions = op.keepDimensions
        case .argument(let op): o.outputType = op.outputType.tfliteType
        case .cumulativeSum(let exclusive, let reverse):
            o.exclusive = exclusive
            o.reverse = reverse
        default: break
        }
    }
}
