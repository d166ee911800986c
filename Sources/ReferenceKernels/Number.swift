import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An element type with arithmetic that never traps: integers wrap, floats follow IEEE 754.
protocol Number: TensorElement, Comparable {
    init(_ whole: Int32)
    func adding(_ other: Self) -> Self
    func subtracting(_ other: Self) -> Self
    func multiplying(_ other: Self) -> Self
    /// Integers truncate; nil for an integer divided by 0.
    func dividing(_ other: Self) -> Self?
    /// Rounded towards minus infinity; nil for an integer divided by 0.
    func floorDividing(_ other: Self) -> Self?
    /// What is left of `floorDividing`, with the divisor's sign; nil for an integer divided by 0.
    func floorRemainder(_ other: Self) -> Self?
    /// nil for an integer to a negative power.
    func raised(to exponent: Self) -> Self?
    var isNotANumber: Bool { get }
    /// Below every number, above every number: what a maximum or minimum of nothing is.
    static var lowest: Self { get }
    static var highest: Self { get }
    /// The accumulator of sums: binary64 for floats.
    static func sum(_ a: Wide, _ b: Self) -> Wide
    static func product(_ a: Wide, _ b: Self) -> Wide
    associatedtype Wide
    static var zeroSum: Wide { get }
    static var oneProduct: Wide { get }
    static func rounded(_ value: Wide) -> Self
    /// nil for an integer mean of nothing; integers truncate.
    static func mean(_ sum: Wide, count: Int) -> Self?
    /// Rounded once to binary16, binary32, binary64.
    var half: UInt16 { get }
    var single: Float { get }
    var wide: Double { get }
    /// Floats truncate towards zero and saturate, NaN becomes 0; integers keep their low bits.
    func integer<T: WholeNumber>(_: T.Type) -> T
    /// The same for a range of -8...7.
    var nibble: Int8 { get }
}

/// A float type with the functions that operators need.
protocol RealNumber: Number, BinaryFloatingPoint {
    var exponential: Self { get }
    var exponentialMinusOne: Self { get }
    var logarithm: Self { get }
    var sine: Self { get }
    var cosine: Self { get }
    var hyperbolicTangent: Self { get }
    var errorFunction: Self { get }
    static func power(_ base: Self, _ exponent: Self) -> Self
    static func arcTangent(_ y: Self, _ x: Self) -> Self
    static func remainder(_ a: Self, _ b: Self) -> Self
    init(_ wide: Double)
}

extension RealNumber {
    func adding(_ other: Self) -> Self { self + other }
    func subtracting(_ other: Self) -> Self { self - other }
    func multiplying(_ other: Self) -> Self { self * other }
    func dividing(_ other: Self) -> Self? { self / other }
    func floorDividing(_ other: Self) -> Self? { (self / other).rounded(.down) }
    func floorRemainder(_ other: Self) -> Self? {
        let remainder = Self.remainder(self, other)
        return remainder != 0 && (other < 0) != (remainder < 0) ? remainder + other : remainder
    }
    func raised(to exponent: Self) -> Self? { Self.power(self, exponent) }
    var isNotANumber: Bool { isNaN }
    static var lowest: Self { -.infinity }
    static var highest: Self { .infinity }
    static func sum(_ a: Double, _ b: Self) -> Double { a + b.wide }
    static func product(_ a: Double, _ b: Self) -> Double { a * b.wide }
    static var zeroSum: Double { 0 }
    static var oneProduct: Double { 1 }
    static func rounded(_ value: Double) -> Self { Self(value) }
    static func mean(_ sum: Double, count: Int) -> Self? { Self(sum / Double(count)) }
    func integer<T: WholeNumber>(_: T.Type) -> T { saturatingInteger(wide.rounded(.towardZero), as: T.self) }
    var nibble: Int8 { Swift.min(Swift.max(integer(Int8.self), -8), 7) }
}

extension Float: RealNumber {
    var exponential: Float { exp(self) }
    var exponentialMinusOne: Float { expm1(self) }
    var logarithm: Float { log(self) }
    var sine: Float { sin(self) }
    var cosine: Float { cos(self) }
    var hyperbolicTangent: Float { tanh(self) }
    var errorFunction: Float { erf(self) }
    static func power(_ base: Float, _ exponent: Float) -> Float { pow(base, exponent) }
    static func arcTangent(_ y: Float, _ x: Float) -> Float { atan2(y, x) }
    static func remainder(_ a: Float, _ b: Float) -> Float { fmod(a, b) }
    var half: UInt16 { Float16Bits.fromFloat(self) }
    var single: Float { self }
    var wide: Double { Double(self) }
}

