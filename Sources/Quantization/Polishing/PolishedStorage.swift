import GraphIR
import Operators
import TensorCore

/// How polished values are held between the operators that make them and those that multiply them.
public enum PolishedStorage {
    /// Adds what `table` (``ValuePolishing/table``) makes of the int8 codes `value`: both tables in one, so that the
    /// result has at most 16 codes in every channel.
    ///
    /// - Parameter places: the table, of 256 entries, of every channel; empty when all have the first.
    package static func polish(
        _ value: ValueID, _ table: Tensor, places: [Int] = [], name: String, in graph: inout Graph
    ) throws -> ValueID {
        try TableLookup.emit(
            table, places: places, of: value, .int8, name: name,
            constant: { graph.addConstant($0, name: $1) },
            node: { try graph.addNode($0, $1, names: [$2], location: $2, quantization: [$3])[0] })
    }

    /// Holds 4 bits an element: every look-up in a table of int8 codes with at most 16 different entries in every
    /// channel becomes a look-up of int4 codes, the ranks of the entries less 8, and one of these codes' meanings. All
    /// other integers stay.
    ///
    /// - Returns: the names of the values that are int4 now.
    @discardableResult
    public static func storeAsInt4(_ graph: inout Graph) throws -> [String] {
        let source = graph
        var patch = GraphPatch("store as int4", on: graph)
        var names: [String] = []
        for node in source.nodes {
            guard let lookup = TableLookup(node, in: source), lookup.table.elementType == .int8,
                source.type(of: lookup.codes).elementType == .int8, let split = lookup.split(),
                let indices = node.inputs[1]
            else { continue }
            let name = source[node.outputs[0]].name
            let ranks = patch.addConstant(split.ranks, name: "\(name)/ranks")
            let codes = try patch.addNode(
                node.op, [ranks, indices], in: source, names: ["\(name)/int4"], location: "\(name)/int4")[0]
            let result = try TableLookup.emit(
                split.meanings, places: lookup.places, of: codes, .int4, name: name,
                constant: { patch.addConstant($0, name: $1) },
                node: {
                    try patch.addNode($0, $1, in: source, names: [$2], location: $2, quantization: [$3])[0]
                })
            patch.replaceUses(of: node.outputs[0], with: result)
            patch.remove(node.id)
            names.append("\(name)/int4")
        }
        if !patch.isEmpty { try graph.apply(patch) }
        return names
    }
}

extension TableLookup {
    /// The tables as ones of int4 codes, and what these mean, 16 for every table; nil when a table has more meanings.
    fileprivate func split() -> (ranks: Tensor, meanings: Tensor)? {
        let entries = table.elements(of: Int8.self)
        let tables = entries.count / size
        var ranks: [Int8] = []
        var meanings: [Int8] = []
        for index in 0..<tables {
            let own = entries[index * size..<(index + 1) * size]
            let different = Set(own).sorted()
            guard different.count <= PolishingCodebook.size, let last = different.last else { return nil }
            let rank = Dictionary(uniqueKeysWithValues: different.enumerated().map { ($1, Int8($0 - 8)) })
            ranks += own.compactMap { rank[$0] }
            meanings += different + [Int8](repeating: last, count: PolishingCodebook.size - different.count)
        }
        return (
            Tensor(ranks, shape: table.shape, as: .int4),
            Tensor(
                meanings, shape: [PolishingCodebook.size * tables], quantization: table.type.quantization)
        )
    }
}
