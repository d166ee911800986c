import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodeElementwise(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        if let kind = Binary.Kind(rawValue: builtin) {
            try refusePowerOfTwoArithmetic(kind, o, types)
            return .binary(Binary(kind, activation: try Activation(tflite: o.activation)))
        }
        if let kind = Comparison(rawValue: builtin) { return .compare(kind) }
        if let kind = Logical(rawValue: builtin) { return .logical(kind) }
        if let kind = Unary(rawValue: builtin) { return .unary(kind) }
        switch builtin {
        case "LEAKY_RELU": return .leakyRelu(alpha: o.value)
        case "GELU": return .gelu(approximate: o.approximate)
        case "PRELU": return .prelu
        case "SELECT_V2": return .select
        case "SELECT":
            // The older operator also takes one condition per outermost index, which is no broadcast.
            guard let condition = types.input(0)?.shape, let choice = types.input(1)?.shape,
                condition == choice || condition.rank == 0
            else { throw unsupported("one condition per outermost index") }
            return .select
        case "CAST":
            guard let result = types.outputs.first else { return nil }
            return .cast(to: result.elementType)
        case "BITCAST":
            guard let result = types.outputs.first else { return nil }
            return .bitcast(to: result.elementType)
        default: return nil
        }
    }

    static func encodeElementwise(_ op: Operator, _ types: CodedTypes, _ o: inout CTFLOptions) {
        switch op {
        case .binary(let op):
            o.activation = op.activation.tflite
            let is16Bit = types.input(0)?.elementType == .int16
            o.powerOfTwoScaleInt16 = !((op.kind == .add || op.kind == .sub) && is16Bit)
        case .leakyRelu(let alpha): o.value = alpha
        case .gelu(let approximate): o.approximate = approximate
        case .cast(let to):
            o.inputType = types.input(0)?.elementType.tfliteType ?? 0
            o.outputType = to.tfliteType
        default: break
        }
    }

    /// 16-bit ADD and SUB have a second arithmetic, which runtimes choose when the option allows it and every scale is a
    /// power of two.
    private static func refusePowerOfTwoArithmetic(
        _ kind: Binary.Kind, _ o: CTFLOptions, _ types: CodedTypes
    ) throws {
        guard kind == .add || kind == .sub, o.powerOfTwoScaleInt16 else { return }
        let operands = types.inputs.compactMap { $0 } + types.outputs
        guard operands.allSatisfy({ $0.elementType == .int16 && $0.quantization != nil }) else { return }
        let scales = operands.compactMap { $0.quantization?.scale }
        if scales.allSatisfy({ $0 > 0 && $0.significand == 1 }) {
            throw unsupported("16-bit arithmetic with scales that are powers of two")
        }
    }
}
