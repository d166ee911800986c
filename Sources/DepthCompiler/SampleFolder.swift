import Foundation
import GraphIR
import ImageIO
import TensorCore

/// Samples for calibration, golden sets and comparisons, read one at a time.
///
/// Without a recipe (or with one whose inputs are arrays): `NAME.npy` files, each a sample of a model with one input;
/// or one folder per sample with `INPUT.npy` for every input; or a golden set. With a recipe for pictures: PNG, JPEG,
/// BMP, PGM or PPM files; for stereo one folder per sample with `left.*` and `right.*`, or `NAME_left.*` and
/// `NAME_right.*` side by side. Order is that of the names. Arrays are in the source's layout.
public struct SampleFolder: Sendable {
    private enum Item: Sendable {
        case array(String)
        case arrays(folder: String)
        case picture(String)
        case pair(left: String, right: String)
    }

    public let path: String
    public let recipe: Recipe?
    private var items: [(name: String, item: Item)]

    public var count: Int { items.count }

    /// Looks through the folder; nothing is read yet.
    ///
    /// - Parameter limit: the most samples that are used, spread evenly over those found.
    /// - Throws: `.missingFile` when there is no such folder; `.badData` when it holds no sample.
    public init(_ path: String, recipe: Recipe? = nil, limit: Int? = nil) throws(Diagnostic) {
        self.path = path
        self.recipe = recipe
        let entries = try Self.entries(of: path)
        var found: [(name: String, item: Item)] = []
        switch recipe?.pictures ?? .none {
        case .none: break
        case .single:
            let files = entries.filter(Self.isPicture)
            if files.isEmpty, entries.isEmpty == false {
                for folder in Self.folders(in: path, entries) {
                    let inner = try Self.entries(of: "\(path)/\(folder)").filter(Self.isPicture)
                    found += inner.map { ("\(folder)/\($0)", .picture("\(path)/\(folder)/\($0)")) }
                }
            } else {
                found = files.map { ($0, .picture("\(path)/\($0)")) }
            }
        case .pair:
            found = try Self.pairs(in: path, entries)
        }
        if found.isEmpty { found = Self.arrays(in: path, entries) }
        guard !found.isEmpty else {
            throw Diagnostic(
                .badData, at: path, "holds no samples",
                suggestion: recipe == nil
                    ? "put NAME.npy files or folders with INPUT.npy into it, or give a --recipe for pictures"
                    : "the recipe asks for \(Self.wanted(recipe))")
        }
        if let limit, limit < found.count, limit > 0 {
            let all = found
            found = (0..<limit).map { all[$0 * all.count / limit] }
        }
        items = found
    }

    /// The name of a sample: its file or folder.
    public func name(_ index: Int) -> String { items[index].name }

    /// Where a sample's files are.
    public struct Place: Sendable, Hashable {
        public var folder: String
        /// The folder's name where the sample has one of its own, else what its files are called before `_left`, or
        /// before their ending.
        public var name: String
        public var hasOwnFolder: Bool
    }

    /// Where the files of a sample are.
    public func place(_ index: Int) -> Place {
        let name = items[index].name
        let stem = (name as NSString).deletingPathExtension
        func beside(_ file: String) -> Place {
            Place(
                folder: (file as NSString).deletingLastPathComponent, name: (stem as NSString).lastPathComponent,
                hasOwnFolder: false)
        }
        func own(_ folder: String) -> Place {
            Place(folder: folder, name: (folder as NSString).lastPathComponent, hasOwnFolder: true)
        }
        switch items[index].item {
        case .array(let file), .picture(let file): return beside(file)
        case .arrays(let folder):
            return own(
                (folder as NSString).lastPathComponent == "inputs"
                    ? (folder as NSString).deletingLastPathComponent : folder)
        case .pair(let left, _):
            let file = (left as NSString).lastPathComponent
            guard (file as NSString).deletingPathExtension == "left" else { return beside(left) }
            return own((left as NSString).deletingLastPathComponent)
        }
    }

    /// One tensor for every input of `graph`, in its layout and element types.
    ///
    /// - Throws: `Diagnostic` located in the sample when a file is missing, damaged or does not fit.
    public func tensors(_ index: Int, for graph: Graph) throws(Diagnostic) -> [Tensor] {
        do {
            return try load(items[index].item, graph)
        } catch {
            throw error.location.hasPrefix(path) ? error : error.located(in: "\(path)/\(items[index].name)")
        }
    }

    private func load(_ item: Item, _ graph: Graph) throws(Diagnostic) -> [Tensor] {
        var result: [Tensor] = []
        switch item {
        case .array(let file):
            guard graph.inputs.count == 1 else {
                let names = graph.inputs.map(\.sourceName).joined(separator: ", ")
                throw Diagnostic(
                    .badData, at: "", "the model has \(graph.inputs.count) inputs (\(names))",
                    suggestion: "give one folder per sample with INPUT.npy for each")
            }
            for port in graph.inputs {
                result.append(try InputAdapter(port, of: graph).adapt(NPY.read(file), inSourceLayout: true))
            }
        case .arrays(let folder):
            for port in graph.inputs {
                let array = try Self.array(of: port.sourceName, in: folder)
                result.append(try InputAdapter(port, of: graph).adapt(array, inSourceLayout: true))
            }
        case .picture(let file):
            let image = try ImageFile.read(file).eightBit()
            for port in graph.inputs { result.append(try fill(port, of: graph, left: image, right: nil)) }
        case .pair(let left, let right):
            let images = (try ImageFile.read(left).eightBit(), try ImageFile.read(right).eightBit())
            for port in graph.inputs { result.append(try fill(port, of: graph, left: images.0, right: images.1)) }
        }
        return result
    }

