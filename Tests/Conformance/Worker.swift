import Foundation
import GraphIR
import ImageIO
import ONNXImporter
import Passes
import Runtime
import TFLiteCodec
import TensorCore

/// One model of the suite: where it is and what it is fed.
struct Job: Decodable {
    var name: String
    var model: String
    /// Receives the results, as `STAGE_INDEX.npy`, and the exported file.
    var folder: String
    /// Array files by input name.
    var inputs: [String: String]
}

/// What became of a job, stage by stage; a stage that is not named was not reached.
struct Outcome: Encodable {
    struct Port: Encodable {
        var name: String
        var permutation: [Int]?
    }

    var name: String
    /// The stages that went through.
    var done: [String] = []
    /// The stage that did not and why.
    var refused: [String: String] = [:]
    /// Inputs that were baked in.
    var fixed: [String] = []
    /// The exported file's ports, in its order.
    var inputs: [Port] = []
    var outputs: [Port] = []
}

/// Imports, runs, exports and re-imports the models named on standard input, one JSON job a line, and answers each with
/// one JSON line.
@main
struct Worker {
    static func main() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        while let line = readLine() {
            let job = try JSONDecoder().decode(Job.self, from: Data(line.utf8))
            var outcome = Outcome(name: job.name)
            run(job, &outcome)
            FileHandle.standardOutput.write(try encoder.encode(outcome) + Data("\n".utf8))
        }
    }

    private static func run(_ job: Job, _ outcome: inout Outcome) {
        var imported: Graph?
        var arrays: [String: Tensor] = [:]
        stage("import", &outcome) { outcome in
            arrays = try job.inputs.mapValues { try NPY.read($0) }
            let result = try ONNXImporter.importModel(path: job.model, options: .init(availableInputs: arrays))
            outcome.fixed = result.fixedInputs
            imported = result.graph
        }
        guard let imported else { return }
        for engine in [Engine.reference, .fast] {
            stage(engine.rawValue, &outcome) { _ in
                var graph = imported
                try Pipeline.canonical(CanonicalOptions(keepLayout: true, arithmetic: .exact)).run(on: &graph)
                try compute(graph, arrays, engine, job, engine.rawValue)
            }
        }
        var file: [UInt8]?
        stage("export", &outcome) { outcome in
            var graph = imported
            try Pipeline.canonical(CanonicalOptions(keepLayout: false, arithmetic: .approximate)).run(on: &graph)
            let bytes = try TFLiteCodec.encode(graph)
            try Data(bytes).write(to: URL(filePath: job.folder).appending(path: "model.tflite"))
            outcome.inputs = graph.inputs.map { .init(name: $0.sourceName, permutation: $0.sourcePermutation) }
            outcome.outputs = graph.outputs.map { .init(name: $0.sourceName, permutation: $0.sourcePermutation) }
            file = bytes
        }
        guard let file else { return }
        let ports = outcome.inputs
        stage("reimport", &outcome) { _ in
            var graph = try TFLiteCodec.decode(bytes: file, path: "model.tflite").graph
            guard try TFLiteCodec.encode(graph) == file else {
                throw Diagnostic(.checkFailed, at: "model.tflite", "exporting it again gives other bytes")
            }
            try Pipeline.canonical(CanonicalOptions(keepLayout: true, arithmetic: .exact)).run(on: &graph)
            guard ports.count == graph.inputs.count else {
                throw Diagnostic(.checkFailed, at: "model.tflite", "it has \(graph.inputs.count) inputs")
            }
            var renamed: [String: Tensor] = [:]
            for (source, port) in zip(ports, graph.inputs) {
                guard let array = arrays[source.name] else { continue }
                renamed[port.sourceName] = try source.permutation.map { try transposed(array, $0) } ?? array
            }
            try compute(graph, renamed, .reference, job, "reimport")
        }
    }

    private static func stage(_ name: String, _ outcome: inout Outcome, _ body: (inout Outcome) throws -> Void) {
        do {
            try body(&outcome)
            outcome.done.append(name)
        } catch {
            outcome.refused[name] = "\(error)"
        }
    }

    private static func compute(
        _ graph: Graph, _ arrays: [String: Tensor], _ engine: Engine, _ job: Job, _ prefix: String
    ) throws {
        let inputs = try graph.inputs.map { port in
            guard let tensor = arrays[port.sourceName] else {
                throw Diagnostic(.usage, at: "input \(port.sourceName)", "there is no data for it")
            }
            return tensor
        }
        let results = try Plan(graph, options: RunOptions(engine: engine)).run(inputs)
        for (index, result) in results.enumerated() {
            try NPY.write(result, to: "\(job.folder)/\(prefix)_\(index).npy")
        }
    }

    /// Axis i of the result is axis `permutation[i]` of `tensor`.
    private static func transposed(_ tensor: Tensor, _ permutation: [Int]) throws -> Tensor {
        var graph = Graph(name: "transpose")
        let input = graph.addInput("input", tensor.type)
        let order = graph.addConstant(
            Tensor(permutation.map { Int32($0) }, shape: [permutation.count]), name: "permutation")
        graph.addOutput(try graph.addNode(.transpose, [input, order], names: ["output"], location: "input")[0])
        return try Plan(graph, options: RunOptions(engine: .reference)).run([tensor])[0]
    }
}
