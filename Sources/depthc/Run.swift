import ArgumentParser
import DepthCompiler
import Foundation

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs a model on arrays or pictures and writes its outputs.",
        discussion: """
            Arrays are .npy files in the model's own layout and element type; float arrays for quantised inputs are \
            quantised. With a recipe, pictures work too (for stereo: the left, then the right one).

              depthc run model.onnx --input image.npy -o out
              depthc run model.tflite --input left=a.npy --input right=b.npy -o out
              depthc run hitnet.tflite --input left.png --input right.png --recipe converters/hitnet.yaml -o out
              depthc run hitnet.tflite --input pair --recipe converters/hitnet.yaml -o out

            A folder is one sample: left.* and right.*, one picture, or INPUT.npy for every input.

            Every output becomes out/NAME.npy in its own element type. Depth outputs (known from the recipe or from the \
            metadata of an exported file) also become a colour picture NAME.png and a float map NAME.pfm.
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var delegate: DelegateOptions

    @Option(
        name: .customLong("input"),
        help: ArgumentHelp("An input array or picture, or the folder of a sample.", valueName: "[NAME=]FILE"))
    var inputs: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder for the outputs.", valueName: "DIR"))
    var output: String

    func run() throws {
        let options = engine.options
        let known = try recipe.load()
        var named: [String: Tensor] = [:]
        var positional: [Tensor] = []
        var pictures: [Image] = []
        var folder: String?
        for entry in inputs {
            let (name, path) = Self.split(entry)
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
                folder = path
            } else if ImageFile.extensions.contains((path as NSString).pathExtension.lowercased()) {
                guard known != nil else {
                    throw Diagnostic(
                        .usage, at: path, "pictures need a recipe that says how they become inputs",
                        suggestion: "--recipe R.yaml, or an .npy file")
                }
                pictures.append(try ImageFile.read(path).eightBit())
            } else {
                let array = try NPY.read(path)
                if let name { named[name] = array } else { positional.append(array) }
            }
        }
        let model = try input.load(available: named)
        let session = try Session(model, options: options, delegate: delegate.dsp)
        let tensors: [Tensor]
        if let folder {
            guard inputs.count == 1 else {
                throw Diagnostic(.usage, at: folder, "a folder is a whole sample", suggestion: "give it alone")
            }
            tensors = try SampleFolder.sample(in: folder, recipe: known, for: session.graph)
        } else {
            tensors = try prepare(session, known, pictures, named, positional)
        }
        let outputs = try session.run(tensors)
        if let assumption = session.assumption { note("assumed: \(assumption)") }
        var files: [(name: String, bytes: [UInt8])] = []
        for (port, tensor) in zip(session.graph.outputs, outputs) {
            let name = Session.fileName(port.sourceName)
            files.append(("\(name).npy", NPY.encode(tensor)))
            print("\(port.sourceName): \(tensor.type)")
            guard let depth = DepthOutput(port, of: model, recipe: known), let map = depth.map(tensor) else { continue }
            let color = ColorMap.image(width: map.width, height: map.height, values: map.values)
            files.append(("\(name).png", try ImageFile.png(color)))
            files.append(("\(name).pfm", PFM.encode(width: map.width, height: map.height, values: map.values)))
            let finite = map.values.filter(\.isFinite)
            print(
                "  \(depth.kind.rawValue) \(short(Double(finite.min() ?? 0))) (dark) to "
                    + "\(short(Double(finite.max() ?? 0))) (light)" + (depth.unit == "relative" ? "" : " \(depth.unit)")
            )
        }
        for file in files { try AtomicFile.write(file.bytes, to: "\(output)/\(file.name)") }
    }

    private func prepare(
        _ session: Session, _ known: Recipe?, _ pictures: [Image], _ named: [String: Tensor], _ positional: [Tensor]
    ) throws -> [Tensor] {
        guard let known, let left = pictures.first else {
            return try session.inputs(named: named, positional: positional)
        }
        guard named.isEmpty, positional.isEmpty else {
            throw Diagnostic(.usage, at: "--input", "give pictures or arrays, not both")
        }
        let wanted = known.pictures == .pair ? 2 : 1
        guard pictures.count == wanted else {
            throw Diagnostic(
                .usage, at: "--input", "\(pictures.count) pictures given, recipe \(known.name) takes \(wanted)",
                suggestion: wanted == 2 ? "--input LEFT --input RIGHT" : "give one --input")
        }
        return try session.inputs(left: left, right: pictures.count > 1 ? pictures[1] : nil, recipe: known)
    }

    /// `NAME=FILE`, unless the whole is the name of a file.
    private static func split(_ entry: String) -> (name: String?, path: String) {
        guard let separator = entry.firstIndex(of: "="), separator != entry.startIndex,
            !FileManager.default.fileExists(atPath: entry)
        else { return (nil, entry) }
        return (String(entry[..<separator]), String(entry[entry.index(after: separator)...]))
    }
}
