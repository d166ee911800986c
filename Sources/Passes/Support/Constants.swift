import GraphIR
import Operators
import TensorCore

extension GraphPatch {
    /// A constant int32 vector, the form in which shapes, axes and permutations are passed.
    mutating func addVector(_ values: [Int], name: String) -> ValueID {
        addConstant(Tensor(values.map { Int32(clamping: $0) }, shape: [values.count]), name: name)
    }

    mutating func addScalar(_ value: Int, name: String) -> ValueID {
        addConstant(Tensor(scalar: Int32(clamping: value)), name: name)
    }

    /// A RESHAPE of `value`; its result is called `name`.
    mutating func addReshape(_ value: ValueID, to shape: Shape, in graph: Graph, name: String, location: String) throws
        -> ValueID
    {
        let type = self.value(value, in: graph).type
        let target = addVector(shape.dimensions, name: "\(name)_shape")
        return try addSingle(
            .reshape, [value, target], in: graph, name: name, location: location, quantization: type.quantization)
    }

    /// A TRANSPOSE of `value`, or a RESHAPE where only axes of extent 1 move.
    mutating func addTranspose(
        _ value: ValueID, by permutation: Permutation, in graph: Graph, name: String, location: String
    ) throws -> ValueID {
        let type = self.value(value, in: graph).type
        if permutation.keepsMemoryOrder(of: type.shape) {
            return try addReshape(
                value, to: permutation.apply(type.shape), in: graph, name: name, location: location)
        }
        let axes = addVector(permutation.axes, name: "\(name)_axes")
        return try addSingle(
            .transpose, [value, axes], in: graph, name: name, location: location, quantization: type.quantization)
    }

    /// A node with one result.
    mutating func addSingle(
        _ op: Operator, _ inputs: [ValueID?], in graph: Graph, name: String, location: String,
        quantization: QuantizationParameters? = nil, elementType: ElementType? = nil
    ) throws -> ValueID {
        let results = try addNode(
            op, inputs, in: graph, names: [name], location: location,
            quantization: quantization.map { [$0] }, elementTypes: elementType.map { [$0] })
        guard let result = results.first else {
            throw Diagnostic(.internalError, at: location, "\(op.name) has no result")
        }
        return result
    }

    /// Puts `op` in the place of `node`: the same number of results, with the names and quantisation of the old ones, and
    /// with as many bits where the operator leaves that open.
    mutating func replace(_ node: Node, with op: Operator, _ inputs: [ValueID?], in graph: Graph) throws {
        let results = try addNode(
            op, inputs, in: graph, names: node.outputs.map { graph[$0].name }, location: node.location,
            quantization: node.outputs.map { graph[$0].type.quantization })
        for (old, new) in zip(node.outputs, results) {
            var type = value(new, in: graph).type
            let asked = graph[old].type.elementType
            if asked != type.elementType, op.admitsResult(of: asked, inferred: type.elementType) {
                type.elementType = asked
                setType(of: new, to: type)
            }
            replaceUses(of: old, with: new)
        }
        remove(node.id)
    }

    /// Puts the existing or new value `value` in the place of the only result of `node`.
    mutating func replace(_ node: Node, with value: ValueID) {
        replaceUses(of: node.outputs[0], with: value)
        remove(node.id)
    }
}

extension Graph {
    /// True when the result of `node` can be replaced by `value` everywhere: an output of the graph stays a computed
    /// value of its own.
    func canForward(_ value: ValueID, over node: Node) -> Bool {
        guard isOutput(node.outputs[0]) else { return true }
        return self[value].producer != nil && !isOutput(value)
    }

    /// The only number of a constant float32 tensor that holds the same number everywhere.
    func uniformFloat(_ value: ValueID?) -> Float? {
        guard let tensor = constant(value), tensor.elementType == .float32, tensor.type.quantization == nil else {
            return nil
        }
        return tensor.withElements(of: Float.self) { elements in
            guard let first = elements.first, elements.allSatisfy({ $0.bitPattern == first.bitPattern }) else {
                return nil
            }
            return first
        }
    }

    /// A constant float32 tensor's elements.
    func floats(_ value: ValueID?) -> [Float]? {
        guard let tensor = constant(value), tensor.elementType == .float32 else { return nil }
        return tensor.elements()
    }

    /// True for unquantised float32 values.
    func isFloat(_ value: ValueID) -> Bool { type(of: value).elementType == .float32 }

    /// The permutation of a TRANSPOSE.
    func permutation(of node: Node) -> Permutation? {
        guard node.op == .transpose else { return nil }
        return integers(node.inputs[1]).flatMap(Permutation.init(checking:))
    }
}
