import GraphIR
import Operators
import TensorCore

/// In which order of axes a node takes its operands and gives its results.
struct LayoutChoice: Hashable, Sendable {
    /// For every operand the order in which it must be stored; nil where the operand is absent or constant.
    var operands: [Permutation?]
    /// For every result the order in which it is stored.
    var results: [Permutation]
    /// The order of the axes that the operator's attributes speak of.
    var key: Permutation

    var isIdentity: Bool {
        operands.allSatisfy { $0?.isIdentity ?? true } && results.allSatisfy(\.isIdentity) && key.isIdentity
    }
}

/// How an operator behaves when the axes of its operands come in another order.
enum LayoutRule: Hashable, Sendable {
    /// Only in the order it was written for: spatial operators and what is not named below.
    case fixed
    /// Element by element with NumPy broadcasting; the key orders the axes of the result.
    case broadcast
    /// Operands in `data` and all results have the key's axes; the last `trailing` axes stay last.
    case sameAxes(data: Set<Int>, trailing: Int)
    /// The result lacks `axes` of operand `data`, whose axes the key orders.
    case removing(data: Int, axes: Set<Int>)
    /// The results have one axis more than the operands; the key orders the axes of the result.
    case inserting(axis: Int)
    /// Axis `axis` of operand 0, whose axes the key orders, becomes `count` adjacent axes of the result.
    case spreading(axis: Int, count: Int)
    /// RESHAPE: whatever order of axes goes through it.
    case reshape
    /// BATCH_MATMUL: the last two axes of each operand may be swapped, the outer ones go together.
    case matrixProduct

    init(_ node: Node, in graph: Graph) {
        func rank(_ index: Int) -> Int { node.inputs[index].map { graph.type(of: $0).shape.rank } ?? 0 }
        func isConstant(_ index: Int) -> Bool { graph.constant(node.inputs[index]) != nil }
        func axes(_ index: Int) -> Set<Int>? {
            graph.integers(node.inputs[index]).map { Set($0.map { $0 < 0 ? $0 + rank(0) : $0 }) }
        }
        self = .fixed
        switch node.op {
        case .unary, .leakyRelu, .gelu, .cast, .quantize, .dequantize, .binary, .compare, .logical, .select, .prelu,
            .broadcastTo:
            if node.outputs.contains(where: { graph.type(of: $0).quantization?.isPerChannel ?? false }) { return }
            self = .broadcast
        case .softmax, .logSoftmax, .topK: self = .sameAxes(data: [0], trailing: 1)
        case .fill:
            if node.inputs.count == 2, node.inputs[1].map({ graph.type(of: $0).shape.elementCount }) == 1 {
                self = .broadcast
            }
        case .slice, .pad, .padV2, .mirrorPad, .tile, .reverse, .splitV: self = .sameAxes(data: [0], trailing: 0)
        case .cumulativeSum:
            if node.inputs.count == 2, isConstant(1) { self = .sameAxes(data: [0], trailing: 0) }
        case .stridedSlice(let op):
            if op.ellipsisMask == 0, op.newAxisMask == 0, op.shrinkAxisMask == 0,
                graph.integers(node.inputs[1])?.count == rank(0)
            {
                self = .sameAxes(data: [0], trailing: 0)
            }
        case .split: self = .sameAxes(data: [1], trailing: 0)
        case .concatenation: self = .sameAxes(data: Set(node.inputs.indices), trailing: 0)
        case .fullyConnected(let op):
            if op.keepDimensions { self = .sameAxes(data: [0], trailing: 1) }
        case .reduce(let op):
            guard let axes = axes(1) else { return }
            self = op.keepDimensions ? .sameAxes(data: [0], trailing: 0) : .removing(data: 0, axes: axes)
        case .argument:
            if let axes = axes(1) { self = .removing(data: 0, axes: axes) }
        case .unpack(let axis, _): self = .removing(data: 0, axes: [axis < 0 ? axis + rank(0) : axis])
        case .pack(let axis, _): self = .inserting(axis: axis < 0 ? axis + rank(0) + 1 : axis)
        case .gather(let axis, let batch):
            guard batch == 0, !isConstant(0) else { return }
            let axis = axis < 0 ? axis + rank(0) : axis
            self = rank(1) == 0 ? .removing(data: 0, axes: [axis]) : .spreading(axis: axis, count: rank(1))
        case .reshape: self = .reshape
        case .batchMatMul:
            if rank(0) == rank(1) { self = .matrixProduct }
        default: return
        }
    }
}

/// One node seen by the layout pass: its rule and the shapes it needs.
struct LayoutNode: Sendable {
    let rule: LayoutRule
    /// For every operand its shape; nil where it is absent or constant.
    let operandShapes: [Shape?]
    let resultShapes: [Shape]

    init(_ node: Node, in graph: Graph) {
        rule = LayoutRule(node, in: graph)
        operandShapes = node.inputs.map { input in
            input.flatMap { graph.constant($0) == nil ? graph.type(of: $0).shape : nil }
        }
        resultShapes = graph.outputTypes(of: node).map(\.shape)
    }

    /// Everything in the order of the source.
    var identity: LayoutChoice {
        let keyRank: Int
        switch rule {
        case .sameAxes, .broadcast, .inserting: keyRank = resultShapes.first?.rank ?? 0
        case .removing(let data, _): keyRank = operandShapes[data]?.rank ?? 0
        case .spreading: keyRank = operandShapes[0]?.rank ?? 0
        case .fixed, .reshape, .matrixProduct: keyRank = 0
        }
        return LayoutChoice(
            operands: operandShapes.map { $0.map { .identity($0.rank) } },
            results: resultShapes.map { .identity($0.rank) }, key: .identity(keyRank))
    }

