/// The element types a tensor can have; the names and sizes are those of TFLite's `TensorType`.
public enum ElementType: String, Sendable, Hashable, CaseIterable {
    case float16, float32, float64
    case int4, int8, int16, int32, int64
    case uint8, uint16, uint32, uint64
    case bool

    /// Bytes of one element as tensors show it. `int4` is shown unpacked (one element a byte) and packed, low nibble
    /// first, in files and in tensors read from them; see ``bitsInFile`` and ``Tensor/init(_:packed:)``.
    public var byteCount: Int {
        switch self {
        case .int4, .int8, .uint8, .bool: 1
        case .float16, .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64: 8
        }
    }

    /// Bits of one element in a `.tflite` buffer.
    public var bitsInFile: Int { self == .int4 ? 4 : byteCount * 8 }

    public var isFloat: Bool {
        switch self {
        case .float16, .float32, .float64: true
        default: false
        }
    }

    /// True for signed and unsigned integers; false for floats and `bool`.
    public var isInteger: Bool { !isFloat && self != .bool }

    /// Range of representable codes for integer types, nil for floats and `bool`. `int4` is [-8, 7].
    public var integerRange: ClosedRange<Int64>? {
        switch self {
        case .int4: -8...7
        case .int8: -128...127
        case .int16: -32768...32767
        case .int32: Int64(Int32.min)...Int64(Int32.max)
        case .int64: Int64.min...Int64.max
        case .uint8: 0...255
        case .uint16: 0...65535
        case .uint32: 0...Int64(UInt32.max)
        case .uint64: 0...Int64.max
        default: nil
        }
    }
}
