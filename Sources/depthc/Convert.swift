import ArgumentParser
import DepthCompiler
import Foundation

struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Converts a model to a .tflite file.")

    @OptionGroup var input: InputOptions
    @OptionGroup var engine: EngineOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "OUT.tflite"))
    var output: String

    @Option(help: "Number format of weights and activations.")
    var precision: Precision = .keep

    @Option(help: "Element types of inputs and outputs.")
    var io: PortTypes = .keep

    @Option(help: ArgumentHelp("Folder of NAME.npy, or of one folder a sample with INPUT.npy.", valueName: "DIR"))
    var calibration: String?

    @Flag(help: "Keep the source's order of axes at inputs and outputs.")
    var keepLayout = false

    func run() throws {
        let model = try input.load()
        model.assumptions.forEach { note("assumed: \($0)") }
        var options = ConversionOptions()
        options.precision = precision
        options.ports = io
        options.keepLayout = keepLayout
        options.threads = engine.threads
        options.engine = engine.engine
        let samples = calibration.map { folder in
            { (graph: Graph) in try CalibrationFolder(folder).samples(for: graph) }
        }
        let conversion = try Converter.convert(model, options: options, samples: samples) { stage, done, _ in
            note("\(stage): sample \(done)")
        }
        try AtomicFile.write(conversion.bytes, to: output)
        if let report = conversion.report {
            print("INT8 multiply-accumulates: \(String(format: "%.2f", report.integerShare * 100)) %")
            for (reason, entries) in report.floatNodes {
                let names = Set(entries.map(\.operatorName)).sorted().joined(separator: ", ")
                print("float, \(reason.rawValue): \(entries.count) (\(names))")
            }
        }
        print("\(output): \(conversion.bytes.count) bytes")
    }
}
