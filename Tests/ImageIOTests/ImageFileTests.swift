import Foundation
import ImageIO
import TensorCore
import Testing

@Suite struct ImageFileTests {
    static let pictures = Goldens.names("pictures").filter { !$0.hasSuffix(".npy") }

    @Test func everyGoldenIsThere() { #expect(Self.pictures.count == 28) }

    /// Lossless formats are equal to the code; JPEG may differ by one code, as different builds of libjpeg do.
    @Test(arguments: pictures)
    func equalsPillow(_ name: String) throws {
        let expected = try NPY.read(Goldens.path("pictures/\(name).npy"))
        let image = try ImageFile.read(Goldens.path("pictures/\(name)"))
        #expect(image.height == expected.shape[0])
        #expect(image.width == expected.shape[1])
        if expected.elementType == .uint16 {
            #expect(image.maximum == 65535)
            #expect(image.samples == expected.elements(of: UInt16.self))
            return
        }
        let pixels = image.eightBit().color().pixels
        let worst = zip(pixels, expected.elements(of: UInt8.self)).map { abs(Int($0) - Int($1)) }.max()
        #expect(pixels.count == expected.count)
        #expect(try #require(worst) <= (name.hasSuffix("jpg") ? 1 : 0))
    }

    @Test(arguments: pictures)
    func cutFilesAreRefused(_ name: String) throws {
        let bytes = try FileBytes.read(Goldens.path("pictures/\(name)"))
        for part in 0..<50 {
            let cut = Array(bytes.prefix(bytes.count * part / 50))
            #expect(throws: Diagnostic.self) { _ = try ImageFile.decode(cut) }
        }
    }

    @Test(arguments: pictures)
    func flippedBytesNeverTrap(_ name: String) throws {
        let bytes = try FileBytes.read(Goldens.path("pictures/\(name)"))
        var generator = SplitMix(state: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
        for _ in 0..<300 {
            var damaged = bytes
            damaged[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
            do {
                let image = try ImageFile.decode(damaged)
                #expect(image.samples.count == image.width * image.height * image.channels)
            } catch {
                #expect(error.code == .badData || error.code == .unsupported)
            }
        }
    }

    @Test func hugePicturesAreRefusedBeforeTheyAreAllocated() {
        let pgm = Array("P5 1000000 1000000 255\n".utf8)
        #expect(throws: Diagnostic.self) { _ = try ImageFile.decode(pgm) }
        #expect(throws: Diagnostic.self) { _ = try ImageFile.decode([]) }
        #expect(throws: Diagnostic.self) { _ = try ImageFile.decode(Array("hello".utf8)) }
    }

    @Test(arguments: [1, 2, 3, 4], [255, 65535])
    func pngComesBack(channels: Int, maximum: Int) throws {
        var generator = SplitMix(state: 5)
        let samples = (0..<(7 * 5 * channels)).map { _ in UInt16(generator.next() % UInt64(maximum + 1)) }
        let image = DecodedImage(width: 7, height: 5, channels: channels, maximum: maximum, samples: samples)
        #expect(try ImageFile.decode(ImageFile.png(image)) == image)
    }

    @Test func pfmComesBack() throws {
        let values: [Float] = [0, -1.5, .infinity, 3e-20, 7, 1e30]
        let tensor = try PFM.decode(PFM.encode(width: 3, height: 2, values: values))
        #expect(tensor.shape == [2, 3])
        #expect(tensor.elements(of: Float.self) == values)
        let bytes = PFM.encode(width: 3, height: 2, values: values)
        for count in 0..<bytes.count {
            #expect(throws: Diagnostic.self) { _ = try PFM.decode(Array(bytes.prefix(count))) }
        }
    }

    @Test func filesAppearWholeOrNotAtAll() throws {
        let folder = try Goldens.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try AtomicFile.write([1, 2, 3], to: "\(folder)/a/b.bin")
        #expect(try FileBytes.read("\(folder)/a/b.bin") == [1, 2, 3])
        #expect(throws: Diagnostic.self) { try AtomicFile.write([1], to: "\(folder)/a/b.bin/c") }
        #expect(throws: Diagnostic.self) { try AtomicFile.write([1], to: "\(folder)/a") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/a") == ["b.bin"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a"])
        #expect(throws: Diagnostic(.missingFile, at: folder, "is a folder, not a file")) {
            _ = try FileBytes.read(folder)
        }
    }
}

/// A small generator with a seed (Steele, Lea, Flood 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
