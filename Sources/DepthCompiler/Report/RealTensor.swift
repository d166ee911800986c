import Evaluation
import TensorCore

extension Tensor {
    /// The real numbers as a float32 tensor: dequantised codes; tensors that are no codes stay as they are.
    func dequantized() -> Tensor {
        guard let parameters = type.quantization, !elementType.isFloat else { return self }
        guard !parameters.isPerChannel else { return Tensor(realValues().map { Float($0) }, shape: shape) }
        switch elementType {
        case .int8, .int4: return scaled(Int8.self, parameters)
        case .uint8: return scaled(UInt8.self, parameters)
        case .int16: return scaled(Int16.self, parameters)
        default: return Tensor(realValues().map { Float($0) }, shape: shape)
        }
    }

    private func scaled<T: TensorElement & FixedWidthInteger>(
        _: T.Type, _ parameters: QuantizationParameters
    ) -> Tensor {
        let (scale, zeroPoint) = (parameters.scale, parameters.zeroPoint)
        var result = Tensor(zeros: TensorType(.float32, shape))
        withElements(of: T.self) { codes in
            result.withMutableElements(of: Float.self) { reals in
                for index in codes.indices { reals[index] = scale * Float(Int32(codes[index]) &- zeroPoint) }
            }
        }
        return result
    }

    /// `self - other`, element by element, of float32 tensors of the same shape; 0 where it is not finite.
    func difference(to other: Tensor) -> Tensor {
        var result = self
        other.withElements(of: Float.self) { other in
            result.withMutableElements(of: Float.self) { elements in
                for index in elements.indices {
                    let difference = elements[index] - other[index]
                    elements[index] = difference.isFinite ? difference : 0
                }
            }
        }
        return result
    }
}

extension TensorType {
    /// The reals that the codes of a per-tensor quantised type can express; nil for other types.
    var representableRange: ClosedRange<Float>? {
        guard let quantization, !quantization.isPerChannel, let codes = elementType.integerRange else { return nil }
        func real(_ code: Int64) -> Float { quantization.scale * Float(code - Int64(quantization.zeroPoint)) }
        return real(codes.lowerBound)...real(codes.upperBound)
    }
}

/// Sums over the elements of one value, over any number of samples.
struct NoiseSums {
    private(set) var count = 0
    private(set) var signal = 0.0
    private(set) var noise = 0.0
    private(set) var clipped = 0

    /// Adds `actual - wanted` of two float32 tensors; elements that are not finite on both sides are left out. Elements
    /// of `wanted` more than half of `step` outside `limits` count as clipped.
    mutating func add(wanted: Tensor, actual: Tensor, limits: ClosedRange<Float>? = nil, step: Float = 0) {
        guard wanted.elementType == .float32, actual.elementType == .float32, wanted.count == actual.count else {
            return
        }
        let low = limits.map { $0.lowerBound - step / 2 } ?? -.infinity
        let high = limits.map { $0.upperBound + step / 2 } ?? .infinity
        wanted.withElements(of: Float.self) { wanted in
            actual.withElements(of: Float.self) { actual in
                for index in wanted.indices {
                    let (expected, error) = (wanted[index], actual[index] - wanted[index])
                    guard error.isFinite else { continue }
                    count += 1
                    signal += Double(expected) * Double(expected)
                    noise += Double(error) * Double(error)
                    if expected < low || expected > high { clipped += 1 }
                }
            }
        }
    }

    /// Noise relative to the signal; infinite for noise on a signal of zeros.
    var relative: Double { noise == 0 ? 0 : signal > 0 ? noise / signal : .infinity }
    var clippedShare: Double { count > 0 ? Double(clipped) / Double(count) : 0 }
}
