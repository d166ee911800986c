import TensorCore
import TFLiteCodec
import Testing

@Suite struct DamagedFileTests {
    @Test(arguments: [[], Array("a text file that is no model at all\n".utf8), [UInt8](repeating: 0, count: 4096)])
    func otherFilesAreRefused(_ bytes: [UInt8]) {
        #expect(!TFLiteCodec.recognizes(bytes))
        expectDiagnosticOrModel(bytes, mayDecode: false)
    }

    /// Truncated at 50 places and with 200 random byte flips (seeded), a model is read or refused with a diagnostic; a
    /// crash or a hang ends the test process.
    @Test(arguments: OneOperatorModels.all.indices)
    func damagedSmallModels(_ index: Int) throws {
        damage(try TFLiteCodec.encode(OneOperatorModels.all[index].graph), seed: UInt64(index) + 1)
    }

    @Test(
        .enabled(if: SharedModels.folder != nil, "DEPTHC_SHARED is not set"), arguments: SharedModels.depthFiles)
    func damagedDepthModels(_ file: String) throws {
        damage(try SharedModels.bytes(file), seed: 42)
    }

    private func damage(_ bytes: [UInt8], seed: UInt64) {
        for place in 0..<50 { expectDiagnosticOrModel(Array(bytes.prefix(bytes.count * place / 50))) }
        var generator = XorShift(state: seed)
        var refused = 0
        for round in 0..<200 {
            var damaged = bytes
            // Half of the flips hit the first part, where tables lie close together.
            let range = round % 2 == 0 ? bytes.count : min(bytes.count, 4096)
            damaged[Int(generator.next() % UInt64(range))] = UInt8(truncatingIfNeeded: generator.next())
            if !expectDiagnosticOrModel(damaged) { refused += 1 }
        }
        #expect(refused < 200, "nothing is left to read")
    }

    /// True when the bytes could be read.
    @discardableResult
    private func expectDiagnosticOrModel(_ bytes: [UInt8], mayDecode: Bool = true) -> Bool {
        do {
            _ = try TFLiteCodec.decode(bytes: bytes, path: "damaged")
            #expect(mayDecode)
            return true
        } catch let diagnostic as Diagnostic {
            #expect(diagnostic.code == .badModel || diagnostic.code == .unsupported)
            #expect(diagnostic.location.hasPrefix("damaged"))
            #expect(!diagnostic.description.contains("\n"))
        } catch {
            Issue.record("\(error)")
        }
        return false
    }
}

/// A small generator with a seed, so that a failure can be repeated.
struct XorShift: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
