import GraphIR
import Operators
import TensorCore

/// Which order of axes every node works in, and what the transposes between them cost.
///
/// TRANSPOSE nodes are wires here: they say how two operators see one stored tensor. What remains are sites that choose
/// (operators, and the borders of the graph) and values that one site stores and others take.
struct LayoutProblem {
    /// Something that stores or takes values.
    enum Site: Hashable {
        case input(ValueID)
        case output(ValueID)
        case node(NodeID)
    }

    /// A use of a stored value by a site.
    struct Use {
        let site: Int
        let operand: Int
        /// What the site sees: axis i of its operand is axis `view[i]` of the stored value's source order.
        let view: Permutation
    }

    /// A value that is stored once and used in one or several orders.
    struct Stored {
        let value: ValueID
        let shape: Shape
        let byteCount: Int
        let producer: Int
        let result: Int
        var uses: [Use] = []
    }

    let graph: Graph
    private(set) var sites: [Site] = []
    private(set) var nodes: [LayoutNode?] = []
    private(set) var stored: [Stored] = []
    /// For every site the stored values it produces or uses.
    private(set) var neighbours: [[Int]] = []
    /// Sites at the border that may take the other order of image axes.
    private(set) var mayPermute: [Bool] = []
    var choices: [LayoutChoice] = []

    init(_ graph: Graph, keepLayout: Bool) {
        self.graph = graph
        var rootOf: [ValueID: Int] = [:]
        var siteOf: [NodeID: Int] = [:]
        for port in graph.inputs where rootOf[port.value] == nil {
            let shape = graph.type(of: port.value).shape
            let site = add(.input(port.value), nil, border(shape, stores: true), !keepLayout && shape.rank == 4)
            rootOf[port.value] = add(port.value, producer: site, result: 0)
        }
        for node in graph.nodes where !isWire(node) {
            let layout = LayoutNode(node, in: graph)
            let site = add(.node(node.id), layout, layout.identity, false)
            siteOf[node.id] = site
            for (i, output) in node.outputs.enumerated() { rootOf[output] = add(output, producer: site, result: i) }
        }
        for node in graph.nodes where !isWire(node) {
            guard let site = siteOf[node.id] else { continue }
            for (i, input) in node.inputs.enumerated() {
                if let input { addUse(of: input, by: site, operand: i, rootOf) }
            }
        }
        let outputs = Set(graph.outputs.map(\.value)).sorted()
        let roots = outputs.map { origin(of: $0).root }
        for value in outputs {
            let shape = graph.type(of: value).shape
            let (root, view) = origin(of: value)
            guard let index = rootOf[root] else { continue }
            let touchesInput = if case .input = sites[stored[index].producer] { true } else { false }
            if touchesInput { mayPermute[stored[index].producer] = false }
            // Two outputs stay two values when each keeps its order.
            let isShared = roots.filter { $0 == root }.count > 1
            let site = add(
                .output(value), nil, border(shape, stores: false),
                !keepLayout && shape.rank == 4 && !touchesInput && !isShared)
            stored[index].uses.append(Use(site: site, operand: 0, view: view))
            neighbours[site].append(index)
        }
    }

    private func border(_ shape: Shape, stores: Bool) -> LayoutChoice {
        let identity = [Permutation.identity(shape.rank)]
        return LayoutChoice(
            operands: stores ? [] : identity, results: stores ? identity : [], key: .identity(shape.rank))
    }

    private mutating func add(_ site: Site, _ node: LayoutNode?, _ choice: LayoutChoice, _ mayPermute: Bool) -> Int {
        sites.append(site)
        nodes.append(node)
        choices.append(choice)
        neighbours.append([])
        self.mayPermute.append(mayPermute)
        return sites.count - 1
    }

    private mutating func add(_ value: ValueID, producer: Int, result: Int) -> Int {
        let type = graph.type(of: value)
        stored.append(
            Stored(value: value, shape: type.shape, byteCount: type.byteCount, producer: producer, result: result))
        neighbours[producer].append(stored.count - 1)
        return stored.count - 1
    }

