import GraphIR
import Operators
import TensorCore

extension Pass {
    /// SLICE, STRIDED_SLICE, PAD, TRANSPOSE and broadcasts over more axes than LiteRT's kernels take are computed on
    /// fewer: axes of extent 1 go, neighbours that behave alike become one.
    package static let ranks = Pass("ranks") { graph, node, patch in
        try collapseAxes(of: node, graph, &patch, limit: node.op == .transpose ? 6 : 5)
    }

    /// Proposes `node` on at most `limit` axes, between RESHAPEs, when it has more.
    static func collapseAxes(of node: Node, _ graph: Graph, _ patch: inout GraphPatch, limit: Int) throws {
        guard node.outputs.count == 1 else { return }
        let output = graph.type(of: node.outputs[0])
        guard
            max(output.shape.rank, node.inputs.compactMap { $0.map { graph.type(of: $0).shape.rank } }.max() ?? 0)
                > limit
        else { return }
        let collapse: AxisCollapse
        switch node.op {
        case .slice, .pad, .padV2, .transpose: collapse = AxisCollapse(node, in: graph)
        case .binary, .compare, .logical, .select:
            if node.inputs.allSatisfy({ $0.map { graph.type(of: $0).shape } == output.shape }) { return }
            collapse = AxisCollapse(broadcast: node, in: graph)
        default: return
        }
        guard let smaller = collapse.result, smaller.rank <= limit else { return }
        var operands = node.inputs
        for (i, shape) in collapse.operands.enumerated() {
            guard let shape, let operand = node.inputs[i] else { continue }
            let type = graph.type(of: operand)
            if type.shape == shape { continue }
            if let tensor = graph.constant(operand) {
                guard tensor.type.quantization?.axis == nil else { return }
                operands[i] = patch.addConstant(
                    tensor.retyped(tensor.type.with(shape: shape)), name: graph[operand].name)
            } else {
                operands[i] = try patch.addReshape(
                    operand, to: shape, in: graph, name: "\(graph[operand].name)_collapsed", location: node.location)
            }
        }
        for (i, values) in collapse.parameters {
            let name = node.inputs[i].map { graph[$0].name } ?? node.location
            let rows = node.op == .slice || node.op == .transpose ? nil : 2
            operands[i] = patch.addConstant(
                Tensor(
                    values.map { Int32(clamping: $0) },
                    shape: rows.map { Shape([values.count / $0, $0]) } ?? [values.count]), name: name)
        }
        let name = graph[node.outputs[0]].name
        let result = try patch.addSingle(
            node.op, operands, in: graph, name: "\(name)_collapsed", location: node.location,
            quantization: output.quantization, elementType: output.elementType)
        let whole = try patch.addReshape(
            result, to: output.shape, in: graph, name: name, location: node.location)
        patch.replace(node, with: whole)
    }
}

/// The same computation on fewer axes.
private struct AxisCollapse {
    /// New shapes of the operands that hold data; nil for the others.
    var operands: [Shape?] = []
    /// New values of the operands that hold one entry, or for PAD two, for every axis.
    var parameters: [Int: [Int]] = [:]
    var result: Shape?

    /// SLICE, PAD and TRANSPOSE.
    init(_ node: Node, in graph: Graph) {
        guard let source = node.inputs[0], let values = graph.integers(node.inputs[1]) else { return }
        let shape = graph.type(of: source).shape.dimensions
        let output = graph.type(of: node.outputs[0]).shape.dimensions
        operands = [Shape?](repeating: nil, count: node.inputs.count)
        if node.op == .transpose {
            guard let permutation = Permutation(checking: values) else { return }
            // Runs of source axes that stay neighbours, without axes of extent 1.
            let moving = permutation.axes.filter { shape[$0] != 1 }
            let kept = moving.sorted()
            var runs: [[Int]] = []
            for axis in moving {
                if let last = runs.last?.last, let place = kept.firstIndex(of: last), place + 1 < kept.count,
                    kept[place + 1] == axis
                {
                    runs[runs.count - 1].append(axis)
                } else {
                    runs.append([axis])
                }
            }
            let inOrder = runs.sorted { $0[0] < $1[0] }
            operands[0] = Shape(inOrder.map { $0.reduce(1) { $0 * shape[$1] } })
            let order = runs.map { run in inOrder.firstIndex { $0[0] == run[0] } ?? 0 }
            parameters[1] = order
            result = Shape(runs.map { $0.reduce(1) { $0 * shape[$1] } })
            return
        }
        // Axes that are left whole join the axis in front of them when that one is whole too; else they start a new one.
        let isPad = node.op != .slice
        var input: [Int] = []
        var wholes: [Bool] = []
        var (first, second): ([Int], [Int]) = ([], [])
        for axis in shape.indices {
            let (a, b) = isPad ? (values[2 * axis], values[2 * axis + 1]) : (values[axis], output[axis])
            let isWhole = isPad ? a == 0 && b == 0 : output[axis] == shape[axis]
            if isWhole, shape[axis] == 1, axis < shape.count - 1 { continue }
            if isWhole, wholes.last == true {
                input[input.count - 1] *= shape[axis]
                if !isPad { second[second.count - 1] *= shape[axis] }
            } else {
                input.append(shape[axis])
                wholes.append(isWhole)
                first.append(a)
                second.append(b)
            }
        }
        operands[0] = Shape(input)
        if isPad {
            parameters[1] = zip(first, second).flatMap { [$0, $1] }
            result = Shape(input.indices.map { input[$0] + first[$0] + second[$0] })
        } else {
            parameters[1] = first
            parameters[2] = second
            result = Shape(second)
        }
    }

    /// Operators whose operands broadcast: neighbouring axes join where every operand has them both or neither.
    init(broadcast node: Node, in graph: Graph) {
        let output = graph.type(of: node.outputs[0]).shape.dimensions
        let shapes = node.inputs.map { input -> [Int]? in
            input.map {
                let own = graph.type(of: $0).shape.dimensions
                return [Int](repeating: 1, count: output.count - own.count) + own
            }
        }
        var joined = [[Int]](repeating: [], count: shapes.count)
        var total: [Int] = []
        var previous: [Bool?]?
        for axis in output.indices where output[axis] != 1 {
            let pattern = shapes.map { $0.map { $0[axis] == output[axis] } }
            let joins = previous == pattern
            if joins { total[total.count - 1] *= output[axis] } else { total.append(output[axis]) }
            for (i, shape) in shapes.enumerated() {
                guard let shape else { continue }
                if joins { joined[i][joined[i].count - 1] *= shape[axis] } else { joined[i].append(shape[axis]) }
            }
            previous = pattern
        }
        operands = shapes.enumerated().map { i, shape in shape.map { _ in Shape(joined[i]) } }
        result = Shape(total)
    }
}
