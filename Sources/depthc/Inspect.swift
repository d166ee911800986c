import ArgumentParser
import DepthCompiler

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows operators, shapes, types, MACs and sizes.")

    @OptionGroup var input: InputOptions

    func run() throws {
        let model = try input.load(lenient: true)
        model.assumptions.forEach { note("assumed: \($0)") }
        model.warnings.forEach { note("warning: \($0)") }
        print(model.graph)
    }
}
