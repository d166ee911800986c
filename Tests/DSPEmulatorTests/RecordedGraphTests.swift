import DSPEmulator
import Foundation
import TensorCore
import Testing

/// A graph as the delegate hands it over, with what the Hexagon library itself made of it and computed.
struct RecordedGraph: Decodable, Sendable, CustomTestStringConvertible {
    struct Output: Decodable, Sendable {
        var shape: [Int]
        var elementSize: Int
    }

    struct Node: Decodable, Sendable {
        var id: Int
        var op: String
        var padding: Int
        /// Pairs of a node's id and the index of its result.
        var inputs: [[Int]]
        var outputs: [Output]
        var constant: RecordedTensor?
    }

    private struct File: Decodable { var cases: [RecordedGraph] }

    var name: String
    var architecture: String
    var nodes: [Node]
    /// The operators that the library runs after its preparation, constants left out.
    var prepared: [String]
    var inputs: [RecordedTensor]
    var outputs: [RecordedTensor]
    /// Why the emulator does not give these results; nil where it does.
    var known: String?
    /// Part of the reason for which the emulator refuses it, as the library does or because it leaves the results undefined.
    var refused: String?

    var testDescription: String { "\(name) \(architecture)" }

    static let all = ["graphs_library", "graphs_left_padding"].flatMap(read)

    private static func read(_ name: String) -> [RecordedGraph] {
        let path = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent()
            .appendingPathComponent("Recorded/\(name).json")
        guard let data = try? Data(contentsOf: path), let file = try? JSONDecoder().decode(File.self, from: data) else {
            fatalError("\(path.path) cannot be read")
        }
        return file.cases
    }

    func graph() throws -> HexagonGraph {
        HexagonGraph(
            nodes: try nodes.map { node in
                HexagonNode(
                    id: node.id, op: try #require(HexagonOperator(rawValue: node.op), "\(node.op) is not known"),
                    padding: try #require(HexagonPadding(rawValue: node.padding)),
                    inputs: node.inputs.map { HexagonReference($0[0], $0[1]) },
                    outputs: node.outputs.map { HexagonOutput($0.shape, elementSize: $0.elementSize) },
                    constant: try node.constant?.tensor())
            })
    }
}

@Suite struct RecordedGraphTests {
    /// The order among independent nodes does not count: it changes no result.
    @Test(arguments: RecordedGraph.all.filter { $0.refused == nil })
    func preparesAsTheLibrary(recorded: RecordedGraph) throws {
        let prepared = try HexagonPreparation.prepare(recorded.graph())
        let operators = prepared.nodes.filter { $0.op != .constant }.map(\.op.rawValue)
        #expect(operators.sorted() == recorded.prepared.sorted(), "\(prepared.listing)")
    }

    @Test(arguments: RecordedGraph.all.filter { $0.refused != nil })
    func refuses(recorded: RecordedGraph) throws {
        let prepared = try HexagonPreparation.prepare(recorded.graph())
        let architecture = try #require(HexagonArchitecture(rawValue: recorded.architecture))
        let interpreter = try HexagonInterpreter(prepared, architecture: architecture)
        let problem = try #require(throws: Diagnostic.self) {
            try interpreter.run(recorded.inputs.map { try $0.tensor() })
        }
        #expect(problem.code == .unsupported && problem.message.contains(recorded.refused ?? ""), "\(problem)")
    }

    @Test(arguments: RecordedGraph.all.filter { $0.refused == nil })
    func computesAsTheLibrary(recorded: RecordedGraph) throws {
        let prepared = try HexagonPreparation.prepare(recorded.graph())
        let architecture = try #require(HexagonArchitecture(rawValue: recorded.architecture))
        let results = try HexagonInterpreter(prepared, architecture: architecture)
            .run(recorded.inputs.map { try $0.tensor() })
        try #require(results.count == recorded.outputs.count)
        let differences = try zip(results, recorded.outputs).enumerated().compactMap { index, pair in
            try pair.1.difference(from: pair.0).map { "output \(index): \($0)" }
        }
        withKnownIssue {
            #expect(differences == [])
        } when: {
            recorded.known != nil
        }
    }
}
