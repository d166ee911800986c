import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodeNormalization(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        switch builtin {
        case "SOFTMAX": .softmax(beta: o.value)
        case "LOG_SOFTMAX": .logSoftmax
        default: nil
        }
    }

    static func encodeNormalization(_ op: Operator, _ o: inout CTFLOptions) {
        if case .softmax(let beta) = op { o.value = beta }
    }
}
