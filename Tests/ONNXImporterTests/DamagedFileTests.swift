import TensorCore
import Testing

/// Files that break the format, or the limits that keep protobuf-c within bounds.
@Suite struct DamagedFileTests {
    private static let valid = ONNX.model(
        ONNX.graph(
            [ONNX.node("Add", ["x", "w"], ["y"])], inputs: [ONNX.value("x", 1, [2])],
            outputs: [ONNX.value("y", 1, [2])], initializers: [ONNX.floats("w", [1, 2])]))

    @Test func readsTheIntactModel() throws {
        let result = try imported(Self.valid)
        #expect(result.graph.nodes.map(\.op.name) == ["ADD"])
    }

    @Test func refusesAnEmptyFile() throws {
        #expect(try refusal([]).code == .badModel)
    }

    @Test func refusesText() throws {
        #expect(try refusal(Array("this is not a model".utf8)).code == .badModel)
    }

    @Test func everyTruncationIsRefusedOrRead() {
        for length in 0..<Self.valid.count {
            do {
                _ = try imported(Array(Self.valid.prefix(length)))
            } catch let diagnostic as Diagnostic {
                #expect(diagnostic.code.exitCode == 65, "\(length) bytes: \(diagnostic)")
            } catch {
                Issue.record("\(length) bytes: \(error)")
            }
        }
    }

    @Test func everyFlippedByteIsRefusedOrRead() {
        for position in Self.valid.indices {
            for mask: UInt8 in [0x01, 0x10, 0x80, 0xFF] {
                var bytes = Self.valid
                bytes[position] ^= mask
                do {
                    _ = try imported(bytes)
                } catch let diagnostic as Diagnostic {
                    #expect([65, 66].contains(diagnostic.code.exitCode), "byte \(position): \(diagnostic)")
                } catch {
                    Issue.record("byte \(position): \(error)")
                }
            }
        }
    }

    @Test func deepNestingIsRefusedWithItsOffset() throws {
        var graph = ONNX.graph([], outputs: [])
        for _ in 0..<100 {
            graph = ONNX.graph([ONNX.node("If", [], [], attributes: [ONNX.attribute("b", graph: graph)])], outputs: [])
        }
        let diagnostic = try refusal(ONNX.model(graph))
        #expect(diagnostic.code == .badModel)
        #expect(diagnostic.message.contains("nest"))
        #expect(diagnostic.location.contains("byte "))
    }

    @Test func aLengthBeyondTheParentIsRefused() throws {
        // Field 7, length 100, nothing behind it.
        let diagnostic = try refusal([0x3A, 100])
        #expect(diagnostic.message.contains("overruns"))
        #expect(diagnostic.location.contains("byte 0"))
    }

    @Test func manyEmptyMessagesDoNotExhaustMemory() throws {
        let nodes = [UInt8](repeating: 0, count: 4_000_000).enumerated().map { $0.offset % 2 == 0 ? 0x0A : $0.element }
        let diagnostic = try refusal(Message().adding(7, nodes).bytes)
        #expect(diagnostic.message.contains("memory"))
    }

    @Test func aWrongWireTypeIsRefused() throws {
        // Field 7, the graph, as a number.
        #expect(try refusal([0x38, 1]).message.contains("wire type"))
    }
}