extension Double: RealNumber {
    var exponential: Double { exp(self) }
    var exponentialMinusOne: Double { expm1(self) }
    var logarithm: Double { log(self) }
    var sine: Double { sin(self) }
    var cosine: Double { cos(self) }
    var hyperbolicTangent: Double { tanh(self) }
    var errorFunction: Double { erf(self) }
    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
    static func arcTangent(_ y: Double, _ x: Double) -> Double { atan2(y, x) }
    static func remainder(_ a: Double, _ b: Double) -> Double { fmod(a, b) }
    /// By way of binary32 rounded to odd, which keeps the second rounding exact.
    var half: UInt16 {
        var value = Float(self)
        if Double(value) != self, value.isFinite {
            if Double(value).magnitude > magnitude { value = Float(bitPattern: value.bitPattern - 1) }
            value = Float(bitPattern: value.bitPattern | 1)
        }
        return Float16Bits.fromFloat(value)
    }
    var single: Float { Float(self) }
    var wide: Double { self }
}

/// An integer element type.
protocol WholeNumber: Number, FixedWidthInteger {}

extension WholeNumber {
    init(_ whole: Int32) { self.init(truncatingIfNeeded: whole) }
    func adding(_ other: Self) -> Self { self &+ other }
    func subtracting(_ other: Self) -> Self { self &- other }
    func multiplying(_ other: Self) -> Self { self &* other }
    func dividing(_ other: Self) -> Self? { other == 0 ? nil : dividedReportingOverflow(by: other).partialValue }
    func floorDividing(_ other: Self) -> Self? {
        guard let quotient = dividing(other) else { return nil }
        let inexact = quotient &* other != self
        return inexact && (self < 0) != (other < 0) ? quotient &- 1 : quotient
    }
    func floorRemainder(_ other: Self) -> Self? { floorDividing(other).map { self &- $0 &* other } }
    func raised(to exponent: Self) -> Self? {
        guard exponent >= 0 else { return nil }
        var (result, base, rest): (Self, Self, Self) = (1, self, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result = result &* base }
            base = base &* base
            rest >>= 1
        }
        return result
    }
    var isNotANumber: Bool { false }
    static var lowest: Self { .min }
    static var highest: Self { .max }
    static func sum(_ a: Int64, _ b: Self) -> Int64 { a &+ Int64(truncatingIfNeeded: b) }
    static func product(_ a: Int64, _ b: Self) -> Int64 { a &* Int64(truncatingIfNeeded: b) }
    static var zeroSum: Int64 { 0 }
    static var oneProduct: Int64 { 1 }
    static func rounded(_ value: Int64) -> Self { Self(truncatingIfNeeded: value) }
    static func mean(_ sum: Int64, count: Int) -> Self? {
        count == 0 ? nil : Self(truncatingIfNeeded: sum / Int64(count))
    }
    var half: UInt16 { wide.half }
    var single: Float { Float(self) }
    var wide: Double { Double(self) }
    func integer<T: WholeNumber>(_: T.Type) -> T { T(truncatingIfNeeded: self) }
    var nibble: Int8 { (Int8(truncatingIfNeeded: self) << 4) >> 4 }
}

extension Int8: WholeNumber {}
extension Int16: WholeNumber {}
extension Int32: WholeNumber {}
extension Int64: WholeNumber {}
extension UInt8: WholeNumber {}
extension UInt16: WholeNumber {}
extension UInt32: WholeNumber {}
extension UInt64: WholeNumber {}

/// A kernel written once for every numeric element type.
protocol NumberKernel {
    associatedtype Result
    func run<T: Number>(_: T.Type) throws -> Result
}

/// A kernel written once for every float type.
protocol RealKernel {
    associatedtype Result
    func run<T: RealNumber>(_: T.Type) throws -> Result
}

extension ReferenceKernels {
    /// Runs `kernel` on the Swift type that stores `elementType`; nil for float16 and bool, which have no arithmetic.
    static func withNumber<K: NumberKernel>(_ elementType: ElementType, _ kernel: K) throws -> K.Result? {
        switch elementType {
        case .float32: try kernel.run(Float.self)
        case .float64: try kernel.run(Double.self)
        case .int4, .int8: try kernel.run(Int8.self)
        case .int16: try kernel.run(Int16.self)
        case .int32: try kernel.run(Int32.self)
        case .int64: try kernel.run(Int64.self)
        case .uint8: try kernel.run(UInt8.self)
        case .uint16: try kernel.run(UInt16.self)
        case .uint32: try kernel.run(UInt32.self)
        case .uint64: try kernel.run(UInt64.self)
        case .float16, .bool: nil
        }
    }

    /// Runs `kernel` on the Swift type that stores `elementType`; nil when it is not float32 or float64.
    static func withReal<K: RealKernel>(_ elementType: ElementType, _ kernel: K) throws -> K.Result? {
        switch elementType {
        case .float32: try kernel.run(Float.self)
        case .float64: try kernel.run(Double.self)
        default: nil
        }
    }
}
