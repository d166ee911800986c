import Operators
import TensorCore

/// How an accelerator whose arithmetic is not public is taken to round, in units of the result's scale and before the
/// zero point is added.
package enum AssumedRounding: String, Sendable, Codable, CaseIterable {
    case halfUp = "half up"
    case halfAway = "half away from zero"
    case halfEven = "half to even"

    /// The whole number next to `value`.
    @inline(__always)
    package func rounded(_ value: Double) -> Double {
        switch self {
        case .halfUp:
            let below = value.rounded(.down)
            return value - below >= 0.5 ? below + 1 : below
        case .halfAway: return value.rounded(.toNearestOrAwayFromZero)
        case .halfEven: return value.rounded(.toNearestOrEven)
        }
    }

    /// A tensor of codes: numbers in units of the scale of `type`, limited to what `activation` and the codes let through
    /// and rounded once. What is not a number becomes the zero point.
    ///
    /// - Throws: `Diagnostic` (.badModel) when `type` has no single positive scale, (.unsupported) for other codes than
    ///   those of 8 and 16 bits.
    func codes(
        of type: TensorType, limitedBy activation: Activation = .none, _ value: (Int) -> Double
    ) throws -> Tensor {
        guard let parameters = type.quantization, !parameters.isPerChannel, parameters.scale > 0,
            parameters.scale.isFinite, let range = type.elementType.integerRange
        else { throw Diagnostic(.badModel, at: "\(type)", "codes need one positive scale") }
        let zeroPoint = Int64(parameters.zeroPoint)
        let (least, most) = (Double(range.lowerBound - zeroPoint), Double(range.upperBound - zeroPoint))
        func limit(_ real: Float?, _ otherwise: Double) -> Double {
            real.map { min(max(Double($0) / Double(parameters.scale), least), most) } ?? otherwise
        }
        let lower = limit(activation.bounds.lower, least)
        let upper = limit(activation.bounds.upper, most)
        func fill<C: FixedWidthInteger & TensorElement>(_: C.Type) -> Tensor {
            var result = Tensor(zeros: type)
            result.withMutableElements(of: C.self) { codes in
                for index in codes.indices {
                    var steps = value(index)
                    if steps < lower { steps = lower }
                    if steps > upper { steps = upper }
                    codes[index] = C(truncatingIfNeeded: saturatingInteger(rounded(steps), as: Int64.self) + zeroPoint)
                }
            }
            return result
        }
        switch type.elementType {
        case .int8: return fill(Int8.self)
        case .uint8: return fill(UInt8.self)
        case .int16: return fill(Int16.self)
        default: throw Diagnostic(.unsupported, at: "\(type)", "has no assumed arithmetic")
        }
    }
}
