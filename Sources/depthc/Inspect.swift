import ArgumentParser
import DepthCompiler

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows a model's inputs, outputs, operators, multiply-accumulates and sizes.",
        discussion: """
              depthc inspect model.onnx
              depthc inspect model.onnx --nodes
              depthc inspect model.tflite --json
              depthc inspect model_int8.tflite --delegate dsp

            With a delegate: where every operator runs and why, the partitions, what crosses their borders, and which \
            changes would bring more onto the DSP. --lowered prints the library's graphs as the delegate's own debug \
            output does.
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var delegate: DelegateOptions

    @Flag(help: "Shows every node with types and shapes.")
    var nodes = false

    @Flag(help: "Prints everything as JSON.")
    var json = false

    @Flag(help: "With --delegate dsp: prints the graphs that the library gets and what it makes of them.")
    var lowered = false

    func validate() throws {
        if lowered, try delegate.dsp == nil { throw ValidationError("--lowered is about --delegate dsp") }
    }

    func run() throws {
        let model = try input.load(lenient: true)
        if let dsp = try delegate.dsp {
            let inspection = try DSPInspection(model, delegate: dsp)
            if json { print(try encodeJSON(inspection)) } else { show(inspection) }
            if lowered { try DSPInspection.loweredGraphs(of: model, delegate: dsp).forEach { print($0) } }
            return
        }
        let inspection = Inspection(model)
        if json {
            print(try encodeJSON(inspection))
            return
        }
        print("\(inspection.path): \(inspection.format), \(size(inspection.byteCount))")
        for tensor in inspection.inputs { print("input  \(Self.describe(tensor))") }
        for tensor in inspection.outputs { print("output \(Self.describe(tensor))") }
        print(
            "\(inspection.nodes.count) operators, \(short(Double(inspection.multiplyAccumulates) / 1e9)) G "
                + "multiply-accumulates, \(size(inspection.constantBytes)) of constants")
        let expected = inspection.expectedMilliseconds.sorted { $0.key > $1.key }
        print("expected \(expected.map { "\(short($0.value)) ms in \($0.key)" }.joined(separator: ", ")), one thread")
        print(Self.list(inspection.operators))
        if !inspection.sourceOperators.isEmpty, inspection.sourceOperators != inspection.operators {
            print("in the source: \(Self.list(inspection.sourceOperators))")
        }
        if let metadata = inspection.metadata {
            print(
                "made by depthc \(metadata.version) from \(metadata.source) with \(metadata.options.joined(separator: " "))"
            )
        }
        guard nodes else { return }
        var rows = [["node", "operator", "result", "MACs", "weights"]]
        for node in inspection.nodes {
            let result = node.outputs.map { Self.type($0) }.joined(separator: ", ")
            rows.append([node.name, node.operatorName, result, "\(node.multiplyAccumulates)", "\(node.weightBytes)"])
        }
        print(table(rows))
    }

    private static func describe(_ tensor: Inspection.Tensor) -> String { "\(tensor.name): \(type(tensor))" }

    private static func type(_ tensor: Inspection.Tensor) -> String {
        let shape = tensor.shape.map(String.init).joined(separator: ",")
        let quantization = tensor.scale.map { " q(\($0), \(tensor.zeroPoint ?? 0))" } ?? ""
        return "\(tensor.elementType)[\(shape)]\(quantization)"
    }

    private static func list(_ operators: [String: Int]) -> String {
        operators.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
            .joined(separator: ", ")
    }
}
