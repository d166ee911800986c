import CurveHead
import Foundation
import ImageIO
import Quantization
import TensorCore
import Yams

extension Recipe {
    /// Reads a recipe. `reference` is the path of a file, or the bare name of one in `converters/` below the current
    /// folder or beside a golden set.
    ///
    /// - Throws: `.missingFile`; `.badData` with file and line for anything that is not as converters/README.md says,
    ///   unknown keys included.
    public static func load(_ reference: String) throws(Diagnostic) -> Recipe {
        var path = reference
        let isName = !reference.contains("/") && !reference.hasSuffix(".yaml") && !reference.hasSuffix(".yml")
        if isName { path = "converters/\(reference).yaml" }
        if isName, !FileManager.default.fileExists(atPath: path), let root = repositoryRoot {
            path = "\(root)/converters/\(reference).yaml"
        }
        let bytes = try FileBytes.read(path, limit: 1 << 20)
        return try parse(String(decoding: bytes, as: UTF8.self), path: path)
    }

    /// The folder with `converters/` above the running program: where it was built.
    private static var repositoryRoot: String? {
        var folder = URL(fileURLWithPath: CommandLine.arguments.first ?? "").resolvingSymlinksInPath()
        for _ in 0..<6 {
            folder.deleteLastPathComponent()
            if FileManager.default.fileExists(atPath: folder.appendingPathComponent("converters").path) {
                return folder.path
            }
        }
        return nil
    }

    /// Reads the text of a recipe; `path` names it in diagnostics. See ``load(_:)``.
    public static func parse(_ text: String, path: String) throws(Diagnostic) -> Recipe {
        let node: Yams.Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw Diagnostic(.badData, at: path, "is not YAML: \(firstLine(of: "\(error)"))")
        } catch {
            throw Diagnostic(.badData, at: path, "is not YAML")
        }
        guard let node else { throw Diagnostic(.badData, at: path, "is empty") }
        return try Recipe(YAMLMapping(node, path: path, place: "the recipe"))
    }

    private static func firstLine(of text: String) -> String {
        text.split(separator: "\n").prefix(2).joined(separator: " ")
    }

    private init(_ mapping: YAMLMapping) throws(Diagnostic) {
        try mapping.allow(["name", "description", "models", "inputs", "output", "calibration", "quantization", "head"])
        name = try mapping.string("name")
        description = try mapping.string("description", or: "")
        models = try mapping.has("models") ? mapping.strings("models") : []
        inputs = []
        for item in try mapping.mappings("inputs") { inputs.append(try Input(item)) }
        output = try mapping.has("output") ? Output(mapping.mapping("output")) : nil
        calibration = Calibration(method: nil, samples: nil)
        if mapping.has("calibration") { calibration = try Calibration(mapping.mapping("calibration")) }
        quantization = Quantization()
        if mapping.has("quantization") { quantization = try Quantization(mapping.mapping("quantization")) }
        guard calibration.method == nil || quantization.range == nil else {
            throw mapping.error("quantization", "'range' and calibration's 'method' say the same; give one")
        }
        let curve = try mapping.has("head") ? mapping.mapping("head") : nil
        if let curve {
            if curve.has("components") { head = try Head(curve) } else { scalarHead = try ScalarHead(curve) }
        }
        let names = inputs.map(\.name)
        guard Set(names).count == names.count else { throw mapping.error("inputs", "two inputs have the same name") }
        let lefts = inputs.filter { $0.kind == .stereoLeft }.count
        let rights = inputs.filter { $0.kind == .stereoRight }.count
        guard curve == nil || output != nil else {
            throw mapping.error("head", "a head needs an output that it stands for")
        }
        guard lefts == rights else { throw mapping.error("inputs", "stereo-left and stereo-right come in pairs") }
    }
}

extension Recipe.Input {
    init(_ mapping: YAMLMapping) throws(Diagnostic) {
        name = try mapping.string("name")
        kind = try mapping.choice("kind", Recipe.InputKind.allCases)
        guard kind != .tensor else {
            try mapping.allow(["name", "kind"])
            return
        }
        try mapping.allow(["name", "kind", "channels", "size", "mean", "scale", "resize", "fit"])
        let size = try mapping.numbers("size").map { Int(exactly: $0) ?? 0 }
        guard size.count == 2, size.allSatisfy({ (1...16384).contains($0) }) else {
            throw mapping.error("size", "size is [height, width] in pixels, 1 to 16384")
        }
        let color = try mapping.choice("channels", ImagePreprocessing.Color.allCases)
        let mean = mapping.has("mean") ? try mapping.numbers("mean") : []
        let scale = mapping.has("scale") ? try mapping.numbers("scale") : []
        guard [0, 1, color.channels].contains(mean.count), [0, 1, color.channels].contains(scale.count) else {
            throw mapping.error(
                "mean", "mean and scale have one number, or one for each of the \(color.channels) channels")
        }
        preprocessing = ImagePreprocessing(
            color: color, width: size[1], height: size[0],
            filter: try mapping.choice("resize", ResizeFilter.allCases, or: .bilinear),
            fit: try mapping.choice("fit", ImagePreprocessing.Fit.allCases, or: .stretch), mean: mean, scale: scale)
    }
}

