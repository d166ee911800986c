import CONNX
import TensorCore

/// Decodes `TensorProto`: raw data, typed fields and packed small integers.
enum TensorReader {
    /// Ranks above this are refused: no operator here has a use for them.
    static let maximumRank = 16

    static func tensor(_ proto: Onnx__TensorProto) throws -> ONNXTensor {
        let name = ModelReader.text(proto.name)
        let location = "tensor \(name.isEmpty ? "without a name" : "'\(name)'")"
        guard let elementType = ONNXElementType(rawValue: proto.data_type) else {
            throw Diagnostic(.badModel, at: location, "element type \(proto.data_type) is not one of the format")
        }
        let dims = UnsafeBufferPointer(start: proto.dims, count: proto.n_dims)
        let shape = try checkedShape(dims.map { Int($0) }, at: location)
        var result = ONNXTensor(name: name, elementType: elementType, shape: shape, payload: .unsupported(""))
        guard proto.segment == nil else {
            result.payload = .unsupported("it is stored in segments")
            return result
        }
        guard elementType.storageType != nil else {
            result.payload = .unsupported("elements of type \(elementType.name) are not supported")
            return result
        }
        if proto.data_location == 1 {
            result.payload = .external(ModelReader.dictionary(proto.external_data, proto.n_external_data))
            return result
        }
        let raw = UnsafeRawBufferPointer(start: proto.raw_data.data, count: proto.raw_data.len)
        let decoded =
            if proto.has_raw_data != 0, !(raw.isEmpty && hasTypedData(proto)) {
                decode(raw, as: elementType, shape: shape)
            } else {
                decodeTyped(proto, as: elementType, shape: shape)
            }
        guard let decoded else {
            throw Diagnostic(
                .badModel, at: location,
                "its data does not have the \(shape.elementCount) elements of its shape \(shape)")
        }
        result.payload = .tensor(decoded)
        return result
    }

    /// A shape whose extents can be multiplied in any order without overflow.
    static func checkedShape(_ dimensions: [Int], at location: String) throws -> Shape {
        guard dimensions.count <= maximumRank else {
            throw Diagnostic(.unsupported, at: location, "rank \(dimensions.count) exceeds \(maximumRank)")
        }
        var product = 1
        for dimension in dimensions {
            guard dimension >= 0 else {
                throw Diagnostic(.badModel, at: location, "dimension \(dimension) is negative")
            }
            let (next, overflow) = product.multipliedReportingOverflow(by: max(dimension, 1))
            guard !overflow, next <= 1 << 40 else {
                throw Diagnostic(.unsupported, at: location, "a tensor of shape \(Shape(dimensions)) is too large")
            }
            product = next
        }
        return Shape(dimensions)
    }

    private static func hasTypedData(_ proto: Onnx__TensorProto) -> Bool {
        proto.n_float_data + proto.n_int32_data + proto.n_int64_data + proto.n_double_data + proto.n_uint64_data > 0
    }

    /// Elements as little-endian bytes, as `raw_data` and external files hold them; nil when the number of bytes is
    /// not the shape's.
    static func decode(_ bytes: UnsafeRawBufferPointer, as elementType: ONNXElementType, shape: Shape) -> Tensor? {
        guard let type = elementType.storageType, let count = shape.checkedElementCount() else { return nil }
        let (bits, overflow) = count.multipliedReportingOverflow(by: elementType.bitsInFile)
        guard !overflow, bytes.count == (bits + 7) / 8 else { return nil }
        switch elementType {
        case .bfloat16:
            let values = (0..<count).map {
                Float16Bits.bfloat16ToFloat(bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self).littleEndian)
            }
            return Tensor(values, shape: shape)
        case .int4, .uint4, .int2, .uint2:
            return unpack(count: count, elementType, shape: shape) { bytes[$0] }
        case .bool:
            return Tensor(bytes.map { $0 != 0 }, shape: shape)
        default:
            return Tensor(TensorType(type, shape), bytes: bytes)
        }
    }

    /// Elements of fewer than eight bits, the first in the lowest bits of a byte.
    private static func unpack(
        count: Int, _ elementType: ONNXElementType, shape: Shape, byte: (Int) -> UInt8
    ) -> Tensor {
        let bits = elementType.bitsInFile
        let perByte = 8 / bits
        let mask = UInt8((1 << bits) - 1)
        let codes = (0..<count).map { (byte($0 / perByte) >> UInt8($0 % perByte * bits)) & mask }
        guard elementType == .int4 || elementType == .int2 else { return Tensor(codes, shape: shape) }
        let shift = Int8(8 - bits)
        return Tensor(codes.map { (Int8(bitPattern: $0) << shift) >> shift }, shape: shape)
    }

    private static func decodeTyped(
        _ proto: Onnx__TensorProto, as elementType: ONNXElementType, shape: Shape
    ) -> Tensor? {
        let int32s = UnsafeBufferPointer(start: proto.int32_data, count: proto.n_int32_data)
        let uint64s = UnsafeBufferPointer(start: proto.uint64_data, count: proto.n_uint64_data)
        func exact<S: Collection, T: TensorElement>(_ source: S, _ convert: (S.Element) -> T) -> Tensor? {
            source.count == shape.checkedElementCount() ? Tensor(source.map(convert), shape: shape) : nil
        }
        switch elementType {
        case .float32: return exact(UnsafeBufferPointer(start: proto.float_data, count: proto.n_float_data)) { $0 }
        case .float64: return exact(UnsafeBufferPointer(start: proto.double_data, count: proto.n_double_data)) { $0 }
        case .int64: return exact(UnsafeBufferPointer(start: proto.int64_data, count: proto.n_int64_data)) { $0 }
        case .uint64: return exact(uint64s) { $0 }
        case .uint32: return exact(uint64s) { UInt32(truncatingIfNeeded: $0) }
        case .int32: return exact(int32s) { $0 }
        case .int16: return exact(int32s) { Int16(truncatingIfNeeded: $0) }
        case .int8: return exact(int32s) { Int8(truncatingIfNeeded: $0) }
        case .uint16: return exact(int32s) { UInt16(truncatingIfNeeded: $0) }
        case .uint8: return exact(int32s) { UInt8(truncatingIfNeeded: $0) }
        case .bool: return exact(int32s) { $0 != 0 }
        case .bfloat16: return exact(int32s) { Float16Bits.bfloat16ToFloat(UInt16(truncatingIfNeeded: $0)) }
        case .float16:
            return exact(int32s) { UInt16(truncatingIfNeeded: $0) }?.retyped(TensorType(.float16, shape))
        case .int4, .uint4, .int2, .uint2:
            guard let count = shape.checkedElementCount() else { return nil }
            let perByte = 8 / elementType.bitsInFile
            guard int32s.count == (count + perByte - 1) / perByte else { return nil }
            return unpack(count: count, elementType, shape: shape) { UInt8(truncatingIfNeeded: int32s[$0]) }
        default: return nil
        }
    }
}
