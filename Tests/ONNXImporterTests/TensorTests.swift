import Foundation
import ONNXImporter
import TensorCore
import Testing

/// Initialisers of every element type and storage form.
@Suite struct TensorTests {
    /// An initialiser that is also the output: its elements after import.
    private func elements(_ tensor: Message, folder: String = "", lenient: Bool = false) throws -> Tensor {
        let model = ONNX.model(ONNX.graph([], outputs: [Message().adding(1, "t")], initializers: [tensor]))
        let graph = try imported(model, folder: folder, .init(allowMissingData: lenient)).graph
        return try #require(graph.constant(graph.outputs[0].value))
    }

    @Test func rawNumbers() throws {
        let cases: [(type: Int, bytes: [UInt8], expected: [Double], element: ElementType)] = [
            (1, [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0], [1, -2], .float32),
            (2, [0, 255], [0, 255], .uint8),
            (3, [127, 128], [127, -128], .int8),
            (4, [1, 0, 255, 255], [1, 65535], .uint16),
            (5, [1, 0, 255, 255], [1, -1], .int16),
            (6, [1, 0, 0, 0, 255, 255, 255, 255], [1, -1], .int32),
            (7, [5] + .init(repeating: 0, count: 7) + .init(repeating: 255, count: 8), [5, -1], .int64),
            (9, [0, 2], [0, 1], .bool),
            (10, [0, 0x3C, 0, 0xC0], [1, -2], .float32),
            (11, [0, 0, 0, 0, 0, 0, 0xF0, 0x3F] + [0, 0, 0, 0, 0, 0, 0, 0xC0], [1, -2], .float32),
            (12, [1, 0, 0, 0, 255, 255, 255, 255], [1, 4_294_967_295], .uint32),
            (13, [5] + .init(repeating: 0, count: 7) + [7] + .init(repeating: 0, count: 7), [5, 7], .uint64),
            (16, [0x80, 0x3F, 0, 0xC0], [1, -2], .float32),
            (21, [0xF1], [1, 15], .uint8),
            (22, [0xF1], [1, -1], .int8),
        ]
        for item in cases {
            let tensor = try elements(ONNX.tensor("t", item.type, [2]).adding(9, item.bytes))
            #expect(tensor.doubles() == item.expected, "type \(item.type)")
            #expect(tensor.elementType == item.element, "type \(item.type)")
        }
    }

    @Test func typedNumbers() throws {
        func packed(_ field: UInt64, _ values: [Int]) -> (Message) -> Message {
            { $0.adding(field, values.flatMap { Message.varint(UInt64(bitPattern: Int64($0))) }) }
        }
        let cases: [(type: Int, add: (Message) -> Message, expected: [Double])] = [
            (1, { $0.adding(4, [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]) }, [1, -2]),
            (2, packed(5, [1, 255]), [1, 255]),
            (3, packed(5, [1, -1]), [1, -1]),
            (6, packed(5, [1, -1]), [1, -1]),
            (7, packed(7, [1, -1]), [1, -1]),
            (9, packed(5, [0, 1]), [0, 1]),
            (10, packed(5, [0x3C00, 0xC000]), [1, -2]),
            (12, packed(11, [1, 4_294_967_295]), [1, 4_294_967_295]),
            (16, packed(5, [0x3F80, 0xC000]), [1, -2]),
            (22, packed(5, [0xF1]), [1, -1]),
        ]
        for item in cases {
            let tensor = try elements(item.add(ONNX.tensor("t", item.type, [2])))
            #expect(tensor.doubles() == item.expected, "type \(item.type)")
        }
    }

    @Test func dataThatDoesNotFitTheShapeIsRefused() throws {
        let tensor = ONNX.tensor("t", 1, [3]).adding(9, [0, 0, 0, 0])
        let model = ONNX.model(ONNX.graph([], outputs: [Message().adding(1, "t")], initializers: [tensor]))
        #expect(try refusal(model).message.contains("elements"))
    }

    @Test func absurdShapesAreRefused() throws {
        for dimensions in [[1 << 40, 1 << 40], [-1], [0, 1 << 62, 1 << 62]] {
            let tensor = ONNX.tensor("t", 1, dimensions)
            let model = ONNX.model(ONNX.graph([], outputs: [Message().adding(1, "t")], initializers: [tensor]))
            #expect(try refusal(model).code.exitCode == 65)
        }
    }

    // MARK: External data

    private func external(_ location: String, offset: Int = 0, length: Int? = nil) -> Message {
        func entry(_ key: String, _ value: String) -> Message { Message().adding(1, key).adding(2, value) }
        let entries = [entry("location", location), entry("offset", "\(offset)")]
        return ONNX.tensor("t", 1, [2]).adding(13, entries + (length.map { [entry("length", "\($0)")] } ?? []))
            .adding(14, 1)
    }

    @Test func externalDataIsReadBesideTheModel() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("onnx-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data([9, 9, 9, 9, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]).write(to: folder.appendingPathComponent("w.bin"))
        #expect(try elements(external("w.bin", offset: 4, length: 8), folder: folder.path + "/").doubles() == [1, -2])
        let beyond = ONNX.model(
            ONNX.graph([], outputs: [Message().adding(1, "t")], initializers: [external("w.bin", offset: 8)]))
        #expect(try refusal(beyond, folder: folder.path + "/").code == .badModel)
    }

    @Test func missingExternalDataIsNamed() throws {
        let model = ONNX.model(
            ONNX.graph([], outputs: [Message().adding(1, "t")], initializers: [external("absent.bin")]))
        let diagnostic = try refusal(model)
        #expect(diagnostic.code == .missingFile)
        #expect(diagnostic.description.contains("absent.bin"))
        let lenient = try imported(model, .init(allowMissingData: true))
        #expect(lenient.warnings.contains { $0.contains("absent.bin") })
    }

    @Test(arguments: ["../secret", "/etc/passwd", "a/../../b"]) func pathsOutsideTheFolderAreRefused(
        location: String
    ) throws {
        let model = ONNX.model(
            ONNX.graph([], outputs: [Message().adding(1, "t")], initializers: [external(location)]))
        #expect(try refusal(model).message.contains("outside"))
    }
}
