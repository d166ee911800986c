import GraphIR
import Operators
import TensorCore

extension Graph {
    /// The operand of the DEQUANTIZE that computes `value`; `value` itself when none does.
    func codes(behind value: ValueID) -> ValueID {
        guard let producer = producer(of: value), producer.op == .dequantize else { return value }
        return producer.inputs.first.flatMap { $0 } ?? value
    }
}

/// Adds the nodes of a head to a graph.
struct HeadBuilder {
    var graph: Graph
    let name: String

    mutating func nodes(
        _ part: String, _ op: Operator, _ inputs: [ValueID?], _ quantization: [QuantizationParameters?] = [nil]
    ) throws -> [ValueID] {
        try graph.addNode(
            op, inputs, names: quantization.indices.map { $0 == 0 ? "\(name)/\(part)" : "\(name)/\(part)/\($0)" },
            location: "\(name)/\(part)", quantization: quantization)
    }

    mutating func node(_ part: String, _ op: Operator, _ inputs: [ValueID]) throws -> ValueID {
        let parameters = graph.type(of: inputs[0]).quantization
        return try nodes(part, op, inputs, [op == .transpose ? parameters : nil])[0]
    }

    mutating func binary(_ part: String, _ kind: Binary.Kind, _ a: ValueID, _ b: ValueID) throws -> ValueID {
        try node(part, .binary(Binary(kind, activation: .none)), [a, b])
    }

    mutating func constant(_ part: String, _ tensor: Tensor) -> ValueID {
        graph.addConstant(tensor, name: "\(name)/\(part)")
    }

    mutating func float(_ value: Float) -> ValueID {
        graph.addConstant(Tensor(scalar: value), name: "\(name)/\(value)")
    }

    mutating func int32(_ values: [Int32], scalar: Bool = false) -> ValueID {
        graph.addConstant(Tensor(values, shape: scalar ? [] : [values.count]), name: "\(name)/\(values)")
    }

    mutating func reshaped(_ value: ValueID, _ extents: [Int]) throws -> ValueID {
        if graph.type(of: value).shape.dimensions == extents { return value }
        return try node("shape", .reshape, [value, int32(extents.map(Int32.init))])
    }

    /// The int8 codes behind `value`.
    mutating func codes(of value: ValueID) throws -> ValueID {
        let codes = graph.codes(behind: value)
        if graph.type(of: codes).elementType == .int8 { return codes }
        return try nodes("codes", .quantize(to: .int8), [value], [CurveDecoding.componentParameters])[0]
    }

    /// The table's number for every pair of codes; `pairs` has two channels behind its other axes.
    mutating func lookUp(_ pairs: ValueID, in table: [Float], as extents: [Int]) throws -> ValueID {
        let words = try node("words", .bitcast(to: .uint16), [pairs])
        return try lookUp(integers: words, in: table, as: extents)
    }

    /// The table's number for every element; `integers` are whole numbers of any type.
    mutating func lookUp(integers: ValueID, in table: [Float], as extents: [Int]) throws -> ValueID {
        let indices = try node("indices", .cast(to: .int32), [integers])
        let values = constant("table", Tensor(table, shape: [table.count]))
        return try reshaped(node("values", .gather(axis: 0, batchDimensions: 0), [values, indices]), extents)
    }
}
