import GraphIR
import Operators

/// Why an operator stands in the way of a curve head.
enum HeadRefusal {
    static func reason(_ node: Node, in graph: Graph) -> String {
        if canSumWeighted(node.op), let softmax = softmax(before: node, in: graph, throughProducts: true) {
            return isConstantWeighted(softmax, in: graph)
                ? "sums soft-max bins (SOFTMAX \(softmax.location)); the noise is that of the 8-bit probabilities, which "
                    + "a curve head does not help"
                : "is convex upsampling: it sums neighbours weighted by SOFTMAX \(softmax.location), and points of a curve "
                    + "cannot be averaged"
        }
        let computed = node.inputs.compactMap { $0 }.filter { graph.constant($0) == nil }
        if computed.count > 1 {
            let isState = computed.contains { one in
                computed.contains { $0 != one && ancestors(of: $0, in: graph).contains(one) }
            }
            return isState
                ? "updates a state with what is computed from it (iterative refinement); no single accumulator holds the "
                    + "depth"
                : "joins \(computed.count) computed values; no single accumulator holds the depth"
        }
        return "is neither element-wise and monotone nor a selection; a curve head cannot be put before it"
    }

    /// The SOFTMAX whose results `node` reads, through moved elements and, on request, products, sums and joins.
    static func softmax(before node: Node, in graph: Graph, throughProducts: Bool) -> Node? {
        var pending = node.inputs.compactMap { $0 }
        var seen = Set(pending)
        while let value = pending.popLast() {
            guard let producer = graph.producer(of: value) else { continue }
            switch producer.op {
            case .softmax: return producer
            case .quantize, .dequantize, .reshape, .transpose, .squeeze, .expandDims, .slice, .stridedSlice: break
            case .binary, .reduce, .concatenation, .pack, .split, .splitV, .unpack, .tile, .broadcastTo, .pad, .padV2,
                .depthToSpace, .gather:
                guard throughProducts else { continue }
            default: continue
            }
            for case let input? in producer.inputs where seen.insert(input).inserted { pending.append(input) }
        }
        return nil
    }

    private static func canSumWeighted(_ op: Operator) -> Bool {
        switch op {
        case .binary(let binary): binary.kind == .mul
        default: true
        }
    }

    /// True when what the soft-max weights are multiplied with is constant: the depths of bins.
    private static func isConstantWeighted(_ softmax: Node, in graph: Graph) -> Bool {
        var value = softmax.outputs[0]
        while let user = graph.users(of: value).first.map({ graph[$0] }) {
            switch user.op {
            case .binary, .batchMatMul, .fullyConnected, .conv2D, .depthwiseConv2D:
                return user.inputs.contains { graph.constant($0) != nil }
            case .reduce: return true
            default: value = user.outputs[0]
            }
        }
        return true
    }

    private static func ancestors(of value: ValueID, in graph: Graph) -> Set<ValueID> {
        var result = Set<ValueID>()
        var pending = [value]
        while let next = pending.popLast() {
            for case let input? in graph.producer(of: next)?.inputs ?? [] where result.insert(input).inserted {
                pending.append(input)
            }
        }
        return result
    }
}
