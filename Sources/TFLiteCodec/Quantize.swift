import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    /// Neither has options of its own: the result type that the file declares says what QUANTIZE makes.
    static func decodeQuantize(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        switch builtin {
        case "QUANTIZE":
            guard let result = types.outputs.first else { return nil }
            guard result.elementType.isInteger else {
                throw Diagnostic(.badModel, at: "", "quantises to \(result.elementType.rawValue)")
            }
            return .quantize(to: result.elementType)
        case "DEQUANTIZE": return .dequantize
        default: return nil
        }
    }
}
