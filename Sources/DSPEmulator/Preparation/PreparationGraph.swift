import GraphIR
import TensorCore

/// A graph of the library while it is prepared: nodes in execution order that passes look up by id, replace and rewire.
struct PreparationGraph {
    private(set) var order: [Int]
    private var nodes: [Int: HexagonNode] = [:]
    /// For every node, the ids of those that read its results.
    private var readerIDs: [Int: Set<Int>] = [:]
    private var values: [ValueID: HexagonReference]
    /// Constants made during preparation; the library puts each new one in front of all nodes.
    private var prepended: [Int] = []
    /// Single values made during preparation, by their bits.
    private var scalars: [UInt32: Int] = [:]
    private var nextID: Int

    /// - Throws: `Diagnostic` (.badModel) when nodes share an id or read results that do not stand before them.
    ///   Source: nnlib hexagon/src/prepare.c, `init_hashtable`.
    init(_ graph: HexagonGraph) throws {
        order = graph.nodes.map(\.id)
        values = graph.values
        nextID = (order.max() ?? 0) + 1
        for node in graph.nodes {
            for input in node.inputs {
                guard let producer = nodes[input.node], producer.outputs.indices.contains(input.output) else {
                    throw Diagnostic(
                        .badModel, at: node.location,
                        "reads result \(input.output) of node \(input.node), which is not there")
                }
            }
            guard nodes[node.id] == nil else {
                throw Diagnostic(.badModel, at: node.location, "has the id of another node")
            }
            self[node.id] = node
        }
    }

    /// The graph as it now is. Values whose node is gone are dropped.
    var graph: HexagonGraph {
        HexagonGraph(
            nodes: (prepended.reversed() + order).compactMap { nodes[$0] },
            values: values.filter { nodes[$0.value.node] != nil })
    }

    // MARK: Looking up

    /// Precondition: `id` is of a node of the graph.
    subscript(id: Int) -> HexagonNode {
        get {
            guard let node = nodes[id] else { preconditionFailure("no node \(id)") }
            return node
        }
        set {
            remove(id)
            nodes[id] = newValue
            for input in newValue.inputs { readerIDs[input.node, default: []].insert(id) }
        }
    }

    private mutating func remove(_ id: Int) {
        for input in nodes.removeValue(forKey: id)?.inputs ?? [] { readerIDs[input.node]?.remove(id) }
    }

    func producer(_ reference: HexagonReference) -> HexagonNode { self[reference.node] }

    /// What the producer declares of a result.
    func declared(_ reference: HexagonReference) -> HexagonOutput { producer(reference).outputs[reference.output] }

    /// The elements of a constant; nil for what is computed. Source: `find_node_must_be_Const_from_ref`.
    func constant(_ reference: HexagonReference) -> Tensor? {
        let node = producer(reference)
        return reference.output == 0 && node.op == .constant ? node.constant : nil
    }

    /// A constant of four-byte integers.
    func integers(_ reference: HexagonReference) -> [Int]? {
        guard let tensor = constant(reference), tensor.elementType == .int32 else { return nil }
        return tensor.integers()
    }

    /// A constant of one binary32 number.
    func number(_ reference: HexagonReference) -> Float? {
        guard let tensor = constant(reference), tensor.elementType == .float32, tensor.count == 1 else { return nil }
        return tensor.elements(of: Float.self)[0]
    }

    /// The nodes that read any result of `id`, older ones first.
    func readers(of id: Int) -> [HexagonNode] { (readerIDs[id] ?? []).sorted().map { self[$0] } }

    /// The only node that reads results of `id`: it reads the first of them, and otherwise constants alone. Nil when there
    /// is none, or it is none of `operators`. Source: nnlib hexagon/src/graphops.c, `find_unique_consumer`.
    func onlyReader(of id: Int, among operators: [HexagonOperator]) -> HexagonNode? {
        let readers = readers(of: id)
        guard let reader = readers.first, readers.count == 1, operators.contains(reader.op),
            reader.inputs.contains(HexagonReference(id)),
            reader.inputs.allSatisfy({ $0.node == id || producer($0).op == .constant })
        else { return nil }
        return reader
    }

    // MARK: Changing

    /// An id that no node has.
    mutating func newID() -> Int {
        defer { nextID += 1 }
        return nextID
    }

    /// A new constant in front of all nodes.
    mutating func addConstant(_ tensor: Tensor) -> HexagonReference {
        let id = newID()
        self[id] = HexagonNode(
            id: id, op: .constant,
            outputs: [HexagonOutput(tensor.shape.dimensions, elementSize: tensor.elementType.byteCount)],
            constant: tensor)
        prepended.append(id)
        return HexagonReference(id)
    }

    /// The constant of one number, made once. Source: `create_const_float_op`.
    mutating func addScalar(_ value: Float) -> HexagonReference {
        if let id = scalars[value.bitPattern] { return HexagonReference(id) }
        let reference = addConstant(Tensor([value], shape: [1, 1, 1, 1]))
        scalars[value.bitPattern] = reference.node
        return reference
    }

    /// Puts `new` where `old` is; one of them may have the old id, whose readers then stay.
    mutating func replace(_ old: Int, with new: [HexagonNode]) {
        replace([old], with: new)
    }

    /// Removes the nodes `old` and puts `new` where the first of them was.
    mutating func replace(_ old: [Int], with new: [HexagonNode]) {
        guard let first = old.first, let position = order.firstIndex(of: first) else { return }
        for id in old { remove(id) }
        for node in new { self[node.id] = node }
        order.replaceSubrange(position...position, with: new.map(\.id))
        let removed = Set(old.dropFirst()).subtracting(new.map(\.id))
        let added = Set(new.map(\.id))
        order = order.enumerated().filter { index, id in
            !removed.contains(id) && (!added.contains(id) || (position..<position + new.count).contains(index))
        }.map(\.element)
    }

    /// Lets every reader of `old` read `new`; the values that stand for `old` follow when `movesValues` is true.
    mutating func redirect(_ old: HexagonReference, to new: HexagonReference, movesValues: Bool = true) {
        for reader in readers(of: old.node) {
            self[reader.id].inputs = reader.inputs.map { $0 == old ? new : $0 }
        }
        if movesValues { values = values.mapValues { $0 == old ? new : $0 } }
    }

    /// Calls `rewrite` with the id of every node in execution order, those that it puts in later places included.
    mutating func rewriteEach(_ rewrite: (inout PreparationGraph, Int) throws -> Void) rethrows {
        var position = 0
        while position < order.count {
            try rewrite(&self, order[position])
            position += 1
        }
    }

    /// Removes what nobody reads; nodes without results stay, and INPUT does. Source: `remove_dead_nodes`.
    mutating func removeDeadNodes() {
        var isRead = Set<Int>()
        for id in (prepended.reversed() + order).reversed() {
            let node = self[id]
            if node.outputs.isEmpty || node.op == .input || isRead.contains(id) {
                isRead.formUnion(node.inputs.map(\.node))
            } else {
                remove(id)
            }
        }
        order.removeAll { nodes[$0] == nil }
        prepended.removeAll { nodes[$0] == nil }
        scalars = scalars.filter { nodes[$0.value] != nil }
    }

    /// Puts all constants in front of the other nodes. Source: `gather_const_nodes`.
    mutating func gatherConstants() {
        order = prepended.reversed() + order
        prepended = []
        order = order.filter { self[$0].op == .constant } + order.filter { self[$0].op != .constant }
    }
}