    /// The choice that `key` stands for; nil when the rule forbids it.
    private func choice(_ key: Permutation) -> LayoutChoice? {
        var choice = identity
        choice.key = key
        switch rule {
        case .broadcast:
            for (i, shape) in operandShapes.enumerated() {
                guard let shape, shape.elementCount != 1 else { continue }
                choice.operands[i] = key.removing(Set(0..<key.rank - shape.rank))
            }
            choice.results = choice.results.map { _ in key }
        case .sameAxes(let data, let trailing):
            guard key.axes.suffix(trailing).elementsEqual(key.rank - trailing..<key.rank) else { return nil }
            for i in data where operandShapes[i] != nil { choice.operands[i] = key }
            choice.results = choice.results.map { _ in key }
        case .removing(let data, let axes):
            guard operandShapes[data] != nil else { return nil }
            choice.operands[data] = key
            choice.results = choice.results.map { _ in key.removing(axes) }
        case .inserting(let axis):
            for i in operandShapes.indices where operandShapes[i] != nil { choice.operands[i] = key.removing([axis]) }
            choice.results = [key]
        case .spreading(let axis, let count):
            choice.operands[0] = key
            choice.results = [
                Permutation(
                    key.axes.flatMap { source -> [Int] in
                        if source == axis { return Array(axis..<axis + count) }
                        return [source < axis ? source : source + count - 1]
                    })
            ]
        case .fixed, .reshape, .matrixProduct: return nil
        }
        return choice
    }

    /// The choice in which operand `index` is stored as `stored`, as near to `current` as possible.
    func choice(operand index: Int, stored: Permutation, current: LayoutChoice) -> LayoutChoice? {
        guard let shape = operandShapes[index] else { return nil }
        switch rule {
        case .fixed: return nil
        case .broadcast:
            guard shape.elementCount != 1 else { return nil }
            let leading = current.key.rank - shape.rank
            return choice(Permutation(Array(0..<leading) + stored.axes.map { $0 + leading }))
        case .sameAxes(let data, _): return data.contains(index) ? choice(stored) : nil
        case .removing(let data, _): return data == index ? choice(stored) : nil
        case .spreading: return index == 0 ? choice(stored) : nil
        case .inserting(let axis):
            return choice(LayoutNode.inserting([axis], into: stored))
        case .reshape:
            guard index == 0 else { return nil }
            return ReshapeLayout(from: shape, to: resultShapes[0]).result(for: stored).map {
                LayoutChoice(operands: [stored] + current.operands.dropFirst(), results: [$0], key: current.key)
            }
        case .matrixProduct: return matrixChoice(operand: index, stored: stored, current: current)
        }
    }

    /// The choice in which the result `index` is stored as `stored`, as near to `current` as possible.
    func choice(result index: Int, stored: Permutation, current: LayoutChoice) -> LayoutChoice? {
        switch rule {
        case .fixed: return nil
        case .broadcast, .sameAxes, .inserting: return choice(stored)
        case .removing(_, let axes): return choice(LayoutNode.inserting(axes, into: stored))
        case .spreading(let axis, let count):
            guard let start = stored.axes.firstIndex(of: axis), start + count <= stored.rank,
                stored.axes[start..<start + count].elementsEqual(axis..<axis + count)
            else { return nil }
            return choice(stored.removing(Set(axis + 1..<axis + count)))
        case .reshape:
            guard let shape = operandShapes[0] else { return nil }
            return ReshapeLayout(from: resultShapes[0], to: shape).result(for: stored).map {
                LayoutChoice(operands: [$0] + current.operands.dropFirst(), results: [stored], key: current.key)
            }
        case .matrixProduct:
            let outer = stored.rank - 2
            guard Array(stored.axes.suffix(2)) == [outer, outer + 1] else { return nil }
            return matrixChoice(outer: Array(stored.axes.prefix(outer)), current: current)
        }
    }

    /// `stored` with the axes `added` put in; each stays next to the axis it follows in the source.
    private static func inserting(_ added: Set<Int>, into stored: Permutation) -> Permutation {
        let total = stored.rank + added.count
        let kept = (0..<total).filter { !added.contains($0) }
        var result = stored.axes.map { kept[$0] }
        for axis in added.sorted() {
            if let before = result.firstIndex(of: axis - 1) {
                result.insert(axis, at: before + 1)
            } else {
                result.insert(axis, at: 0)
            }
        }
        return Permutation(result)
    }

    private func matrixChoice(operand index: Int, stored: Permutation, current: LayoutChoice) -> LayoutChoice? {
        let outer = stored.rank - 2
        guard Set(stored.axes.suffix(2)) == [outer, outer + 1] else { return nil }
        var choice = matrixChoice(outer: Array(stored.axes.prefix(outer)), current: current)
        choice?.operands[index] = stored
        return choice
    }

    private func matrixChoice(outer: [Int], current: LayoutChoice) -> LayoutChoice? {
        var choice = current
        for i in choice.operands.indices {
            guard let operand = choice.operands[i] else {
                // A constant operand is not moved, so its outer axes must not be either.
                if outer != Array(outer.indices) { return nil }
                continue
            }
            choice.operands[i] = Permutation(outer + operand.axes.suffix(2))
        }
        choice.results = [Permutation(outer + [outer.count, outer.count + 1])]
        return choice
    }
}
