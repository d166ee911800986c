/// Bounded reads of integers from bytes; nil past the end.
struct ByteReader {
    let bytes: ArraySlice<UInt8>
    var isLittleEndian = true

    init(_ bytes: ArraySlice<UInt8>, isLittleEndian: Bool = true) {
        self.bytes = bytes
        self.isLittleEndian = isLittleEndian
    }

    func byte(at offset: Int) -> Int? {
        guard offset >= 0, offset < bytes.count else { return nil }
        return Int(bytes[bytes.startIndex + offset])
    }

    func word(at offset: Int) -> Int? {
        guard let first = byte(at: offset), let second = byte(at: offset + 1) else { return nil }
        return isLittleEndian ? first | second << 8 : first << 8 | second
    }

    func long(at offset: Int) -> Int? {
        guard let first = word(at: offset), let second = word(at: offset + 2) else { return nil }
        return isLittleEndian ? first | second << 16 : first << 16 | second
    }

    /// The 32 bits at `offset` as a signed number.
    func signedLong(at offset: Int) -> Int? {
        long(at: offset).map { Int(Int32(truncatingIfNeeded: $0)) }
    }
}
