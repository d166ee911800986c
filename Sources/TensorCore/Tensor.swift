/// A Swift type that stores one element of a tensor.
public protocol TensorElement: Sendable, BitwiseCopyable {
    static var elementType: ElementType { get }
}

extension Float: TensorElement { public static var elementType: ElementType { .float32 } }
extension Double: TensorElement { public static var elementType: ElementType { .float64 } }
extension Int8: TensorElement { public static var elementType: ElementType { .int8 } }
extension Int16: TensorElement { public static var elementType: ElementType { .int16 } }
extension Int32: TensorElement { public static var elementType: ElementType { .int32 } }
extension Int64: TensorElement { public static var elementType: ElementType { .int64 } }
extension UInt8: TensorElement { public static var elementType: ElementType { .uint8 } }
extension UInt16: TensorElement { public static var elementType: ElementType { .uint16 } }
extension UInt32: TensorElement { public static var elementType: ElementType { .uint32 } }
extension UInt64: TensorElement { public static var elementType: ElementType { .uint64 } }
extension Bool: TensorElement { public static var elementType: ElementType { .bool } }

/// Memory of a tensor, 64-byte aligned, freed with its last owner. Written only before it is shared.
final class TensorStorage: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
    /// True when a byte holds two int4 elements, the first in the low half; of an odd count the last half is 0.
    private(set) var isPacked = false
    private var isBorrowed = false

    /// Zeroed memory.
    init(byteCount: Int) {
        bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Memory with a copy of `source`.
    init(copying source: UnsafeRawBufferPointer) {
        bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(source.count, 1), alignment: 64)
        if source.isEmpty {
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
        } else {
            bytes.copyMemory(from: source)
        }
    }

    /// Memory with a copy of `count` packed int4 elements.
    init(packed source: UnsafeRawBufferPointer, count: Int) {
        bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(source.count, 1), alignment: 64)
        bytes[0] = 0
        bytes.copyMemory(from: source)
        if count % 2 == 1 { bytes[count / 2] &= 0xF }
        isPacked = true
    }

    /// Memory with the first `count` elements of packed memory, one a byte.
    init(unpacking source: TensorStorage, count: Int) {
        bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
        bytes[0] = 0
        for i in 0..<count {
            let half = i % 2 == 0 ? source.bytes[i / 2] & 0xF : source.bytes[i / 2] >> 4
            bytes[i] = half >= 8 ? half | 0xF0 : half
        }
    }

    /// Another's memory.
    init(borrowing source: UnsafeMutableRawBufferPointer) {
        bytes = source
        isBorrowed = true
    }

    deinit { if !isBorrowed { bytes.deallocate() } }
}

/// A typed, row-major, immutable array of numbers with value semantics: copies share storage, mutation copies first.
public struct Tensor: Sendable {
    public var type: TensorType
    private var storage: TensorStorage

    /// A tensor of zeros.
    public init(zeros type: TensorType) {
        self.type = type
        storage = TensorStorage(byteCount: type.byteCount)
    }

    /// A tensor whose bytes are a copy of `bytes`; nil when their number is not the type's.
    public init?(_ type: TensorType, bytes: UnsafeRawBufferPointer) {
        guard let count = type.shape.checkedElementCount(), count * type.elementType.byteCount == bytes.count else {
            return nil
        }
        self.type = type
        storage = TensorStorage(copying: bytes)
    }

    /// An int4 tensor that keeps its elements two to a byte, the first in the low half, as files do; whoever reads the
    /// elements gets them one a byte, in memory that lives as long as the reading. nil for another type or number of bytes.
    package init?(_ type: TensorType, packed bytes: UnsafeRawBufferPointer) {
        guard type.elementType == .int4, let count = type.shape.checkedElementCount(),
            bytes.count == count / 2 + count % 2
        else { return nil }
        self.type = type
        storage = TensorStorage(packed: bytes, count: count)
    }

    /// A tensor in memory that somebody else owns and may change: to be read, and let go of before that.
    ///
    /// Precondition: `memory` has as many bytes as the type.
    package init(_ type: TensorType, borrowing memory: UnsafeMutableRawBufferPointer) {
        precondition(memory.count == type.byteCount, "\(memory.count) bytes for \(type)")
        self.type = type
        storage = TensorStorage(borrowing: memory)
    }

    /// A tensor of `values` in row-major order. Precondition: as many values as the shape has elements.
    public init<T: TensorElement>(
        _ values: [T], shape: Shape, as elementType: ElementType? = nil, quantization: QuantizationParameters? = nil
    ) {
        precondition(values.count == shape.elementCount, "\(values.count) values for shape \(shape)")
        self.init(zeros: TensorType(elementType ?? T.elementType, shape, quantization: quantization))
        values.withUnsafeBytes { source in
            if let base = source.baseAddress, source.count > 0 {
                storage.bytes.baseAddress?.copyMemory(from: base, byteCount: source.count)
            }
        }
    }

    public init<T: TensorElement>(scalar value: T) { self.init([value], shape: []) }

    public var shape: Shape { type.shape }
    public var elementType: ElementType { type.elementType }
    public var count: Int { type.shape.elementCount }

    /// The same elements with another shape of as many elements, or another quantisation.
    public func retyped(_ type: TensorType) -> Tensor {
        precondition(type.byteCount == self.type.byteCount, "\(self.type) cannot be seen as \(type)")
        var copy = self
        copy.type = type
        return copy
    }

