import GraphIR
import Operators
import TensorCore

extension Pass {
    /// FULLY_CONNECTED that keeps outer extents flattens them, between RESHAPEs. The same bits.
    package static let flatMatrices = Pass("flat-matrices") { graph, node, patch in
        guard case .fullyConnected(var op) = node.op, op.keepDimensions, let input = node.inputs[0],
            let weights = node.inputs[1]
        else { return }
        op.keepDimensions = false
        let (shape, columns) = (graph.type(of: input).shape, graph.type(of: weights).shape[1])
        guard columns > 0 else { return }
        let name = graph[node.outputs[0]].name
        let rows =
            try shape.rank == 2
            ? input
            : patch.addReshape(
                input, to: [shape.elementCount / columns, columns], in: graph, name: "\(name)/rows",
                location: node.location)
        let product = try patch.addSingle(
            .fullyConnected(op), [rows] + node.inputs.dropFirst(), in: graph, name: "\(name)/product",
            location: node.location)
        patch.replace(
            node,
            with: try patch.addReshape(
                product, to: graph.type(of: node.outputs[0]).shape, in: graph, name: name, location: node.location))
    }

    /// The most matrices of a BATCH_MATMUL that are multiplied one by one.
    private static let batchLimit = 16

    /// BATCH_MATMUL becomes one FULLY_CONNECTED with computed weights for every pair of matrices. The same bits.
    package static let matricesOneByOne = Pass("matrices-one-by-one") { graph, node, patch in
        guard case .batchMatMul(let op) = node.op, let left = node.inputs[0], let right = node.inputs[1],
            graph.isFloat(left), graph.isFloat(right)
        else { return }
        let shapes = (left: graph.type(of: left).shape, right: graph.type(of: right).shape)
        let output = graph.type(of: node.outputs[0]).shape
        guard shapes.left.dimensions.dropLast(2).elementsEqual(shapes.right.dimensions.dropLast(2)) else { return }
        let count = output.dimensions.dropLast(2).reduce(1, *)
        let (rows, columns) = (output[-2], output[-1])
        guard (1...batchLimit).contains(count) else { return }
        let inner = op.adjointLeft ? shapes.left[-2] : shapes.left[-1]
        let name = graph[node.outputs[0]].name
        /// The matrices of an operand as `[rows, inner]`, one by one.
        func matrices(_ value: ValueID, transposed: Bool, rows: Int, _ part: String) throws -> [ValueID] {
            let stacked = transposed ? Shape([count, inner, rows]) : Shape([count, rows, inner])
            var all = try patch.addReshape(
                value, to: stacked, in: graph, name: "\(name)/\(part)", location: node.location)
            if transposed {
                all = try patch.addTranspose(
                    all, by: Permutation([0, 2, 1]), in: graph, name: "\(name)/\(part)_transposed",
                    location: node.location)
            }
            let axis = patch.addScalar(0, name: "\(name)/\(part)_axis")
            let parts = try patch.addNode(
                .split(count: count), [axis, all], in: graph, names: (0..<count).map { "\(name)/\(part)\($0)" },
                location: node.location)
            return try parts.enumerated().map { index, value in
                try patch.addReshape(
                    value, to: [rows, inner], in: graph, name: "\(name)/\(part)\(index)_matrix",
                    location: node.location)
            }
        }
        let lefts = try matrices(left, transposed: op.adjointLeft, rows: rows, "left")
        let rights = try matrices(right, transposed: !op.adjointRight, rows: columns, "right")
        let bias = patch.addConstant(
            Tensor([Float](repeating: 0, count: columns), shape: [columns]), name: "\(name)/bias")
        let products = try zip(lefts, rights).enumerated().map { index, pair in
            let product = try patch.addSingle(
                .fullyConnected(FullyConnected(keepDimensions: false)), [pair.0, pair.1, bias], in: graph,
                name: "\(name)/product\(index)", location: node.location)
            return try patch.addReshape(
                product, to: [1, rows, columns], in: graph, name: "\(name)/part\(index)", location: node.location)
        }
        let joined = try patch.addSingle(
            .concatenation(axis: 0, activation: .none), products, in: graph, name: "\(name)/joined",
            location: node.location)
        patch.replace(
            node,
            with: try patch.addReshape(joined, to: output, in: graph, name: name, location: node.location))
    }

    /// TRANSPOSE, SLICE, PAD and SPLIT over more than four axes run over fewer: axes of extent 1 go, neighbours that stay
    /// together become one. The same bits.
    package static let fourAxes = Pass("four-axes") { graph, node, patch in
        switch node.op {
        case .transpose, .slice, .pad, .padV2: try collapseAxes(of: node, graph, &patch, limit: 4)
        case .split(let count):
            guard let input = node.inputs[1], let axis = graph.integers(node.inputs[0])?.first else { return }
            let shape = graph.type(of: input).shape
            let position = axis < 0 ? axis + shape.rank : axis
            guard shape.rank > 4, shape.dimensions.indices.contains(position) else { return }
            // Everything in front of the axis is one extent, everything behind it another.
            let outer = shape.dimensions[..<position].reduce(1, *)
            let inner = shape.dimensions[(position + 1)...].reduce(1, *)
            let name = graph[node.outputs[0]].name
            let flat = try patch.addReshape(
                input, to: [outer, shape[position], inner], in: graph, name: "\(name)/flat", location: node.location)
            let parts = try patch.addNode(
                .split(count: count), [patch.addScalar(1, name: "\(name)/axis"), flat], in: graph,
                names: node.outputs.map { "\(graph[$0].name)/flat" }, location: node.location,
                quantization: node.outputs.map { graph[$0].type.quantization })
            for (old, part) in zip(node.outputs, parts) {
                let whole = try patch.addReshape(
                    part, to: graph.type(of: old).shape, in: graph, name: graph[old].name, location: node.location)
                patch.replaceUses(of: old, with: whole)
            }
            patch.remove(node.id)
        default: return
        }
    }
}
