import ArgumentParser
import DepthCompiler
import Foundation

/// How the source model is read; shared by every command that takes one.
struct InputOptions: ParsableArguments {
    @Argument(help: "An ONNX or TFLite model.")
    var model: String

    @Option(help: ArgumentHelp("Shape of an input, for models with dynamic dimensions.", valueName: "NAME=1x3x256x320"))
    var shape: [String] = []

    @Option(help: ArgumentHelp("Bakes an input in as a constant.", valueName: "NAME=FILE.npy"))
    var fix: [String] = []

    func load(lenient: Bool = false, available: [String: Tensor] = [:]) throws -> Model {
        var options = LoadOptions(available: available, lenient: lenient)
        for entry in shape {
            let (name, text) = try split(entry, option: "--shape")
            let extents = text.split(separator: "x").map { Int($0) }
            guard !extents.isEmpty, extents.allSatisfy({ ($0 ?? -1) >= 0 }) else {
                throw Diagnostic(.usage, at: "--shape \(entry)", "is not NAME=1x3x256x320")
            }
            options.shapes[name] = Shape(extents.compactMap { $0 })
        }
        for entry in fix {
            let (name, path) = try split(entry, option: "--fix")
            options.fixed[name] = try NPY.read(path)
        }
        return try Model.load(model, options)
    }

    private func split(_ entry: String, option: String) throws -> (String, String) {
        guard let separator = entry.firstIndex(of: "="), separator != entry.startIndex else {
            throw Diagnostic(.usage, at: "\(option) \(entry)", "has no NAME=")
        }
        return (String(entry[..<separator]), String(entry[entry.index(after: separator)...]))
    }
}

/// How a model is run; shared by every command that runs one.
struct EngineOptions: ParsableArguments {
    @Option(help: "Kernels: fast or reference.")
    var engine: Engine = .fast

    @Option(help: "Worker threads; results do not depend on their number.")
    var threads: Int = max(1, ProcessInfo.processInfo.activeProcessorCount)

    var options: RunOptions { RunOptions(engine: engine, threads: threads) }
}

extension Engine: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension PortTypes: ExpressibleByArgument {}

/// Writes a line to standard error: progress, assumptions, warnings.
func note(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
}
