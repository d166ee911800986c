import Operators
import TensorCore

extension ReferenceKernels {
    /// uint8 operands are rescaled to the result's parameters in float32; those of int8 and int16 must have them already.
    ///
    /// Source: LiteRT `ConcatenationWithScaling` (kernels/internal/reference/concatenation.h).
    static func quantizedConcatenation(axis: Int, activation: Activation, _ call: Invocation) throws -> Tensor {
        let type = try call.output()
        let to = try call.affine(type)
        let inverse = 1 / to.scale
        let parts = try call.inputs.indices.map { index in
            let part = try call.input(index)
            let from = try call.affine(part)
            guard part.elementType == type.elementType else { throw call.unsupported() }
            if from.scale == to.scale, from.zeroPoint == to.zeroPoint { return part }
            guard part.elementType == .uint8 else {
                throw Diagnostic(
                    .badModel, at: call.name,
                    "operand \(index) is \(part.type), the result \(type); only uint8 operands are rescaled")
            }
            let scale = from.scale * inverse
            let bias = -Float(from.zeroPoint) * scale
            let codes = part.elements(of: UInt8.self).map { code in
                UInt8(clamping: Int64(roundedInteger(Float(code) * scale + bias)) + Int64(to.zeroPoint))
            }
            return Tensor(codes, shape: part.shape, quantization: type.quantization)
        }
        return try concatenation(
            axis: axis, activation: activation, Invocation(name: call.name, inputs: parts, outputs: call.outputs))
    }
}
