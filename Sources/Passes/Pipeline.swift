import GraphIR
import TensorCore

/// A named rewrite of a graph.
package struct Pass: Sendable {
    package let name: String
    let body: @Sendable (inout Rewriting) throws -> Void

    /// A pass that looks at the whole graph.
    init(_ name: String, _ body: @escaping @Sendable (inout Rewriting) throws -> Void) {
        self.name = name
        self.body = body
    }

    /// A pass that looks at one node after the other and proposes a patch for it; nothing happens when the patch stays
    /// empty.
    package init(_ name: String, eachNode: @escaping @Sendable (Graph, Node, inout GraphPatch) throws -> Void) {
        self.init(name) { rewriting in
            for id in rewriting.graph.nodes.map(\.id) where rewriting.graph.contains(id) {
                var patch = GraphPatch(name, on: rewriting.graph)
                let node = rewriting.graph[id]
                do {
                    try eachNode(rewriting.graph, node, &patch)
                    try rewriting.apply(patch)
                } catch let diagnostic as Diagnostic {
                    throw diagnostic.located(in: node.location)
                }
            }
        }
    }
}

/// A graph while passes change it: the only way they do is ``apply(_:)``.
struct Rewriting {
    private(set) var graph: Graph
    let verifiesEveryPatch: Bool
    /// Patches applied so far.
    private(set) var patches = 0

    init(_ graph: Graph, verifiesEveryPatch: Bool) {
        self.graph = graph
        self.verifiesEveryPatch = verifiesEveryPatch
    }

    mutating func apply(_ patch: GraphPatch) throws {
        if patch.isEmpty { return }
        try graph.apply(patch)
        patches += 1
        if verifiesEveryPatch { try graph.verify() }
    }

    mutating func removeUnused() {
        patches += graph.removeUnused()
    }
}

/// Passes in the order in which they run.
package struct Pipeline: Sendable {
    enum Step: Sendable {
        case once(Pass)
        /// Over and over until none of them finds anything.
        case repeated([Pass])
    }

    /// How often a pass changed the graph.
    package struct Record: Sendable, Hashable {
        package let pass: String
        package let patches: Int
    }

    var steps: [Step]

    init(steps: [Step]) { self.steps = steps }

    /// Runs `passes` over and over until none of them finds anything.
    package init(_ passes: [Pass]) { steps = [.repeated(passes)] }

    /// The passes, each named once, in order of first appearance.
    package var passNames: [String] {
        var names: [String] = []
        for step in steps {
            switch step {
            case .once(let pass): names.append(pass.name)
            case .repeated(let passes): names.append(contentsOf: passes.map(\.name))
            }
        }
        var seen = Set<String>()
        return names.filter { seen.insert($0).inserted }
    }

    /// Carries out the passes.
    ///
    /// - Parameter verifyEveryPatch: checks the whole graph after every patch, not only what the patch touched.
    /// - Returns: what each pass did, in order.
    /// - Throws: `Diagnostic` whose location starts with the pass's name.
    @discardableResult
    package func run(on graph: inout Graph, verifyEveryPatch: Bool = false) throws -> [Record] {
        var records: [Record] = []
        for step in steps {
            switch step {
            case .once(let pass):
                records.append(try Pipeline.run(pass, on: &graph, verifyEveryPatch))
            case .repeated(let passes):
                for round in 1...Pipeline.roundLimit {
                    let found = try passes.map { try Pipeline.run($0, on: &graph, verifyEveryPatch) }
                    records.append(contentsOf: found)
                    if found.allSatisfy({ $0.patches == 0 }) { break }
                    guard round < Pipeline.roundLimit else {
                        let busy = found.filter { $0.patches > 0 }.map(\.pass).joined(separator: ", ")
                        throw Diagnostic(.internalError, at: graph.name, "the passes \(busy) undo each other")
                    }
                }
            }
        }
        return records
    }

    static let roundLimit = 64

    static func run(_ pass: Pass, on graph: inout Graph, _ verifyEveryPatch: Bool) throws -> Record {
        var rewriting = Rewriting(graph, verifiesEveryPatch: verifyEveryPatch)
        do {
            try pass.body(&rewriting)
        } catch let diagnostic as Diagnostic {
            throw diagnostic.located(in: "pass \(pass.name)")
        }
        graph = rewriting.graph
        return Record(pass: pass.name, patches: rewriting.patches)
    }
}
