import TensorCore
import Testing

@Suite struct PackedTensorTests {
    private static let codes: [Int8] = [-8, 7, 0, -1, 3]
    private static let plain = Tensor(
        codes, shape: [5], as: .int4, quantization: QuantizationParameters(scale: 0.5, zeroPoint: 0))

    /// Low half first; the unused half of the last byte does not count.
    private static func packed(lastHalf: UInt8 = 0) throws -> Tensor {
        let bytes: [UInt8] = [0x78, 0xF0, 0x03 | lastHalf << 4]
        return try #require(bytes.withUnsafeBytes { Tensor(plain.type, packed: $0) })
    }

    @Test func readsAsOneElementAByte() throws {
        let packed = try Self.packed(lastHalf: 9)
        #expect(packed.isPacked)
        #expect(packed.elements(of: Int8.self) == Self.codes)
        #expect(packed.integers() == Self.codes.map(Int.init))
        #expect(packed.doubles() == Self.codes.map(Double.init))
        #expect(packed.withUnsafeBytes { $0.count } == 5)
        #expect(packed.isIdentical(to: Self.plain) && Self.plain.isIdentical(to: packed))
        #expect(try packed.isIdentical(to: Self.packed()))
        #expect(!packed.unpacked().isPacked)
        let eight = TensorType(.int8, [5])
        #expect(packed.retyped(eight).elements(of: Int8.self) == Self.codes)
    }

    @Test func fileBytesArePacked() throws {
        let expected: [UInt8] = [0x78, 0xF0, 0x03]
        #expect(Self.plain.withFileBytes { Array($0) } == expected)
        #expect(try Self.packed(lastHalf: 5).withFileBytes { Array($0) } == expected)
        #expect(Tensor([Int8(-8), 7], shape: [2]).withFileBytes { Array($0) } == [0xF8, 7])
    }

    @Test func changesUnpack() throws {
        let packed = try Self.packed()
        var changed = packed
        changed.withMutableElements(of: Int8.self) { $0[1] = -2 }
        #expect(!changed.isPacked)
        #expect(changed.elements(of: Int8.self) == [-8, -2, 0, -1, 3])
        #expect(packed.elements(of: Int8.self) == Self.codes)
    }

    @Test func otherTypesAndSizesAreRefused() {
        let bytes: [UInt8] = [1, 2]
        bytes.withUnsafeBytes {
            #expect(Tensor(TensorType(.int8, [2]), packed: $0) == nil)
            #expect(Tensor(TensorType(.int4, [5]), packed: $0) == nil)
            #expect(Tensor(TensorType(.int4, [2]), packed: $0) == nil)
            #expect(Tensor(TensorType(.int4, [3]), packed: $0)?.count == 3)
        }
    }
}
