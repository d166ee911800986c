import GraphIR
import Operators
import TensorCore

/// Tables that 8-bit or 4-bit codes are looked up in, one for all channels (last axis) or some that channels share, as
/// builtin operators: CAST to int32, ADD of where the channel's table begins less the smallest code, GATHER.
struct TableLookup {
    /// What is looked up.
    var codes: ValueID
    /// The operators, GATHER last.
    var cast: Node
    var add: Node
    var gather: Node
    /// int8, one table behind the other, with an entry for every code.
    var table: Tensor
    /// The table of every channel; empty when all have the first.
    var places: [Int]
    /// Entries of one table.
    var size: Int

    /// Nil when `gather` does not end such a look-up.
    init?(_ gather: Node, in graph: Graph) {
        guard case .gather(let axis, 0) = gather.op, axis == 0 || axis == -1,
            let table = graph.constant(gather.inputs[0]),
            table.shape.rank == 1, table.elementType == .int8 || table.elementType == .int4,
            let add = gather.inputs[1].flatMap(graph.producer(of:)), case .binary(let binary) = add.op,
            binary.kind == .add, binary.activation == .none,
            let cast = add.inputs[0].flatMap(graph.producer(of:)), case .cast(.int32) = cast.op,
            let codes = cast.inputs[0], let range = Self.codes(graph.type(of: codes).elementType),
            let offsets = graph.constant(add.inputs[1]), offsets.elementType == .int32
        else { return nil }
        let begins = offsets.elements(of: Int32.self).map { Int($0) + Int(range.lowerBound) }
        guard offsets.shape.rank <= 1, !begins.isEmpty, table.count % range.count == 0,
            begins.count == 1 || graph.type(of: codes).shape.dimensions.last == begins.count,
            begins.allSatisfy({ $0 >= 0 && $0 < table.count && $0 % range.count == 0 }),
            begins.count > 1 || begins[0] == 0
        else { return nil }
        (self.codes, self.cast, self.add, self.gather) = (codes, cast, add, gather)
        (self.table, size) = (table, range.count)
        places = offsets.shape.rank == 0 ? [] : begins.map { $0 / range.count }
    }

    /// The codes of a type that tables take.
    private static func codes(_ type: ElementType) -> ClosedRange<Int32>? {
        switch type {
        case .int8: -128...127
        case .int4: -8...7
        default: nil
        }
    }

    /// Adds the look-up of `value`, which is int8 or int4, to a graph. `emit` appends a node with one result, which it
    /// returns; `constant` a constant.
    ///
    /// - Parameters:
    ///   - table: one table behind the other, by `code - smallest code`; the result gets its parameters.
    ///   - places: the table of every channel; empty when all have the first.
    ///   - name: of the result.
    static func emit(
        _ table: Tensor, places: [Int], of value: ValueID, _ type: ElementType, name: String,
        constant: (Tensor, String) -> ValueID,
        node: (Operator, [ValueID], String, QuantizationParameters?) throws -> ValueID
    ) throws -> ValueID {
        guard let range = codes(type), table.count % range.count == 0, table.count > 0 else {
            throw Diagnostic(.internalError, at: name, "a table of \(table.count) entries for \(type)")
        }
        let offsets = (places.isEmpty ? [0] : places).map { Int32($0 * range.count) - range.lowerBound }
        let shape: Shape = places.isEmpty ? [] : [offsets.count]
        let cast = try node(.cast(to: .int32), [value], "\(name)/code", nil)
        let place = constant(Tensor(offsets, shape: shape), "\(name)/begin")
        let index = try node(.binary(Binary(.add)), [cast, place], "\(name)/index", nil)
        return try node(
            .gather(axis: 0, batchDimensions: 0), [constant(table, "\(name)/table"), index], name,
            table.type.quantization)
    }
}
