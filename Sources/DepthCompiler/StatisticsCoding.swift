import ImageIO
import Quantization
import TensorCore

// The format, little-endian; "number" is an unsigned LEB128 integer of at most 64 bits in its shortest form.
//
//   file       magic "DEPTHCST", version (1 byte), graph hash (8 bytes), number of samples, number of values, values
//   value      number: its position less that of the value before; parts (1 byte: 1 channels, 2 distributions by
//              channel); range; channels; number of channels, a range for each
//   range      log2 of the bins on each side (1 byte, 255: no histogram), number of not finite elements, number of
//              finite elements, and unless that is 0: minimum and maximum (binary32), number of samples, sums of the
//              samples' minima and of their maxima (16 bytes each, units of 2^-60), exponent of the bins' width (signed
//              2 bytes), number of occupied bins, and for each the distance from the one before and its count
//   channels   number of channels, elements of each, and by channel minimum, maximum (binary32) and sum (16 bytes)

extension StatisticsFile {
    private static let magic = Array("DEPTHCST".utf8)
    private static let version: UInt8 = 1
    /// Files larger than this are refused unread.
    static let largestFile = 1 << 30
    /// Histograms take more memory than their bytes; together they may take this much.
    static let largestHistograms = 1 << 31

    /// Reads a file.
    ///
    /// - Throws: `Diagnostic` (.missingFile; .badData naming the file and what is wrong with it).
    public static func load(_ path: String) throws(Diagnostic) -> StatisticsFile {
        do {
            return try StatisticsFile(bytes: FileBytes.read(path, limit: largestFile))
        } catch {
            throw error.code == .missingFile ? error : error.location.hasPrefix(path) ? error : error.located(in: path)
        }
    }

    /// The file's bytes.
    public var bytes: [UInt8] {
        var writer = Writer()
        writer.bytes = Self.magic + [Self.version]
        writer.fixed(graphHash)
        writer.number(sampleCount)
        writer.number(UInt64(entries.count))
        var last = -1
        for (position, entry) in entries.sorted(by: { $0.key < $1.key }) {
            writer.number(UInt64(position - last - 1))
            last = position
            writer.bytes.append((entry.channels == nil ? 0 : 1) | (entry.channelRanges == nil ? 0 : 2))
            writer.range(entry.range)
            if let channels = entry.channels { writer.channels(channels) }
            if let ranges = entry.channelRanges {
                writer.number(UInt64(ranges.count))
                for range in ranges { writer.range(range) }
            }
        }
        return writer.bytes
    }

    /// Reads the bytes of a file; whatever they are, the result is consistent or an error is thrown.
    public init(bytes: [UInt8]) throws(Diagnostic) {
        var reader = Reader(bytes: bytes)
        guard try reader.take(8).elementsEqual(Self.magic) else {
            throw Diagnostic(
                .badData, at: "", "is no statistics file", suggestion: "depthc calibrate and depthc merge write them")
        }
        let version = try reader.byte()
        guard version == Self.version else {
            throw Diagnostic(
                .badData, at: "", "has version \(version) of the format, this depthc reads \(Self.version)",
                suggestion: "calibrate again")
        }
        let hash = try reader.fixed(UInt64.self)
        let samples = try reader.number()
        let count = try reader.count()
        self.init(graphHash: hash, entries: [:], sampleCount: samples)
        guard samples > 0 || count == 0 else { throw reader.damaged("values without samples") }
        var last = -1
        for _ in 0..<count {
            let gap = try reader.number()
            guard gap < UInt64(Int32.max) - UInt64(last + 1) else { throw reader.damaged("a value's position") }
            last += 1 + Int(gap)
            let parts = try reader.byte()
            guard parts <= 3 else { throw reader.damaged("unknown parts of a value") }
            var entry = ValueEntry(range: try reader.range(samples), channels: nil, channelRanges: nil)
            if parts & 1 != 0 { entry.channels = try reader.channels() }
            if parts & 2 != 0 {
                var ranges: [RangeStatistics] = []
                for _ in 0..<(try reader.count()) { ranges.append(try reader.range(samples)) }
                entry.channelRanges = ranges
            }
            entries[last] = entry
        }
        guard reader.isAtEnd else { throw reader.damaged("bytes behind the last value") }
    }
}

private struct Writer {
    var bytes: [UInt8] = []