    private func fill(
        _ port: GraphIR.Port, of graph: Graph, left: Image, right: Image?
    ) throws(Diagnostic) -> Tensor {
        try Self.fill(port, of: graph, recipe: recipe, left: left, right: right)
    }

    /// The tensor that the recipe makes of a picture, or of a pair, for one input.
    static func fill(
        _ port: GraphIR.Port, of graph: Graph, recipe: Recipe?, left: Image, right: Image?
    ) throws(Diagnostic) -> Tensor {
        guard let recipe, let input = recipe.input(port.sourceName), let preprocessing = input.preprocessing else {
            let known = recipe?.inputs.map(\.name).joined(separator: ", ") ?? ""
            throw Diagnostic(
                .badData, at: "input \(port.sourceName)", "the recipe does not say how pictures become this input",
                suggestion: "its inputs are \(known)")
        }
        let adapter = InputAdapter(port, of: graph)
        switch input.kind {
        case .image, .stereoLeft: return try adapter.pictures([left], preprocessing)
        case .stereoRight: return try adapter.pictures([right ?? left], preprocessing)
        case .stereoStacked: return try adapter.pictures([left, right ?? left], preprocessing)
        case .tensor:
            throw Diagnostic(.badData, at: "input \(port.sourceName)", "is an array, not a picture")
        }
    }

    /// The tensors of one sample that is alone in `folder`: `left.*` and `right.*`, one picture, or `INPUT.npy` files.
    ///
    /// - Throws: `.badData` when the folder holds none or several; otherwise as ``tensors(_:for:)``.
    public static func sample(
        in folder: String, recipe: Recipe?, for graph: Graph
    ) throws(Diagnostic) -> [Tensor] {
        if recipe?.pictures ?? .none == .none {
            var single = try SampleFolder(folder, recipe: recipe)
            single.items = [("", .arrays(folder: folder))]
            return try single.tensors(0, for: graph)
        }
        let samples = try SampleFolder(folder, recipe: recipe)
        guard samples.count == 1 else {
            throw Diagnostic(
                .badData, at: folder, "holds \(samples.count) samples where one is run",
                suggestion: "name one of them, such as \(samples.name(0))")
        }
        return try samples.tensors(0, for: graph)
    }

    // MARK: Finding samples

    private static func entries(of folder: String) throws(Diagnostic) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            throw Diagnostic(.missingFile, at: folder, "there is no such folder, or it cannot be read")
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    private static func folders(in path: String, _ entries: [String]) -> [String] {
        entries.filter { isFolder("\(path)/\($0)") }
    }

    private static func isPicture(_ name: String) -> Bool {
        ImageFile.extensions.contains((name as NSString).pathExtension.lowercased())
    }

    /// The picture called `stem` with any ending.
    private static func picture(_ stem: String, in folder: String, _ entries: [String]) -> String? {
        entries.first { isPicture($0) && ($0 as NSString).deletingPathExtension == stem }.map { "\(folder)/\($0)" }
    }

    private static func pairs(
        in path: String, _ entries: [String]
    ) throws(Diagnostic) -> [(name: String, item: Item)] {
        if let left = picture("left", in: path, entries), let right = picture("right", in: path, entries) {
            return [("left, right", .pair(left: left, right: right))]
        }
        var found: [(name: String, item: Item)] = []
        for folder in folders(in: path, entries) {
            let inner = try Self.entries(of: "\(path)/\(folder)")
            if let left = picture("left", in: "\(path)/\(folder)", inner),
                let right = picture("right", in: "\(path)/\(folder)", inner)
            {
                found.append((folder, .pair(left: left, right: right)))
            }
        }
        for entry in entries where isPicture(entry) {
            let stem = (entry as NSString).deletingPathExtension
            guard stem.hasSuffix("_left") else { continue }
            let name = String(stem.dropLast("_left".count))
            guard let right = picture("\(name)_right", in: path, entries) else {
                throw Diagnostic(.missingFile, at: "\(path)/\(name)_right", "the right picture of \(entry) is missing")
            }
            found.append((name, .pair(left: "\(path)/\(entry)", right: right)))
        }
        return found
    }

    private static func arrays(in path: String, _ entries: [String]) -> [(name: String, item: Item)] {
        var found: [(name: String, item: Item)] = []
        for entry in entries {
            let full = "\(path)/\(entry)"
            if isFolder(full) {
                let inner = isFolder("\(full)/inputs") ? "\(full)/inputs" : full
                let names = (try? FileManager.default.contentsOfDirectory(atPath: inner)) ?? []
                if names.contains(where: { $0.hasSuffix(".npy") }) { found.append((entry, .arrays(folder: inner))) }
            } else if entry.hasSuffix(".npy") {
                found.append((entry, .array(full)))
            }
        }
        return found
    }

    /// The array of the input `name`: `NAME.npy` with slashes, and colons where it is not found so, as `_`.
    private static func array(of name: String, in folder: String) throws(Diagnostic) -> Tensor {
        let file = "\(folder)/\(Session.fileName(name)).npy"
        let other = "\(folder)/\(Session.fileName(name).replacing(":", with: "_")).npy"
        if !FileManager.default.fileExists(atPath: file), FileManager.default.fileExists(atPath: other) {
            return try NPY.read(other)
        }
        return try NPY.read(file)
    }

    private static func wanted(_ recipe: Recipe?) -> String {
        switch recipe?.pictures ?? .none {
        case .none: "folders with INPUT.npy"
        case .single: "PNG, JPEG, BMP, PGM or PPM files"
        case .pair: "one folder per sample with left.* and right.*"
        }
    }
}