extension Recipe.Output {
    init(_ mapping: YAMLMapping) throws(Diagnostic) {
        try mapping.allow(["name", "kind", "unit", "scale"])
        name = try mapping.string("name")
        kind = try mapping.choice("kind", Recipe.DepthKind.allCases)
        unit = try mapping.string("unit", or: "relative")
        guard ["px", "m", "relative"].contains(unit) else {
            throw mapping.error("unit", "unit '\(unit)' is unknown; px, m and relative work")
        }
        scale = try mapping.has("scale") ? mapping.numbers("scale").first ?? 1 : 1
        guard scale > 0, scale.isFinite else { throw mapping.error("scale", "scale must be above 0") }
    }
}

extension Recipe.Head {
    init(_ mapping: YAMLMapping) throws(Diagnostic) {
        try mapping.allow(["components", "curve", "order", "range"])
        components = try mapping.string("components")
        let range = try mapping.numbers("range")
        guard let order = try mapping.numbers("order").first.flatMap({ Int(exactly: $0) }), range.count == 2 else {
            throw mapping.error("range", "order is a whole number, range [depth at 0, depth at 1]")
        }
        do {
            decoding = try CurveDecoding(
                kind: mapping.choice("curve", CurveDecoding.Kind.allCases), order: order, lower: range[0],
                upper: range[1])
        } catch let error where error.code == .usage {
            throw mapping.error("order", error.message)
        }
    }
}

extension Recipe.ScalarHead {
    init(_ mapping: YAMLMapping) throws(Diagnostic) {
        try mapping.allow(["curve", "order"])
        let name = try mapping.string("curve")
        guard name != "auto" else {
            guard !mapping.has("order") else { throw mapping.error("order", "auto chooses the order itself") }
            curve = nil
            return
        }
        guard let kind = ExactCurve.Kind(rawValue: name) else {
            throw mapping.error(
                "curve",
                "'\(name)' is no curve for a scalar output; hilbert, serpentine, thermometer and auto are "
                    + "(others have components and a range)")
        }
        guard let order = try mapping.has("order") ? mapping.numbers("order").first.flatMap({ Int(exactly: $0) }) : 2
        else {
            throw mapping.error("order", "order is a whole number")
        }
        do {
            curve = try ExactCurve(kind, order: order)
        } catch {
            throw mapping.error("order", error.message)
        }
    }
}

extension Recipe.Calibration {
    init(_ mapping: YAMLMapping) throws(Diagnostic) {
        try mapping.allow(["method", "samples", "percentile"])
        if mapping.has("method") {
            let name = try mapping.string("method")
            guard let known = RangeMethod(name: name) else {
                throw mapping.error("method", "calibration methods are \(RangeMethod.names)")
            }
            method = known
            if name == "percentile", mapping.has("percentile") {
                let percent = try mapping.numbers("percentile").first ?? 0
                guard percent > 50, percent <= 100 else {
                    throw mapping.error("percentile", "percentile is in 50...100")
                }
                method = .percentile(percent)
            }
        }
        if mapping.has("samples") {
            samples = try mapping.numbers("samples").first.flatMap { Int(exactly: $0) }
            guard let samples, samples > 0 else { throw mapping.error("samples", "samples is a number above 0") }
        }
    }
}

extension Recipe.Quantization {
    init(_ mapping: YAMLMapping) throws(Diagnostic) {
        try mapping.allow([
            "range", "equalization", "biasCorrection", "channelBalancing", "weights", "compensation", "budget",
        ])
        if mapping.has("range") {
            range = RangeMethod(name: try mapping.string("range"))
            guard range != nil else { throw mapping.error("range", "range is \(RangeMethod.names)") }
        }
        biasCorrection = try mapping.flag("biasCorrection")
        channelBalancing = try mapping.flag("channelBalancing")
        equalization = try mapping.flag("equalization")
        compensation = try mapping.flag("compensation")
        if mapping.has("weights") {
            let name = try mapping.string("weights")
            weights = WeightRounding.allCases.first { $0.rawValue.lowercased() == name }
            guard weights != nil else { throw mapping.error("weights", "weights are nearest, gptq or adaround") }
        }
        if mapping.has("budget") {
            budget = LatencyBudget.share(try mapping.string("budget"))
            guard budget != nil else { throw mapping.error("budget", "budget is a percentage such as 7%") }
        }
    }
}
