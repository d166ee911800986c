import ArgumentParser
import DepthCompiler

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures how long a model takes.",
        discussion: """
            Inputs are drawn from a seed; two runs before the measured ones warm up caches and clocks.

              depthc bench model.tflite --threads 2 --runs 50
              depthc bench model.onnx --operators
              depthc bench model.tflite --delegate dsp --machine snapdragon-8-gen-2 --csv nodes.csv

            With --delegate dsp nothing runs: the cost is modelled, in cycles, and in milliseconds for machines whose
            latency is published for some networks.
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var delegate: DelegateOptions
    @OptionGroup var json: JSONOptions

    @Option(
        help: ArgumentHelp(
            "The machine behind --delegate dsp: \(DSPCost.machines.joined(separator: ", ")).", valueName: "NAME"))
    var machine: String?

    @Option(help: ArgumentHelp("With --delegate dsp: writes a line for every node.", valueName: "FILE.csv"))
    var csv: String?

    @Option(help: ArgumentHelp("With --delegate dsp: writes a page.", valueName: "FILE.html"))
    var report: String?

    @Option(help: "Measured runs.")
    var runs: Int = 20

    @Flag(help: "Also shows the time by operator.")
    var operators = false

    func validate() throws {
        guard (1...1_000_000).contains(runs) else { throw ValidationError("--runs is 1 to 1000000") }
        if try delegate.dsp == nil, machine ?? csv ?? report != nil {
            throw ValidationError("--machine, --csv and --report are about --delegate dsp")
        }
    }

    func run() throws {
        let options = engine.options
        let model = try input.load()
        if let dsp = try delegate.dsp {
            try show(DSPCost(DSPCompilation(model, delegate: dsp), model: input.model, machine: machine))
            return
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

    private func show(_ cost: DSPCost) throws {
        let modelled = cost.report
        if let csv { try AtomicFile.write(text: modelled.csv, to: csv) }
        if let report { try AtomicFile.write(text: DSPCostPage(cost).html, to: report) }
        try json.write(cost)
        if json.replacesText { return }
        let time = modelled.latency.map { ", \(short($0.milliseconds)) ms" } ?? ""
        print(
            "\(cost.model) on \(modelled.machine.title): \(short(modelled.computeCycles / 1e6)) M cycles\(time) "
                + "(\(cost.delegatedOperators) of \(cost.operators) operators, \(modelled.partitions) partitions)")
        print(cost.caveat)
        print(table([["event", "value", "known"]] + modelled.rows.map { [$0.name, $0.value, $0.evidence] }))
        guard operators else { return }
        var rows = [["node", "operator", "unit", "cycles", "bytes", "tiles", "bound"]]
        for node in modelled.nodes {
            rows.append([
                "\(node.id)", node.operation, node.unit, short(node.computeCycles), "\(node.bytesIn + node.bytesOut)",
                "\(node.strips)x\(node.chunks)", node.bound,
            ])
        }
        print(table(rows))
    }
}
