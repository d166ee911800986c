/// The orientation tag (274) of EXIF data; 1 (upright) whenever there is none or it cannot be read.
enum ExifOrientation {
    static func inJPEG(_ bytes: [UInt8]) -> Int {
        let reader = ByteReader(bytes[...], isLittleEndian: false)
        var offset = 2
        while let marker = reader.word(at: offset), marker >= 0xFF01, marker != 0xFFDA,
            let length = reader.word(at: offset + 2), length >= 2
        {
            let start = offset + 4
            let end = offset + 2 + length
            if marker == 0xFFE1, end <= bytes.count, bytes[start..<end].starts(with: Array("Exif\0\0".utf8)) {
                return inTIFF(bytes[(start + 6)..<end])
            }
            offset = end
        }
        return 1
    }

    static func inPNG(_ bytes: [UInt8]) -> Int {
        let reader = ByteReader(bytes[...], isLittleEndian: false)
        var offset = 8
        while let length = reader.long(at: offset), offset + 12 + length <= bytes.count {
            if bytes[(offset + 4)..<(offset + 8)].elementsEqual("eXIf".utf8) {
                return inTIFF(bytes[(offset + 8)..<(offset + 8 + length)])
            }
            offset += 12 + length
        }
        return 1
    }

    private static func inTIFF(_ bytes: ArraySlice<UInt8>) -> Int {
        let isLittleEndian = bytes.first == 0x49
        let reader = ByteReader(bytes, isLittleEndian: isLittleEndian)
        guard let directory = reader.long(at: 4), let count = reader.word(at: directory) else { return 1 }
        for entry in 0..<count {
            let offset = directory + 2 + 12 * entry
            guard let tag = reader.word(at: offset), let kind = reader.word(at: offset + 2) else { return 1 }
            if tag == 274 {
                let value = kind == 4 ? reader.long(at: offset + 8) : reader.word(at: offset + 8)
                return value ?? 1
            }
        }
        return 1
    }
}
