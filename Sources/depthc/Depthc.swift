import ArgumentParser
import DepthCompiler
import Foundation

@main
struct Depthc: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "depthc",
        abstract: "Compiles depth networks to low-precision .tflite files without losing the depth.",
        version: Converter.version,
        subcommands: [Inspect.self, Convert.self, Run.self])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let diagnostic as Diagnostic {
            FileHandle.standardError.write(Data("\(diagnostic)\n".utf8))
            Foundation.exit(diagnostic.code.exitCode)
        } catch {
            exit(withError: error)
        }
    }
}