    private mutating func addUse(of value: ValueID, by site: Int, operand: Int, _ rootOf: [ValueID: Int]) {
        let (root, view) = origin(of: value)
        guard let index = rootOf[root] else { return }
        stored[index].uses.append(Use(site: site, operand: operand, view: view))
        neighbours[site].append(index)
    }

    /// A TRANSPOSE of something that is computed.
    func isWire(_ node: Node) -> Bool {
        graph.permutation(of: node) != nil && graph.constant(node.inputs[0]) == nil
    }

    /// The value behind a chain of TRANSPOSE, and how the chain's end sees it.
    func origin(of value: ValueID) -> (root: ValueID, view: Permutation) {
        var root = value
        var view = Permutation.identity(graph.type(of: value).shape.rank)
        while let node = graph.producer(of: root), isWire(node), let permutation = graph.permutation(of: node),
            let input = node.inputs[0]
        {
            view = permutation.then(view)
            root = input
        }
        return (root, view)
    }

    // MARK: Cost

    /// What a TRANSPOSE costs beside the bytes it moves, in bytes.
    static let transposeOverhead = 4096
    /// What a RESHAPE costs that only moves axes of extent 1.
    static let reshapeOverhead = 64
    /// What it costs to show the user another order of axes than the source's: it decides between equals.
    static let borderOverhead = 1

    /// How the value is stored under `choices`.
    func order(of value: Stored, _ choices: [LayoutChoice]) -> Permutation {
        choices[value.producer].results[value.result]
    }

    /// How a use must find the stored value; nil when it takes it in any order.
    func need(of use: Use, _ choice: LayoutChoice) -> Permutation? {
        choice.operands[use.operand].map { use.view.then($0) }
    }

    /// What it costs to bring a value from one order into another for `use`.
    func cost(of value: Stored, from: Permutation, to: Permutation, use: Use) -> Int {
        if from == to { return 0 }
        let move = from.inverse.then(to)
        if move.keepsMemoryOrder(of: from.apply(value.shape)) {
            let isFree = nodes[use.site]?.rule == .reshape || nodes[value.producer]?.rule == .reshape
            return isFree ? 0 : LayoutProblem.reshapeOverhead
        }
        return value.byteCount + LayoutProblem.transposeOverhead
    }

    /// The cost of one stored value: every order that is needed and not there is made once.
    func cost(of value: Stored, _ choices: [LayoutChoice]) -> Int {
        let from = order(of: value, choices)
        var made: [Permutation: Int] = [:]
        for use in value.uses {
            guard let to = need(of: use, choices[use.site]) else { continue }
            made[to] = max(made[to] ?? 0, cost(of: value, from: from, to: to, use: use))
        }
        return made.values.reduce(0, +)
    }

    func borderCost(_ site: Int, _ choices: [LayoutChoice]) -> Int {
        nodes[site] == nil && !choices[site].isIdentity ? LayoutProblem.borderOverhead : 0
    }

    func totalCost(_ choices: [LayoutChoice]) -> Int {
        stored.reduce(0) { $0 + cost(of: $1, choices) } + sites.indices.reduce(0) { $0 + borderCost($1, choices) }
    }

    // MARK: Alternatives

    /// The choice of `site` in which it uses or stores a value as given; nil when it cannot.
    func choice(_ site: Int, operand: Int, stored: Permutation) -> LayoutChoice? {
        guard let node = nodes[site] else { return borderChoice(site, stored) }
        return node.choice(operand: operand, stored: stored, current: choices[site])
    }

    func choice(_ site: Int, result: Int, stored: Permutation) -> LayoutChoice? {
        guard let node = nodes[site] else { return borderChoice(site, stored) }
        return node.choice(result: result, stored: stored, current: choices[site])
    }

    private func borderChoice(_ site: Int, _ stored: Permutation) -> LayoutChoice? {
        guard mayPermute[site], stored.isIdentity || stored.axes == [0, 2, 3, 1] else { return nil }
        switch sites[site] {
        case .input: return LayoutChoice(operands: [], results: [stored], key: stored)
        case .output: return LayoutChoice(operands: [stored], results: [], key: stored)
        case .node: return nil
        }
    }
}
