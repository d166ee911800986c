import ArgumentParser
import DepthCompiler
import Foundation

@main
struct Depthc: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "depthc",
        abstract: "Compiles depth networks to low-precision .tflite files without losing the depth.",
        discussion: """
            A first conversion, from a model to a checked INT8 file:

              depthc inspect model.onnx
              depthc convert model.onnx -o model.tflite --precision int8 --calibration pictures --recipe recipe.yaml
              depthc run model.tflite --input left.png --input right.png --recipe recipe.yaml -o out
              depthc validate model.tflite --golden golden --min-sqnr 20

            Exit codes: 0 done, 1 a check failed, 64 wrong usage, 65 bad model or data, 66 a file is missing, 69 \
            something needed is not there, 70 a bug of depthc, 73 cannot write.
            """,
        version: Converter.version,
        subcommands: [
            Inspect.self, Convert.self, Calibrate.self, Merge.self, Run.self, Golden.self, Validate.self, Compare.self,
            Evaluate.self, Bench.self,
        ])

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let asJSON = arguments.contains { $0 == "--json" || $0.hasPrefix("--json=") }
        do {
            var command = try parseAsRoot(arguments)
            try command.run()
        } catch let diagnostic as Diagnostic {
            fail(diagnostic, asJSON: asJSON)
        } catch let code as ExitCode {
            Foundation.exit(code.rawValue)
        } catch {
            // Help and version are no errors; ArgumentParser prints them to standard output.
            if exitCode(for: error).isSuccess { exit(withError: error) }
            if error is CleanExit { exit(withError: error) }
            let name = arguments.first { !$0.hasPrefix("-") }.map { "depthc \($0)" } ?? "depthc"
            if exitCode(for: error) == .validationFailure {
                fail(
                    Diagnostic(.usage, at: name, message(for: error), suggestion: "see \(name) --help"),
                    asJSON: asJSON)
            }
            fail(Diagnostic(.internalError, at: name, "\(error)"), asJSON: asJSON)
        }
    }

    private static func fail(_ diagnostic: Diagnostic, asJSON: Bool) -> Never {
        Progress.clear()
        note(asJSON ? diagnostic.json : diagnostic.description)
        Foundation.exit(diagnostic.code.exitCode)
    }
}

extension Diagnostic {
    /// One line of JSON with code, location, message and suggestion.
    fileprivate var json: String {
        struct Fields: Encodable {
            var error: String
            var exitCode: Int32
            var location: String
            var message: String
            var suggestion: String?
        }
        let fields = Fields(
            error: code.rawValue, exitCode: code.exitCode, location: location, message: message, suggestion: suggestion)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(fields)).map { String(decoding: $0, as: UTF8.self) } ?? description
    }
}
