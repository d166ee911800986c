import Operators
import TensorCore

extension ReferenceKernels {
    /// An operator with int4 operands or results: the int8 kernel on the same codes, whose results are limited to [-8, 7]
    /// where they are int4. Nil when no int4 takes part, and for CAST, which has kernels of its own.
    ///
    /// For int4 weights this is what LiteRT does, which unpacks them to int8; int4 activations it has no kernels for.
    static func evaluateFourBit(_ op: Operator, _ call: Invocation) throws -> [Tensor]? {
        guard call.inputs.contains(where: { $0?.elementType == .int4 }) || call.outputs.contains(where: \.isFourBit)
        else { return nil }
        var op = op
        switch op {
        case .cast, .bitcast: return nil
        case .quantize(to: .int4): op = .quantize(to: .int8)
        default: break
        }
        let inputs = call.inputs.map { $0.map { $0.type.isFourBit ? $0.retyped($0.type.inEightBits) : $0 } }
        let wide = Invocation(
            name: call.name, inputs: inputs, outputs: call.outputs.map { $0.isFourBit ? $0.inEightBits : $0 })
        return try zip(dispatch(op, wide), call.outputs).map { result, type in
            guard type.isFourBit else { return result }
            guard result.elementType == .int8 else { throw call.unsupported("a result of \(type)") }
            return Tensor(
                result.elements(of: Int8.self).map { min(7, max(-8, $0)) }, shape: result.shape, as: .int4,
                quantization: type.quantization)
        }
    }
}

extension TensorType {
    fileprivate var isFourBit: Bool { elementType == .int4 }
    fileprivate var inEightBits: TensorType { TensorType(.int8, shape, quantization: quantization) }
}
