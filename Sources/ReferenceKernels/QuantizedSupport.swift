import Operators
import TensorCore

/// An element type of quantised activations or weights.
protocol Code: FixedWidthInteger, TensorElement {}
extension Int8: Code {}
extension UInt8: Code {}
extension Int16: Code {}

/// Per-tensor parameters of a quantised tensor.
struct Affine {
    let scale: Float
    let zeroPoint: Int32

    /// - Throws: `Diagnostic` (.badModel) when `type` has no parameters, several, or a scale that is not positive.
    init(_ type: TensorType, _ name: String) throws {
        guard let parameters = type.quantization, parameters.scale > 0, parameters.scale.isFinite,
            parameters.scales.count == 1, parameters.zeroPoints.count == 1
        else { throw Diagnostic(.badModel, at: name, "\(type) needs one positive scale and one zero point") }
        scale = parameters.scale
        zeroPoint = parameters.zeroPoint
    }
}

extension Invocation {
    func affine(_ tensor: Tensor) throws -> Affine { try Affine(tensor.type, name) }
    func affine(_ type: TensorType) throws -> Affine { try Affine(type, name) }

    /// The codes that a fused activation lets through.
    ///
    /// Source: LiteRT `CalculateActivationRangeQuantized` (kernels/kernel_util.cc).
    func codeRange<C: Code>(_ activation: Activation, _ output: Affine, of _: C.Type) -> ClosedRange<Int32> {
        func code(_ real: Float) -> Int32 {
            let steps: Int32 = saturatingInteger(
                Double((real / output.scale).rounded(.toNearestOrAwayFromZero)), as: Int32.self)
            return output.zeroPoint &+ steps
        }
        let lower = max(Int32(C.min), activation.bounds.lower.map(code) ?? Int32(C.min))
        let upper = min(Int32(C.max), activation.bounds.upper.map(code) ?? Int32(C.max))
        return lower...max(lower, upper)
    }

    /// A result of codes, filled by `body`.
    func codes<C: Code>(
        _ type: TensorType, of _: C.Type, _ body: (UnsafeMutableBufferPointer<C>) throws -> Void
    ) throws -> Tensor {
        guard type.elementType == C.elementType else { throw unsupported("a result of \(type.elementType.rawValue)") }
        var result = Tensor(zeros: type)
        try result.withMutableElements(of: C.self, body)
        return result
    }

    /// Applies `function` to every code of `input`.
    func mapCodes<C: Code>(_ input: Tensor, _ type: TensorType, _ function: (C) throws -> C) throws -> Tensor {
        guard type.shape.elementCount == input.count else { throw badShape() }
        return try codes(type, of: C.self) { output in
            try input.withElements(of: C.self) { codes in
                for i in output.indices { output[i] = try function(codes[i]) }
            }
        }
    }

    func badShape() -> Diagnostic { Diagnostic(.badModel, at: name, "the shapes of operands and results do not fit") }
}

extension ClosedRange where Bound == Int32 {
    /// The nearest code in the range.
    @inline(__always)
    func clamp<C: Code>(_ value: Int32, as _: C.Type) -> C {
        C(truncatingIfNeeded: Swift.max(lowerBound, Swift.min(upperBound, value)))
    }
}

/// The nearest 32-bit integer, halves away from zero.
@inline(__always)
func roundedInteger(_ value: Float) -> Int32 {
    saturatingInteger(Double(value.rounded(.toNearestOrAwayFromZero)), as: Int32.self)
}
