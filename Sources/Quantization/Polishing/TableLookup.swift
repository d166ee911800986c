import GraphIR
import Operators
import TensorCore

/// A table that 8-bit or 4-bit codes are looked up in, one for all channels (last axis) or one for each, as builtin
/// operators: CAST to int32, ADD of where the channel's table begins less the smallest code, GATHER.
struct TableLookup {
    /// What is looked up.
    var codes: ValueID
    /// The operators, GATHER last.
    var cast: Node
    var add: Node
    var gather: Node
    /// int8, `codes per channel * channels` entries.
    var table: Tensor
    /// 1 when all channels share a table.
    var channels: Int

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
        let channels = max(offsets.count, 1)
        guard offsets.shape.rank <= 1, channels == 1 || graph.type(of: codes).shape.dimensions.last == channels,
            offsets.elements(of: Int32.self) == Self.offsets(range, channels: channels),
            table.count == range.count * channels
        else { return nil }
        (self.codes, self.cast, self.add, self.gather) = (codes, cast, add, gather)
        (self.table, self.channels) = (table, channels)
    }

    /// The codes of a type that tables take.
    private static func codes(_ type: ElementType) -> ClosedRange<Int32>? {
        switch type {
        case .int8: -128...127
        case .int4: -8...7
        default: nil
        }
    }

    private static func offsets(_ codes: ClosedRange<Int32>, channels: Int) -> [Int32] {
        (0..<channels).map { Int32($0 * codes.count) - codes.lowerBound }
    }

    /// Adds the look-up of `value`, which is int8 or int4, to a graph. `emit` appends a node with one result, which it
    /// returns; `constant` a constant.
    ///
    /// - Parameters:
    ///   - table: by `codes per channel * channel + code - smallest code`; the result gets its parameters.
    ///   - name: of the result.
    static func emit(
        _ table: Tensor, of value: ValueID, _ type: ElementType, name: String,
        constant: (Tensor, String) -> ValueID,
        node: (Operator, [ValueID], String, QuantizationParameters?) throws -> ValueID
    ) throws -> ValueID {
        guard let range = codes(type), table.count % range.count == 0, table.count > 0 else {
            throw Diagnostic(.internalError, at: name, "a table of \(table.count) entries for \(type)")
        }
        let offsets = offsets(range, channels: table.count / range.count)
        let shape: Shape = offsets.count == 1 ? [] : [offsets.count]
        let cast = try node(.cast(to: .int32), [value], "\(name)/code", nil)
        let place = constant(Tensor(offsets, shape: shape), "\(name)/begin")
        let index = try node(.binary(Binary(.add)), [cast, place], "\(name)/index", nil)
        return try node(
            .gather(axis: 0, batchDimensions: 0), [constant(table, "\(name)/table"), index], name,
            table.type.quantization)
    }
}
