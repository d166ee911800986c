import Operators
import TensorCore

/// A number that sums of products are formed in: float32 in the order of the operands, integers wrapping.
protocol Accumulator: TensorElement {
    static var zero: Self { get }
    mutating func addProduct(_ a: Self, _ b: Self)
}

extension Float: Accumulator {
    @inline(__always) mutating func addProduct(_ a: Float, _ b: Float) { self += a * b }
}

extension Int32: Accumulator {
    @inline(__always) mutating func addProduct(_ a: Int32, _ b: Int32) { self &+= a &* b }
}

extension Int64: Accumulator {
    @inline(__always) mutating func addProduct(_ a: Int64, _ b: Int64) { self &+= a &* b }
}

/// Integers that a sum of products of codes can have.
protocol IntegerAccumulator: Accumulator, FixedWidthInteger {
    func scaled(by factor: QuantizedMultiplier) -> Int32
}

extension Int32: IntegerAccumulator {
    @inline(__always) func scaled(by factor: QuantizedMultiplier) -> Int32 { FixedPoint.multiply(self, by: factor) }
}

extension Int64: IntegerAccumulator {
    @inline(__always) func scaled(by factor: QuantizedMultiplier) -> Int32 { FixedPoint.multiply(self, by: factor) }
}

extension Invocation {
    /// The codes of `tensor` minus `zeroPoint`. int4 is held one element a byte.
    func centered<A: IntegerAccumulator>(_ tensor: Tensor, zeroPoint: Int32, as _: A.Type) throws -> [A] {
        func widen<C: Code>(_: C.Type) -> [A] {
            tensor.withElements(of: C.self) { codes in codes.map { A($0) &- A(zeroPoint) } }
        }
        switch tensor.elementType {
        case .int8, .int4: return widen(Int8.self)
        case .uint8: return widen(UInt8.self)
        case .int16: return widen(Int16.self)
        default: throw unsupported("codes of \(tensor.elementType.rawValue)")
        }
    }

    /// The bias, or zeros when it is absent.
    func integerBias<A: IntegerAccumulator>(_ index: Int, count: Int, as _: A.Type) throws -> [A] {
        guard let bias = optional(index) else { return [A](repeating: 0, count: count) }
        guard bias.count == count else { throw badShape() }
        switch bias.elementType {
        case .int32: return bias.elements(of: Int32.self).map { A(truncatingIfNeeded: $0) }
        case .int64: return bias.elements(of: Int64.self).map { A(truncatingIfNeeded: $0) }
        default: throw unsupported("a bias of \(bias.elementType.rawValue)")
        }
    }

    func floatBias(_ index: Int, count: Int) throws -> [Float] {
        guard let bias = optional(index) else { return [Float](repeating: 0, count: count) }
        guard bias.elementType == .float32 else { throw unsupported("a bias of \(bias.elementType.rawValue)") }
        guard bias.count == count else { throw badShape() }
        return bias.elements(of: Float.self)
    }
}

extension Activation {
    /// The real result of a fused activation; NaN passes as in LiteRT's `min(max(x, low), high)`.
    @inline(__always)
    func apply(_ value: Float) -> Float {
        switch self {
        case .none: value
        case .relu: value < 0 ? 0 : value
        case .relu6: value < 0 ? 0 : (6 < value ? 6 : value)
        case .reluN1To1: value < -1 ? -1 : (1 < value ? 1 : value)
        }
    }
}