    /// True when two elements share a byte in memory; see ``init(_:packed:)``.
    package var isPacked: Bool { storage.isPacked }

    /// Memory with one element a unit of `elementType.byteCount`: a temporary copy when the tensor is packed.
    private var plainStorage: TensorStorage {
        storage.isPacked ? TensorStorage(unpacking: storage, count: type.byteCount) : storage
    }

    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        let plain = plainStorage
        return try withExtendedLifetime(plain) {
            try body(UnsafeRawBufferPointer(rebasing: plain.bytes[0..<type.byteCount]))
        }
    }

    /// Calls `body` with the bytes that a file holds: int4 two elements to a byte, the first in the low half, everything
    /// else as it is.
    package func withFileBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        guard elementType == .int4 else { return try withUnsafeBytes(body) }
        let size = type.byteCount / 2 + type.byteCount % 2
        if storage.isPacked { return try body(UnsafeRawBufferPointer(rebasing: storage.bytes[0..<size])) }
        let bytes = storage.bytes
        let packed = (0..<size).map { i in
            bytes[2 * i] & 0xF | (2 * i + 1 < type.byteCount ? bytes[2 * i + 1] << 4 : 0)
        }
        return try packed.withUnsafeBytes(body)
    }

    /// The same elements, one in every unit of memory.
    package func unpacked() -> Tensor {
        var copy = self
        copy.storage = plainStorage
        return copy
    }

    /// Calls `body` with the elements as `T`. Precondition: `T` has the size of the element type.
    public func withElements<T: TensorElement, R>(
        of _: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> R
    ) rethrows -> R {
        precondition(MemoryLayout<T>.stride == elementType.byteCount, "\(T.self) elements of \(type)")
        return try withUnsafeBytes { try body($0.bindMemory(to: T.self)) }
    }

    public mutating func withUnsafeMutableBytes<R>(
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        makeUnique()
        return try body(UnsafeMutableRawBufferPointer(rebasing: storage.bytes[0..<type.byteCount]))
    }

    public mutating func withMutableElements<T: TensorElement, R>(
        of _: T.Type, _ body: (UnsafeMutableBufferPointer<T>) throws -> R
    ) rethrows -> R {
        precondition(MemoryLayout<T>.stride == elementType.byteCount, "\(T.self) elements of \(type)")
        makeUnique()
        return try body(
            UnsafeMutableRawBufferPointer(rebasing: storage.bytes[0..<type.byteCount]).bindMemory(to: T.self))
    }

    /// The elements as an array. Precondition: `T` has the size of the element type.
    public func elements<T: TensorElement>(of _: T.Type = T.self) -> [T] { withElements(of: T.self) { Array($0) } }

    /// Every element as `Double` (bool as 0 and 1), without dequantising.
    public func doubles() -> [Double] {
        switch elementType {
        case .float16: elements(of: UInt16.self).map { Double(Float16Bits.toFloat($0)) }
        case .float32: elements(of: Float.self).map(Double.init)
        case .float64: elements(of: Double.self)
        case .int4, .int8: elements(of: Int8.self).map(Double.init)
        case .int16: elements(of: Int16.self).map(Double.init)
        case .int32: elements(of: Int32.self).map(Double.init)
        case .int64: elements(of: Int64.self).map(Double.init)
        case .uint8, .bool: elements(of: UInt8.self).map(Double.init)
        case .uint16: elements(of: UInt16.self).map(Double.init)
        case .uint32: elements(of: UInt32.self).map(Double.init)
        case .uint64: elements(of: UInt64.self).map { Double($0) }
        }
    }

    /// Every element as `Int` when the element type is an integer or bool, else nil; `uint64` clamps to `Int.max`.
    public func integers() -> [Int]? {
        switch elementType {
        case .int4, .int8: elements(of: Int8.self).map(Int.init)
        case .int16: elements(of: Int16.self).map(Int.init)
        case .int32: elements(of: Int32.self).map(Int.init)
        case .int64: elements(of: Int64.self).map(Int.init)
        case .uint8, .bool: elements(of: UInt8.self).map(Int.init)
        case .uint16: elements(of: UInt16.self).map(Int.init)
        case .uint32: elements(of: UInt32.self).map(Int.init)
        case .uint64: elements(of: UInt64.self).map { Int(clamping: $0) }
        case .float16, .float32, .float64: nil
        }
    }

    /// True when both have the same type and the same bytes; shared storage is equal without a look at the bytes.
    public func isIdentical(to other: Tensor) -> Bool {
        guard type == other.type else { return false }
        if storage === other.storage { return true }
        if isPacked, other.isPacked { return withFileBytes { a in other.withFileBytes { b in a.elementsEqual(b) } } }
        return withUnsafeBytes { a in other.withUnsafeBytes { b in a.elementsEqual(b) } }
    }

    /// Identity of the storage: equal for copies that have not been changed since they were copied.
    public var storageIdentity: ObjectIdentifier { ObjectIdentifier(storage) }

    private mutating func makeUnique() {
        if storage.isPacked { storage = plainStorage }
        if !isKnownUniquelyReferenced(&storage) {
            let copy = TensorStorage(byteCount: storage.bytes.count)
            copy.bytes.copyMemory(from: UnsafeRawBufferPointer(storage.bytes))
            storage = copy
        }
    }
}
