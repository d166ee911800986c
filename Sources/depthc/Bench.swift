import ArgumentParser
import DepthCompiler

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures how long a model takes.",
        discussion: """
            Inputs are drawn from a seed; two runs before the measured ones warm up caches and clocks.

              depthc bench model.tflite --threads 2 --runs 50
              depthc bench model.onnx --operators
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var delegate: DelegateOptions
    @OptionGroup var json: JSONOptions

    @Option(help: "Measured runs.")
    var runs: Int = 20

    @Flag(help: "Also shows the time by operator.")
    var operators = false

    func validate() throws {
        guard (1...1_000_000).contains(runs) else { throw ValidationError("--runs is 1 to 1000000") }
    }

    func run() throws {
        let options = engine.options
        let model = try input.load()
        if let dsp = try delegate.dsp {
            throw Diagnostic(.unsupported, at: "--delegate dsp:\(dsp.name)", "has no cycle model yet")
        }
        let session = try Session(model, options: options)
        let progress = Progress("bench")
        let report = try session.benchmark(runs: runs, options: options, perOperator: operators) {
            progress.update($0, $1)
        }
        try json.write(report)
        if json.replacesText { return }
        print(
            "\(report.model): median \(short(report.medianMilliseconds)) ms, fastest "
                + "\(short(report.minimumMilliseconds)) ms, 90 % below \(short(report.percentile90Milliseconds)) ms "
                + "(\(report.runs) runs, \(report.threads) threads, \(report.engine) engine)")
        print("\(short(report.gigaMultiplyAccumulatesPerSecond)) G multiply-accumulates per second")
        guard operators else { return }
        let all = report.operators.reduce(0) { $0 + $1.milliseconds }
        var rows = [["operator", "nodes", "fast", "ms", "share"]]
        for entry in report.operators {
            let share = all > 0 ? 100 * entry.milliseconds / all : 0
            rows.append([
                entry.operatorName, "\(entry.count)", "\(entry.fast)", short(entry.milliseconds), "\(short(share)) %",
            ])
        }
        print(table(rows))
    }
}
