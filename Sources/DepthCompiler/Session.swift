import Evaluation
import GraphIR
import ImageIO
import Runtime
import TensorCore

/// A loaded model made ready to run on named arrays.
public struct Session: Sendable {
    public let model: Model
    public let graph: Graph
    /// What the numbers stand on beyond the model, to be said wherever they are shown.
    public let assumption: String?
    private let work: Work

    private enum Work: Sendable {
        case engine(Plan)
        case delegate(DelegatedPlan)
    }

    /// Prepares the model's canonical graph with its ports as they are in the file; with a delegate, the graph as it is in
    /// the file.
    ///
    /// - Throws: `Diagnostic` when the model cannot be run.
    public init(_ model: Model, options: RunOptions = RunOptions(), delegate: DSPDelegate? = nil) throws {
        self.model = model
        assumption = delegate?.assumption
        if let delegate {
            let compilation = try DSPCompilation(model, delegate: delegate)
            graph = compilation.graph
            work = .delegate(try compilation.plan(options: options))
        } else {
            graph = try Converter.canonical(model.graph, keepLayout: true, approximate: false)
            work = .engine(try Plan(graph, options: options))
        }
    }

    /// Runs on one tensor for every input, in the graph's layout and element types.
    ///
    /// - Parameter observe: sees every value that is computed as such; delegates may merge some.
    public func run(_ inputs: [Tensor], observe: ValueObserver? = nil) throws -> [Tensor] {
        switch work {
        case .engine(let plan): try plan.run(inputs, observe: observe)
        case .delegate(let plan): try plan.run(inputs, observe: observe)
        }
    }

    /// Runs and tells how long every node took; see ``Plan/profile(_:_:)``.
    ///
    /// - Throws: `Diagnostic` (.unsupported) with a delegate.
    public func profile(
        _ inputs: [Tensor], _ timed: @escaping (_ node: GraphIR.Node, _ duration: Duration, _ isFast: Bool) -> Void
    ) throws -> [Tensor] {
        switch work {
        case .engine(let plan): return try plan.profile(inputs, timed)
        case .delegate:
            throw Diagnostic(.unsupported, at: model.path, "the time that an emulator takes says nothing of a device")
        }
    }

    /// Brings arrays given by input name, the rest by position, to the graph's inputs. Arrays are in the model's own
    /// layout, or in its source's where only that fits; float arrays for quantised inputs are quantised.
    ///
    /// - Parameter inSourceLayout: the arrays are in the layout of the source that the model was converted from.
    /// - Throws: `Diagnostic` (.badData) for missing, unknown or unfit inputs.
    public func inputs(
        named: [String: Tensor], positional: [Tensor] = [], inSourceLayout: Bool = false
    ) throws(Diagnostic) -> [Tensor] {
        var rest = positional[...]
        var unused = Set(named.keys)
        var result: [Tensor] = []
        for port in graph.inputs {
            let names = [port.sourceName, graph[port.value].name]
            unused.subtract(names)
            guard let tensor = names.lazy.compactMap({ named[$0] }).first ?? rest.popFirst() else {
                throw Diagnostic(
                    .badData, at: "input \(port.sourceName)", "is missing",
                    suggestion: "--input \(port.sourceName)=FILE.npy of \(graph.type(of: port.value))")
            }
            result.append(try InputAdapter(port, of: graph).adapt(tensor, inSourceLayout: inSourceLayout))
        }
        let known = graph.inputs.map(\.sourceName).joined(separator: ", ")
        unused.subtract(model.consumedInputs)
        if let name = unused.sorted().first {
            throw Diagnostic(
                .badData, at: "input \(name)", "the model has no such input", suggestion: "it has \(known)")
        }
        guard rest.isEmpty else {
            throw Diagnostic(
                .badData, at: "--input", "gives more arrays than the model's \(graph.inputs.count) inputs (\(known))")
        }
        return result
    }

    /// The tensors that `recipe` makes of one picture, or of a pair.
    public func inputs(
        left: Image, right: Image? = nil, recipe: Recipe
    ) throws(Diagnostic) -> [Tensor] {
        var result: [Tensor] = []
        for port in graph.inputs {
            result.append(try SampleFolder.fill(port, of: graph, recipe: recipe, left: left, right: right))
        }
        return result
    }

    /// Runs on arrays given by input name, the rest by position; see ``inputs(named:positional:inSourceLayout:)``.
    public func run(named: [String: Tensor], positional: [Tensor] = []) throws -> [(name: String, tensor: Tensor)] {
        zip(graph.outputs, try run(inputs(named: named, positional: positional))).map { ($0.sourceName, $1) }
    }

    /// A port's name as a file name without extension; see `GoldenSet.stem(of:)`.
    public static func fileName(_ port: String) -> String { GoldenSet.stem(of: port) }
}
