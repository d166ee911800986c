import DSPEmulator
import Foundation
import TensorCore
import Testing

/// A tensor of a recorded case: its bytes, or a pattern or hash that stands for them.
struct RecordedTensor: Decodable, Sendable {
    /// uint8, int8, int32 or float32.
    var type: String
    var shape: [Int]
    /// Little-endian bytes, base64.
    var data: String?
    /// Inputs of 65,536 codes: `rows` is i / 256, `columns` is i % 256.
    var pattern: String?
    /// FNV-1a of the bytes, 16 hexadecimal digits; of large outputs.
    var fnv1a: String?

    func tensor() throws -> Tensor {
        let element = try #require(ElementType(rawValue: type))
        let bytes: [UInt8]
        switch pattern {
        case "rows": bytes = (0..<65536).map { UInt8($0 / 256) }
        case "columns": bytes = (0..<65536).map { UInt8($0 % 256) }
        default: bytes = [UInt8](try #require(data.flatMap { Data(base64Encoded: $0) }))
        }
        return try #require(
            bytes.withUnsafeBytes { Tensor(TensorType(element, Shape(shape)), bytes: $0) },
            "\(bytes.count) bytes for \(type)\(shape)")
    }

    /// Where `result` first differs; nil when it is what was recorded.
    func difference(from result: Tensor) throws -> String? {
        guard result.shape.dimensions == shape, result.elementType.rawValue == type else {
            return "is \(result.type), recorded \(type)\(shape)"
        }
        if let fnv1a {
            let hash = result.withUnsafeBytes { bytes in
                bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            }
            let digits = String(hash, radix: 16)
            let text = String(repeating: "0", count: 16 - digits.count) + digits
            return text == fnv1a ? nil : "hash \(text), recorded \(fnv1a)"
        }
        let wanted = try tensor().doubles()
        let got = result.doubles()
        for i in wanted.indices where wanted[i] != got[i] && !(wanted[i].isNaN && got[i].isNaN) {
            return "element \(i) is \(got[i]), recorded \(wanted[i])"
        }
        return nil
    }
}

/// One node of the library with operands and the results that NumPy gave for them.
struct RecordedKernel: Decodable, Sendable, CustomTestStringConvertible {
    private struct File: Decodable { var cases: [RecordedKernel] }

    var name: String
    /// The library's name of the operator.
    var node: String
    var padding: Int?
    var architecture: String?
    /// Which branches of the library's code the case takes.
    var branches: [String]?
    var inputs: [RecordedTensor]
    var outputs: [RecordedTensor]

    var testDescription: String { "\(node) \(name)" }

    static let all: [RecordedKernel] = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Recorded")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.lastPathComponent.hasPrefix("kernels_") && $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
            .flatMap { path in
                guard let data = try? Data(contentsOf: path),
                    let file = try? JSONDecoder().decode(File.self, from: data)
                else { fatalError("\(path.path) cannot be read") }
                return file.cases
            }
    }()
}

@Suite struct RecordedKernelTests {
    @Test(arguments: RecordedKernel.all)
    func equalsTheRecordedResult(recorded: RecordedKernel) throws {
        let node = HexagonNode(
            id: 1, op: try #require(HexagonOperator(rawValue: recorded.node), "\(recorded.node) is not known"),
            padding: try #require(HexagonPadding(rawValue: recorded.padding ?? 0)),
            outputs: recorded.outputs.map {
                HexagonOutput($0.shape, elementSize: $0.type == "uint8" || $0.type == "int8" ? 1 : 4)
            })
        let inputs = try recorded.inputs.map { try $0.tensor() }
        let architecture = try #require(HexagonArchitecture(rawValue: recorded.architecture ?? "v66"))
        let results =
            node.op == .transposeConv2D
            ? try prepared(node, inputs, architecture)
            : try HexagonKernels.evaluate(node, inputs, architecture: architecture)
        try #require(results.count == recorded.outputs.count)
        for (index, (result, wanted)) in zip(results, recorded.outputs).enumerated() {
            let difference = try wanted.difference(from: result)
            #expect(difference == nil, "output \(index): \(difference ?? "")")
        }
    }

    /// What the library makes of a node that has no kernel of its own: its first input is the graph's, the others constant.
    private func prepared(
        _ node: HexagonNode, _ inputs: [Tensor], _ architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        var node = node
        node.id = 100
        node.inputs = inputs.indices.map { HexagonReference($0 + 1) }
        var nodes = [
            HexagonNode(
                id: 1, op: .input, outputs: [HexagonOutput(inputs[0].shape.dimensions, elementSize: 1)])
        ]
        for (index, input) in inputs.enumerated().dropFirst() {
            let output = HexagonOutput(input.shape.dimensions, elementSize: input.elementType.byteCount)
            nodes.append(HexagonNode(id: index + 1, op: .constant, outputs: [output], constant: input))
        }
        nodes.append(node)
        nodes.append(HexagonNode(id: 101, op: .output, inputs: (0..<3).map { HexagonReference(100, $0) }))
        let graph = try HexagonPreparation.prepare(HexagonGraph(nodes: nodes))
        return try HexagonInterpreter(graph, architecture: architecture).run([inputs[0]])
    }
}
