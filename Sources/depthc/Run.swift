import ArgumentParser
import DepthCompiler

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Runs a model on arrays and writes its outputs.")

    @OptionGroup var input: InputOptions
    @OptionGroup var engine: EngineOptions

    @Option(name: .customLong("input"), help: ArgumentHelp("An input array.", valueName: "[NAME=]FILE.npy"))
    var inputs: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder for NAME.npy of every output.", valueName: "DIR"))
    var output: String

    func run() throws {
        var named: [String: Tensor] = [:]
        var positional: [Tensor] = []
        for entry in inputs {
            if let separator = entry.firstIndex(of: "="), separator != entry.startIndex {
                named[String(entry[..<separator])] = try NPY.read(String(entry[entry.index(after: separator)...]))
            } else {
                positional.append(try NPY.read(entry))
            }
        }
        let model = try input.load(available: named)
        model.assumptions.forEach { note("assumed: \($0)") }
        let session = try Session(model, options: engine.options)
        let outputs = try session.run(named: named, positional: positional)
        for (name, tensor) in outputs {
            try NPY.write(tensor, to: "\(output)/\(Session.fileName(name)).npy")
            print("\(name): \(tensor.type)")
        }
    }
}
