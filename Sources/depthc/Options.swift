import ArgumentParser
import DepthCompiler
import Foundation

/// How a source model is read; shared by every command that takes one.
struct InputOptions: ParsableArguments {
    @Argument(help: "An ONNX or TFLite model; told apart by its first bytes.")
    var model: String

    @Option(help: ArgumentHelp("Shape of an input, for models with dynamic dimensions.", valueName: "NAME=1x3x256x320"))
    var shape: [String] = []

    @Option(help: ArgumentHelp("Bakes an input in as a constant.", valueName: "NAME=FILE.npy"))
    var fix: [String] = []

    /// Reads the model and tells what was assumed.
    func load(lenient: Bool = false, available: [String: Tensor] = [:]) throws -> Model {
        var options = LoadOptions(available: available, lenient: lenient)
        for entry in shape {
            let (name, text) = try Self.split(entry, option: "--shape")
            let extents = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
            guard !extents.isEmpty, extents.allSatisfy({ ($0 ?? -1) >= 0 }) else {
                throw Diagnostic(.usage, at: "--shape \(entry)", "is not NAME=1x3x256x320")
            }
            options.shapes[name] = Shape(extents.compactMap { $0 })
        }
        for entry in fix {
            let (name, path) = try Self.split(entry, option: "--fix")
            options.fixed[name] = try NPY.read(path)
        }
        let loaded = try Model.load(model, options)
        loaded.assumptions.forEach { note("assumed: \($0)") }
        loaded.warnings.forEach { note("warning: \($0)") }
        return loaded
    }

    private static func split(_ entry: String, option: String) throws -> (String, String) {
        guard let separator = entry.firstIndex(of: "="), separator != entry.startIndex else {
            throw Diagnostic(.usage, at: "\(option) \(entry)", "has no NAME=")
        }
        return (String(entry[..<separator]), String(entry[entry.index(after: separator)...]))
    }
}

/// The recipe; shared by every command that reads pictures or knows of depth.
struct RecipeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How pictures become inputs and what the output measures: a YAML file, or a name in converters/.",
            valueName: "R.yaml"))
    var recipe: String?

    func load() throws -> Recipe? { try recipe.map { try Recipe.load($0) } }
}

/// How a model is run; shared by every command that runs one.
struct EngineOptions: ParsableArguments {
    @Option(help: "Kernels: fast or reference (plain and slow, to check the fast ones).")
    var engine: Engine = .fast

    @Option(help: "Worker threads; results do not depend on their number.")
    var threads: Int = max(1, ProcessInfo.processInfo.activeProcessorCount)

    func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads is 1 to 1024") }
    }

    var options: RunOptions { RunOptions(engine: engine, threads: threads) }
}

/// Who runs the graph; shared by every command that a DSP changes something for.
struct DelegateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Who runs the graph: cpu, or dsp for what the TFLite Hexagon delegate would take. Profiles: "
                + DSPDelegate.profiles.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ") + ".",
            valueName: "cpu|dsp[:PROFILE]"))
    var delegate: String = "cpu"

    @Option(
        help: ArgumentHelp(
            "The most partitions that the delegate takes, its option max_delegated_partitions: 1 to 16 (default: 4).",
            valueName: "N"))
    var maxPartitions: Int?

    func validate() throws {
        if let maxPartitions {
            guard (1...16).contains(maxPartitions) else { throw ValidationError("--max-partitions is 1 to 16") }
            if try dsp == nil { throw ValidationError("--max-partitions is about --delegate dsp") }
        }
        _ = try dsp
    }

    /// nil for the CPU.
    var dsp: DSPDelegate? {
        get throws {
            do {
                let named = try DSPDelegate.named(delegate)
                return maxPartitions.flatMap { count in named?.limited(toPartitions: count) } ?? named
            } catch let problem as Diagnostic {
                throw ValidationError("\(problem.location) \(problem.message); \(problem.suggestion ?? "")")
            }
        }
    }
}

/// Where a machine-readable result goes.
struct JSONOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Writes the result as JSON; - is standard output. Errors become JSON too.", valueName: "FILE"))
    var json: String?

    /// True when standard output belongs to the JSON.
    var replacesText: Bool { json == "-" }

    func write(_ value: some Encodable) throws {
        guard let json else { return }
        let text = try encodeJSON(value)
        if json == "-" { print(text) } else { try AtomicFile.write(text: text + "\n", to: json) }
    }
}

/// The page that shows what quantisation cost.
struct ReportOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Writes a page with float, quantised and error maps, the noise of every operator, ranges, sizes and "
                + "latency; with --json the same figures are under the key report.", valueName: "FILE.html"))
    var report: String?

    /// Runs the analysis, writes the page and returns its figures; nil without `--report`.
    func write(_ builder: @autoclosure () throws -> ReportBuilder, data: SampleFolder) throws -> AccuracyReport? {
        guard let report else { return nil }
        var progress: (stage: String, bar: Progress)?
        let result = try builder().build(data: data) { stage, done, total in
            if progress?.stage != stage { progress = (stage, Progress(stage)) }
            progress?.bar.update(done, total)
        }
        try AtomicFile.write(text: ReportPage(result.report, maps: result.maps).html(), to: report)
        return result.report
    }
}

/// The lines that say what a report found.
func lines(of report: AccuracyReport, path: String) -> [String] {
    guard let all = report.errors.last else { return [] }
    let unit = report.unit == "relative" || report.unit.isEmpty ? "" : " \(report.unit)"
    let worst = report.operators.prefix(3).filter { ($0.outputShare ?? 0) > 0 }.map { entry in
        "\(entry.name) (\(short((entry.outputError ?? 0)))\(unit) alone)"
    }
    return [
        "report \(path): RMSE \(short(all.rmse))\(unit), mean \(short(all.mae))\(unit), AC-SQNR "
            + "\(short(all.acSQNR)) dB over \(report.errors.count - 1) samples, \(short(report.seconds)) s"
    ] + (worst.isEmpty ? [] : ["most of the error: \(worst.joined(separator: ", "))"])
}

/// The two ends of `A..B`.
///
/// - Throws: `ValidationError` naming `option` unless both are finite and A is below B.
func interval(_ text: String, of option: String) throws -> ClosedRange<Double> {
    let parts = text.components(separatedBy: "..")
    guard parts.count == 2, let low = Double(parts[0]), let high = Double(parts[1]), low.isFinite, high.isFinite,
        low < high
    else { throw ValidationError("\(option) is A..B such as 0..48, A below B") }
    return low...high
}

/// JSON for people: indented, keys sorted; infinite figures as text.
func encodeJSON(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

extension Engine: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension PortTypes: ExpressibleByArgument {}
extension ActivationStorage: ExpressibleByArgument {}
extension HeadOutput: ExpressibleByArgument {}
extension Tolerance: ExpressibleByArgument {}

/// Writes a line to standard error: progress, assumptions, warnings.
func note(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
