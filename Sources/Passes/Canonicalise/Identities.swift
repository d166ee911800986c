import GraphIR
import Operators
import TensorCore

extension Pass {
    /// Removes nodes whose result is their operand, bit for bit.
    package static let identities = Pass("identities") { graph, node, patch in
        guard node.outputs.count == 1, let source = identityOperand(of: node, in: graph),
            graph.type(of: source) == graph.type(of: node.outputs[0]), graph.canForward(source, over: node)
        else { return }
        patch.replace(node, with: source)
    }

    /// The operand that the result of `node` equals, when types alone or constants prove it.
    private static func identityOperand(of node: Node, in graph: Graph) -> ValueID? {
        func input(_ index: Int) -> ValueID? { index < node.inputs.count ? node.inputs[index] : nil }
        func allZero(_ index: Int) -> Bool { graph.integers(input(index))?.allSatisfy { $0 == 0 } ?? false }
        guard let first = input(0) else { return nil }
        switch node.op {
        case .reshape, .squeeze, .expandDims, .broadcastTo, .slice, .cast: return first
        case .transpose: return graph.permutation(of: node)?.isIdentity == true ? first : nil
        case .pad, .padV2, .mirrorPad: return allZero(1) ? first : nil
        case .tile: return graph.integers(input(1))?.allSatisfy { $0 == 1 } == true ? first : nil
        case .concatenation(_, .none): return node.inputs.count == 1 ? first : nil
        case .split(1): return input(1)
        case .splitV(1): return first
        case .stridedSlice(let op):
            guard let begin = graph.integers(input(1)), let end = graph.integers(input(2)),
                let strides = graph.integers(input(3)),
                let slice = ResolvedSlice(
                    op, input: graph.type(of: first).shape, begin: begin, end: end, strides: strides),
                slice.begin.allSatisfy({ $0 == 0 }), slice.step.allSatisfy({ $0 == 1 })
            else { return nil }
            return first
        case .reverse:
            guard let axes = graph.integers(input(1)) else { return nil }
            return axes.allSatisfy { graph.type(of: first).shape[$0] == 1 } ? first : nil
        case .resizeNearestNeighbor: return first
        case .averagePool2D(let op), .maxPool2D(let op):
            return op.window == Extent2D(1) && op.stride == Extent2D(1) && op.activation == .none ? first : nil
        case .binary(let op): return op.activation == .none ? neutral(op.kind, node, graph) : nil
        default: return nil
        }
    }

    /// x * 1, x / 1, x - 0 and x + (-0): the ones that hold for every x, negative zero and NaN included.
    private static func neutral(_ kind: Binary.Kind, _ node: Node, _ graph: Graph) -> ValueID? {
        guard let left = node.inputs[0], let right = node.inputs[1], graph.isFloat(node.outputs[0]) else { return nil }
        func isBits(_ value: ValueID, _ number: Float) -> Bool {
            graph.uniformFloat(value)?.bitPattern == number.bitPattern
        }
        switch kind {
        case .mul: return isBits(right, 1) ? left : isBits(left, 1) ? right : nil
        case .div: return isBits(right, 1) ? left : nil
        case .sub: return isBits(right, 0) ? left : nil
        case .add: return isBits(right, -0.0) ? left : isBits(left, -0.0) ? right : nil
        default: return nil
        }
    }
}
