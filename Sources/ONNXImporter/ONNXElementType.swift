import TensorCore

/// `TensorProto.DataType`: the element types of the ONNX format.
enum ONNXElementType: Int32, Sendable, Hashable {
    case float32 = 1
    case uint8, int8, uint16, int16, int32, int64, string, bool, float16, float64, uint32, uint64
    case complex64, complex128, bfloat16, float8e4m3fn, float8e4m3fnuz, float8e5m2, float8e5m2fnuz
    case uint4, int4, float4e2m1, float8e8m0, uint2, int2

    var name: String { String(describing: self) }

    var isFloat: Bool {
        switch self {
        case .float32, .float16, .float64, .bfloat16: true
        default: false
        }
    }

    /// The type its elements have inside depthc as they are read: bfloat16 widens to float32, types of fewer than
    /// eight bits to bytes; nil when depthc has no such type.
    var storageType: ElementType? {
        switch self {
        case .float32, .bfloat16: .float32
        case .float16: .float16
        case .float64: .float64
        case .int8, .int4, .int2: .int8
        case .int16: .int16
        case .int32: .int32
        case .int64: .int64
        case .uint8, .uint4, .uint2: .uint8
        case .uint16: .uint16
        case .uint32: .uint32
        case .uint64: .uint64
        case .bool: .bool
        default: nil
        }
    }

    /// The type the graph computes it in: every floating-point type is computed as float32.
    var computeType: ElementType? { isFloat ? .float32 : storageType }

    /// Bits of one element in `raw_data`.
    var bitsInFile: Int {
        switch self {
        case .uint2, .int2: 2
        case .uint4, .int4, .float4e2m1: 4
        case .uint8, .int8, .bool, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0: 8
        case .uint16, .int16, .float16, .bfloat16: 16
        case .float32, .int32, .uint32: 32
        case .int64, .uint64, .float64, .complex64: 64
        case .complex128: 128
        case .string: 0
        }
    }
}
