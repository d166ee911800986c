import GraphIR
import Operators
import TensorCore

extension Pass {
    /// Chooses an order of axes for every value by least cost, so that the transposes around spatial operators vanish.
    ///
    /// - Parameter keepLayout: inputs and outputs of the graph keep their order; else images may become NHWC, which
    ///   their ports then say.
    package static func layout(keepLayout: Bool) -> Pass {
        Pass("layout") { rewriting in
            var solver = LayoutSolver(LayoutProblem(rewriting.graph, keepLayout: keepLayout))
            let before = solver.cost
            solver.solve()
            guard solver.cost < before else { return }
            var rewriter = LayoutRewriter(solver.problem)
            try rewriting.apply(try rewriter.rewrite())
        }
    }
}

/// Turns a solved layout problem into one patch.
struct LayoutRewriter {
    private let problem: LayoutProblem
    private let graph: Graph
    private var patch: GraphPatch
    /// Where every stored value is now.
    private var present: [ValueID: ValueID] = [:]
    private var removed: [NodeID] = []
    private var made: [Move: ValueID] = [:]

    private struct Move: Hashable {
        let root: ValueID
        let order: Permutation
    }

    init(_ problem: LayoutProblem) {
        self.problem = problem
        graph = problem.graph
        patch = GraphPatch("layout", on: problem.graph)
    }

    mutating func rewrite() throws -> GraphPatch {
        var storedAt: [ValueID: LayoutProblem.Stored] = [:]
        for value in problem.stored { storedAt[value.value] = value }
        var siteOf: [LayoutProblem.Site: Int] = [:]
        for (i, site) in problem.sites.enumerated() { siteOf[site] = i }

        for port in graph.inputs {
            guard let site = siteOf[.input(port.value)] else { continue }
            let order = problem.choices[site].results[0]
            present[port.value] = port.value
            if order.isIdentity { continue }
            let type = graph.type(of: port.value)
            patch.setType(of: port.value, to: type.with(shape: order.apply(type.shape)))
            patch.permutePort(port.value, by: order.axes)
        }
        for node in graph.nodes {
            if let site = siteOf[.node(node.id)] {
                try rewrite(node, problem.choices[site], storedAt)
            } else if let source = node.inputs[0] {
                let (root, _) = problem.origin(of: source)
                if isMoved(root, storedAt) { removed.append(node.id) }
            }
        }
        for value in Set(graph.outputs.map(\.value)).sorted() {
            guard let site = siteOf[.output(value)] else { continue }
            let choice = problem.choices[site]
            let result = try operand(value, choice.operands[0], nil, location: graph[value].name, storedAt)
            if let order = choice.operands[0], !order.isIdentity {
                patch.permutePort(result, by: order.axes)
            }
            if result != value { patch.replaceUses(of: value, with: result) }
        }
        for node in removed.reversed() { patch.remove(node) }
        return patch
    }

    /// True when the stored value is another one now or has another order.
    private func isMoved(_ root: ValueID, _ storedAt: [ValueID: LayoutProblem.Stored]) -> Bool {
        guard let stored = storedAt[root] else { return false }
        return present[root] != root || !problem.order(of: stored, problem.choices).isIdentity
    }

    private mutating func rewrite(
        _ node: Node, _ choice: LayoutChoice, _ storedAt: [ValueID: LayoutProblem.Stored]
    ) throws {
        var inputs: [ValueID?] = []
        let isReshape = LayoutRule(node, in: graph) == .reshape
        for (i, input) in node.inputs.enumerated() {
            guard let input else {
                inputs.append(nil)
                continue
            }
            inputs.append(
                try operand(input, choice.operands[i], isReshape ? node : nil, location: node.location, storedAt))
        }
        if choice.isIdentity {
            for (i, input) in inputs.enumerated() where input != node.inputs[i] {
                patch.setOperand(i, of: node.id, to: input)
            }
            for output in node.outputs { present[output] = output }
            return
        }
        let attributes = LayoutAttributes(graph: graph, node: node, choice: choice)
        let (op, operands) = try attributes.rewritten(inputs, &patch)
        let results = try patch.addNode(
            op, operands, in: graph, names: node.outputs.map { graph[$0].name }, location: node.location,
            quantization: node.outputs.map { graph[$0].type.quantization },
            elementTypes: node.outputs.map { graph[$0].type.elementType })
        for (old, new) in zip(node.outputs, results) { present[old] = new }
        removed.append(node.id)
    }

    /// The value that a site takes for `value`, in the order `need` of its axes; a constant stays as it is.
    private mutating func operand(
        _ value: ValueID, _ need: Permutation?, _ reshape: Node?, location: String,
        _ storedAt: [ValueID: LayoutProblem.Stored]
    ) throws -> ValueID {
        let (root, view) = problem.origin(of: value)
        guard let need, let stored = storedAt[root], let now = present[root] else { return value }
        if need.isIdentity, !isMoved(root, storedAt) { return value }
        let from = problem.order(of: stored, problem.choices)
        let to = view.then(need)
        let move = from.inverse.then(to)
        if move.isIdentity { return now }
        if reshape != nil, move.keepsMemoryOrder(of: from.apply(stored.shape)) { return now }
        let key = Move(root: root, order: to)
        if let known = made[key] { return known }
        let result = try patch.addTranspose(
            now, by: move, in: graph, name: "\(graph[value].name)_permuted", location: location)
        made[key] = result
        return result
    }
}
