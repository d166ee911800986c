import GraphIR
import Operators
import TensorCore

/// Writes an operator for another order of axes: its payload and its constant operands.
struct LayoutAttributes {
    let graph: Graph
    let node: Node
    let choice: LayoutChoice

    private var key: Permutation { choice.key }

    /// - Parameter inputs: operands in the order that the choice asks for; constants as they were.
    func rewritten(_ inputs: [ValueID?], _ patch: inout GraphPatch) throws -> (op: Operator, inputs: [ValueID?]) {
        var inputs = inputs
        var op = node.op
        switch node.op {
        case .unary, .leakyRelu, .gelu, .cast, .quantize, .dequantize, .binary, .compare, .logical, .select, .prelu:
            for i in inputs.indices { inputs[i] = try broadcastOperand(i, inputs[i], &patch) }
        case .broadcastTo:
            inputs[0] = try broadcastOperand(0, inputs[0], &patch)
            reorder(1, &inputs, &patch)
        case .fill: reorder(0, &inputs, &patch)
        case .softmax, .logSoftmax, .topK, .fullyConnected, .batchMatMul, .reshape: break
        case .tile: reorder(1, &inputs, &patch)
        case .slice:
            reorder(1, &inputs, &patch)
            reorder(2, &inputs, &patch)
        case .pad, .padV2, .mirrorPad: reorderRows(1, &inputs, &patch)
        case .stridedSlice(var payload):
            for i in 1...3 { reorder(i, &inputs, &patch) }
            payload.beginMask = reorder(mask: payload.beginMask)
            payload.endMask = reorder(mask: payload.endMask)
            op = .stridedSlice(payload)
        case .reverse, .reduce: renumber(1, &inputs, &patch)
        case .argument, .cumulativeSum: renumber(1, &inputs, &patch)
        case .split: renumber(0, &inputs, &patch)
        case .splitV: renumber(2, &inputs, &patch)
        case .concatenation(let axis, let activation):
            for i in inputs.indices { permuteConstant(i, &inputs, key, &patch) }
            op = .concatenation(axis: position(axis), activation: activation)
        case .pack(let axis, let count):
            let axis = axis < 0 ? axis + key.rank : axis
            for i in inputs.indices { permuteConstant(i, &inputs, key.removing([axis]), &patch) }
            op = .pack(axis: key.position(of: axis), count: count)
        case .unpack(let axis, let count): op = .unpack(axis: position(axis), count: count)
        case .gather(let axis, let batch): op = .gather(axis: position(axis), batchDimensions: batch)
        default:
            throw Diagnostic(.internalError, at: node.location, "\(node.op.name) has no rule for another layout")
        }
        if case .batchMatMul(var payload) = node.op {
            payload.adjointLeft = payload.adjointLeft != isSwapped(choice.operands[0])
            payload.adjointRight = payload.adjointRight != isSwapped(choice.operands[1])
            op = .batchMatMul(payload)
        }
        if case .reshape = node.op {
            let shape = choice.results[0].apply(graph.type(of: node.outputs[0]).shape)
            inputs[1] = patch.addVector(shape.dimensions, name: "\(graph[node.outputs[0]].name)_shape")
        }
        return (op, inputs)
    }

    private func isSwapped(_ operand: Permutation?) -> Bool {
        guard let operand, operand.rank >= 2 else { return false }
        return operand[operand.rank - 1] == operand.rank - 2
    }

    private func position(_ axis: Int) -> Int { key.position(of: axis < 0 ? axis + key.rank : axis) }

    private func name(_ index: Int) -> String { node.inputs[index].map { graph[$0].name } ?? node.location }

    /// A constant with one entry for every axis.
    private func reorder(_ index: Int, _ inputs: inout [ValueID?], _ patch: inout GraphPatch) {
        guard let values = graph.integers(node.inputs[index]), values.count == key.rank else { return }
        inputs[index] = patch.addVector(key.apply(values), name: name(index))
    }

    /// A constant with one row of two entries for every axis.
    private func reorderRows(_ index: Int, _ inputs: inout [ValueID?], _ patch: inout GraphPatch) {
        guard let values = graph.integers(node.inputs[index]), values.count == 2 * key.rank else { return }
        let rows = key.axes.flatMap { [Int32(clamping: values[2 * $0]), Int32(clamping: values[2 * $0 + 1])] }
        inputs[index] = patch.addConstant(Tensor(rows, shape: [key.rank, 2]), name: name(index))
    }

    private func reorder(mask: Int) -> Int {
        key.axes.enumerated().reduce(0) { $0 | ((mask >> $1.element & 1) << $1.offset) }
    }

    /// A constant that holds axes; its shape stays.
    private func renumber(_ index: Int, _ inputs: inout [ValueID?], _ patch: inout GraphPatch) {
        guard let tensor = graph.constant(node.inputs[index]), let axes = tensor.integers() else { return }
        let positions = axes.map { Int32(position($0)) }
        // Reductions name a set of axes: sorted, so that equal ones look equal.
        let values = positions.count > 1 ? positions.sorted() : positions
        inputs[index] = patch.addConstant(Tensor(values, shape: tensor.shape), name: name(index))
    }

    private func permuteConstant(
        _ index: Int, _ inputs: inout [ValueID?], _ permutation: Permutation, _ patch: inout GraphPatch
    ) {
        guard let tensor = graph.constant(node.inputs[index]) else { return }
        inputs[index] = patch.addConstant(tensor.permuted(by: permutation), name: name(index))
    }

    /// An operand that broadcasts: constants are permuted, computed values get the axes of extent 1 that they need to
    /// line up.
    private func broadcastOperand(_ index: Int, _ stored: ValueID?, _ patch: inout GraphPatch) throws -> ValueID? {
        guard let source = node.inputs[index], let stored else { return nil }
        let shape = graph.type(of: source).shape
        if shape.elementCount == 1, shape.rank <= 1 { return stored }
        let whole = Shape([Int](repeating: 1, count: key.rank - shape.rank) + shape.dimensions)
        if let tensor = graph.constant(source) {
            var permuted = tensor.expanded(toRank: key.rank).permuted(by: key)
            while permuted.shape.rank > shape.rank, permuted.shape[0] == 1 {
                var type = permuted.type
                type.shape = Shape(Array(type.shape.dimensions.dropFirst()))
                if let axis = type.quantization?.axis { type.quantization?.axis = axis - 1 }
                permuted = permuted.retyped(type)
            }
            return patch.addConstant(permuted, name: name(index))
        }
        if shape.elementCount == 1 {
            return stored
        }
        let target = key.apply(whole)
        let present = patch.value(stored, in: graph).type.shape
        let leading = [Int](repeating: 1, count: key.rank - present.rank)
        if leading + present.dimensions == target.dimensions { return stored }
        return try patch.addReshape(
            stored, to: target, in: graph, name: "\(name(index))_expanded", location: node.location)
    }
}
