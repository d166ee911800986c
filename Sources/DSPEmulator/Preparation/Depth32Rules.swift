import TensorCore

/// How a flat node becomes one of the depth-32 layout.
struct Depth32Replacement {
    var op: HexagonOperator
    /// The data inputs that must come in that layout.
    var converted = [0]
    /// False when the result stays flat.
    var convertsResult = true
}

extension PreparationGraph {
    /// The depth-32 operator that does the work of `node`, or nil when the flat one stays.
    ///
    /// Producers stand before their readers and are already replaced, so that "comes from the layout" is seen by a
    /// Convert_from_d32 at an input. Extents are the declared ones. Source: nnlib hexagon/src/prepare.c,
    /// `depth32_replacement_op`.
    func depth32Replacement(of node: HexagonNode) -> Depth32Replacement? {
        switch node.op {
        case .supernode:
            return supernodeReplacement(node)
        case .depthwiseSupernode: return Depth32Replacement(op: .depthwiseSupernodeDepth32)
        case .maxPool: return Depth32Replacement(op: .maxPoolDepth32)
        case .averagePool: return Depth32Replacement(op: .averagePoolDepth32)
        case .subtract: return Depth32Replacement(op: .subtractDepth32, converted: [0, 1])
        case .add:
            let isFlat = !isFromDepth32(node, 0) && !isFromDepth32(node, 1)
            if isFlat, declared(node.inputs[0]).shape == declared(node.inputs[1]).shape { return nil }
            return Depth32Replacement(op: .addDepth32, converted: [0, 1])
        case .multiply:
            guard isOneBroadcast(declared(node.inputs[0]).shape, declared(node.inputs[1]).shape) else { return nil }
            return Depth32Replacement(op: .multiplyDepth32, converted: [0, 1])
        case .concat:
            return isSinglePixel(node) || node.inputs.count % 3 != 1
                ? nil : Depth32Replacement(op: .concatDepth32, converted: Array(1...(node.inputs.count - 1) / 3))
        case .split:
            guard node.inputs.count == 4, node.outputs.count >= 4, !isSinglePixel(node), axis(node.inputs[0]) == 3
            else {
                return nil
            }
            return Depth32Replacement(op: .splitDepth32, converted: [1])
        case .softmax: return softmaxReplacement(node)
        case .pad:
            // The last pair of counts is of the depth.
            guard isFromDepth32(node, 0), let counts = integers(node.inputs[3]), (2...8).contains(counts.count),
                counts.suffix(2) == [0, 0]
            else { return nil }
            return Depth32Replacement(op: .padDepth32)
        case .mirrorPad:
            // The library looks for the counts at input 3. The delegate puts the high end of the range there, one number
            // and no pair: its mirrored borders stay flat.
            guard isFromDepth32(node, 0), let counts = integers(node.inputs[3]), (2...8).contains(counts.count),
                counts.prefix(2) == [0, 0], counts.count < 8 || counts.suffix(2) == [0, 0]
            else { return nil }
            return Depth32Replacement(op: .mirrorPadDepth32)
        case .requantize8To8: return isFromDepth32(node, 0) ? Depth32Replacement(op: .requantize8To8Depth32) : nil
        case .tanh: return isFromDepth32(node, 0) ? Depth32Replacement(op: .tanhDepth32) : nil
        case .sigmoid: return isFromDepth32(node, 0) ? Depth32Replacement(op: .sigmoidDepth32) : nil
        case .negate: return isFromDepth32(node, 0) ? Depth32Replacement(op: .negateDepth32) : nil
        case .depthToSpace: return depthToSpaceReplacement(node)
        case .batchToSpace: return hasNarrowBlocks(node) ? Depth32Replacement(op: .batchToSpaceDepth32) : nil
        case .spaceToBatch: return hasNarrowBlocks(node) ? Depth32Replacement(op: .spaceToBatchDepth32) : nil
        case .resizeBilinear:
            let (width, depth) = (node.outputs[0].shape[2], node.outputs[0].shape[3])
            return depth > 2 || width & (width - 1) != 0 ? Depth32Replacement(op: .resizeBilinearDepth32) : nil
        case .argMax, .argMin:
            guard axis(node.inputs[1]) == 3 else { return nil }
            return Depth32Replacement(op: node.op == .argMax ? .argMaxDepth32 : .argMinDepth32, convertsResult: false)
        default: return nil
        }
    }

    /// Filters at most 4 deep, with strides at most 4 wide and without scales of channels, have a kernel that reads flat
    /// data; where their stride is 3 wide, that kernel cannot be used and the flat one stays.
    private func supernodeReplacement(_ node: HexagonNode) -> Depth32Replacement? {
        guard let filter = constant(node.inputs[1])?.shape, let strides = constant(node.inputs[6])?.shape else {
            return nil
        }
        guard filter[2] <= 4, strides[2] <= 4, node.inputs.count < 13 else {
            return Depth32Replacement(op: .supernodeDepth32)
        }
        return strides[2] > 1 && strides[2] % 2 != 0 ? nil : Depth32Replacement(op: .inputSupernode, converted: [])
    }

    private func softmaxReplacement(_ node: HexagonNode) -> Depth32Replacement? {
        let replacement = Depth32Replacement(op: .softmaxDepth32)
        if isFromDepth32(node, 0) { return replacement }
        if producer(node.inputs[0]).op == .superFullyConnected { return nil }
        let shape = node.outputs[0].shape
        return shape[1] >= 4 && (shape[2] >= 8 || shape[2] == 4) && shape[3] > 2 ? replacement : nil
    }

    /// Source: `check_spaceop_ok_for_d32`.
    private func depthToSpaceReplacement(_ node: HexagonNode) -> Depth32Replacement? {
        let depth = declared(node.inputs[0]).shape[3]
        guard let blocks = integers(node.inputs[1]), let high = blocks.first, let wide = blocks.last, blocks.count <= 2,
            high >= 1, wide >= 1, wide <= 4 || wide == 8, depth % 32 == 0, high <= depth, depth % (high * wide) == 0
        else { return nil }
        let result = depth / (high * wide)
        guard result > 0, result % 32 == 0 || result == 16 && wide == 2 else { return nil }
        return Depth32Replacement(op: .depthToSpaceDepth32)
    }

    /// Source: `check_batchop_ok_for_d32`.
    private func hasNarrowBlocks(_ node: HexagonNode) -> Bool {
        guard isFromDepth32(node, 0), let blocks = integers(node.inputs[1]), constant(node.inputs[2]) != nil else {
            return false
        }
        return blocks.count < 2 || (1...4).contains(blocks[1])
    }

    private func isFromDepth32(_ node: HexagonNode, _ input: Int) -> Bool {
        producer(node.inputs[input]).op == .convertFromDepth32
    }

    private func isSinglePixel(_ node: HexagonNode) -> Bool {
        node.outputs[0].shape[1] == 1 && node.outputs[0].shape[2] == 1
    }

    private func axis(_ reference: HexagonReference) -> Int? {
        guard let axis = integers(reference)?.first, (-4..<4).contains(axis) else { return nil }
        return axis < 0 ? axis + 4 : axis
    }

    /// Whether extents are equal, or differ where always the same operand has 1.
    /// Source: `check_dims_equal_or_broadcastable`.
    private func isOneBroadcast(_ a: [Int], _ b: [Int]) -> Bool {
        let differing = zip(a, b).filter { $0 != $1 }
        guard let first = differing.first else { return true }
        return first.1 == 1 ? differing.allSatisfy { $0.1 == 1 } : differing.allSatisfy { $0.0 == 1 }
    }
}