    mutating func fixed(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func range(_ range: RangeStatistics) {
        bytes.append(range.binsPerSide == 0 ? 255 : UInt8(range.binsPerSide.trailingZeroBitCount))
        number(range.nonFiniteCount)
        number(range.count)
        guard range.count > 0 else { return }
        fixed(range.minimum.bitPattern)
        fixed(range.maximum.bitPattern)
        number(range.sampleCount)
        fixed(range.minimumSum.units)
        fixed(range.maximumSum.units)
        guard range.binsPerSide > 0 else { return }
        fixed(Int16(range.exponent))
        let occupied = range.bins.indices.filter { range.bins[$0] > 0 }
        number(UInt64(occupied.count))
        var last = -1
        for bin in occupied {
            number(UInt64(bin - last - 1))
            number(range.bins[bin])
            last = bin
        }
    }

    mutating func channels(_ channels: ChannelStatistics) {
        number(UInt64(channels.minima.count))
        number(channels.count)
        for c in channels.minima.indices {
            fixed(channels.minima[c].bitPattern)
            fixed(channels.maxima[c].bitPattern)
            fixed(channels.sums[c].units)
        }
    }
}

/// Reads within the bytes or throws.
private struct Reader {
    let bytes: [UInt8]
    var position = 0
    var histogramBytes = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    func damaged(_ what: String) -> Diagnostic {
        Diagnostic(.badData, at: "byte \(position)", "the file is damaged: \(what)", suggestion: "calibrate again")
    }

    mutating func take(_ count: Int) throws(Diagnostic) -> ArraySlice<UInt8> {
        guard bytes.count - position >= count else { throw damaged("it ends too early") }
        defer { position += count }
        return bytes[position..<position + count]
    }

    mutating func byte() throws(Diagnostic) -> UInt8 {
        guard position < bytes.count else { throw damaged("it ends too early") }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func fixed<T: FixedWidthInteger>(_: T.Type) throws(Diagnostic) -> T {
        var value: T = 0
        for (i, byte) in try take(MemoryLayout<T>.size).enumerated() { value |= T(truncatingIfNeeded: byte) << (8 * i) }
        return value
    }

    mutating func number() throws(Diagnostic) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 70, by: 7) {
            let byte = try byte()
            let bits = UInt64(byte & 0x7F)
            guard shift < 63 || bits <= 1, shift == 0 || byte != 0 else { break }
            value |= bits << shift
            if byte & 0x80 == 0 { return value }
        }
        throw damaged("a number that is too long")
    }

    /// The number of things that follow, each of at least one byte.
    mutating func count() throws(Diagnostic) -> Int {
        let value = try number()
        guard value <= UInt64(bytes.count - position) else { throw damaged("more entries than bytes") }
        return Int(value)
    }

    private mutating func extremes() throws(Diagnostic) -> (low: Float, high: Float) {
        (Float(bitPattern: try fixed(UInt32.self)), Float(bitPattern: try fixed(UInt32.self)))
    }

    mutating func range(_ samples: UInt64) throws(Diagnostic) -> RangeStatistics {
        let side = try byte()
        guard side <= 16 || side == 255 else { throw damaged("a number of bins") }
        var parts = RangeStatistics.Parts(binsPerSide: side == 255 ? 0 : 1 << Int(side))
        parts.nonFiniteCount = try number()
        parts.count = try number()
        if parts.count > 0 {
            (parts.minimum, parts.maximum) = try extremes()
            parts.sampleCount = try number()
            guard parts.sampleCount <= samples else { throw damaged("more samples than the file has") }
            parts.minimumSum = FixedPointSum(units: try fixed(Int128.self))
            parts.maximumSum = FixedPointSum(units: try fixed(Int128.self))
            if parts.binsPerSide > 0 { try bins(of: &parts) }
        }
        guard let range = RangeStatistics(parts) else { throw damaged("a range that contradicts itself") }
        return range
    }

    private mutating func bins(of parts: inout RangeStatistics.Parts) throws(Diagnostic) {
        let size = 2 * parts.binsPerSide
        histogramBytes += size * MemoryLayout<UInt64>.size
        guard histogramBytes <= StatisticsFile.largestHistograms else {
            throw damaged("its histograms need more than \(StatisticsFile.largestHistograms >> 20) MB of memory")
        }
        parts.exponent = Int(try fixed(Int16.self))
        parts.bins = [UInt64](repeating: 0, count: size)
        var bin = -1
        for _ in 0..<(try count()) {
            let gap = try number()
            guard gap < UInt64(size), bin + 1 + Int(gap) < size else { throw damaged("a bin out of range") }
            bin += 1 + Int(gap)
            parts.bins[bin] = try number()
            guard parts.bins[bin] > 0 else { throw damaged("an empty bin") }
        }
    }

    mutating func channels() throws(Diagnostic) -> ChannelStatistics {
        let width = try count()
        let elements = try number()
        var minima: [Float] = []
        var maxima: [Float] = []
        var sums: [FixedPointSum] = []
        for _ in 0..<width {
            let (low, high) = try extremes()
            // Infinities the wrong way round: nothing finite was seen.
            guard low.isFinite && high.isFinite && low <= high || low == .infinity && high == -.infinity else {
                throw damaged("a channel's extremes")
            }
            minima.append(low)
            maxima.append(high)
            sums.append(FixedPointSum(units: try fixed(Int128.self)))
        }
        return ChannelStatistics(minima: minima, maxima: maxima, sums: sums, count: elements)
    }
}
