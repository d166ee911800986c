import TensorCore

extension HexagonNode {
    /// Columns that the depth-32 layout keeps free to the left of every row of a node's result.
    ///
    /// Most operators make it 4; depthwise convolutions leave what their filter does not use, and operators on single
    /// codes pass theirs on. Maximum pools and doubling depend on it. For results of the flat layout, which have none, the
    /// number returned has no meaning.
    ///
    /// - Parameters:
    ///   - inputs: the node's operands, of shapes that its kernel accepts.
    ///   - paddings: for every operand, what this function gave for the node that computes it.
    ///   - result: the node's first result.
    /// - Throws: `Diagnostic` (.unsupported) where an operand has fewer columns than the library needs beside it: it refuses
    ///   most of these, and reads other codes or crashes at the rest.
    /// - Note: Sources: nnlib hexagon/ops/src, op_dwise_snode_8bit.c, op_supernode_new.c, op_maxpool_d32.c,
    ///   op_avgpool_d32.c, op_concat_d32.c and the calls of `tensor_out_prepare_padded_d32` in the others.
    func leftPadding(_ inputs: [Tensor], _ paddings: [Int], result: Tensor) throws -> Int {
        guard let padding = paddings.first, let shape = inputs.first?.shape, result.shape.rank == 4 else { return 4 }
        switch op {
        case .depthwiseSupernodeDepth32:
            let columns = windowColumns(of: shape, window: inputs[1].shape[1], stride: inputs[6].shape[2])
            guard padding > 0 else { throw insufficient(padding, 1) }
            try requireBeside(columns, padding)
            if padding % 4 != 0, columns.stride == 2, inputs[1].shape[0] == 3, inputs[1].shape[1] == 3,
                inputs.count == 12 || inputs[12].count == 1
            {
                // hexagon/asm_src/dwconv2dbbb_s2_3x3_h.S: `x2_ba98` of the first four columns is shuffled once, not twice.
                throw Diagnostic(
                    .unsupported, at: op.rawValue,
                    "mixes up channels of the first columns of an operand with \(padding) columns of left padding; what"
                        + " the library computes then is not built",
                    suggestion: "a convolution that is not depthwise in between")
            }
            return (padding - columns.before) / columns.stride
        case .supernodeDepth32:
            try requireBeside(
                windowColumns(of: shape, window: inputs[1].shape[1], stride: inputs[6].shape[2]), padding)
            return 4
        case .maxPoolDepth32:
            let columns = windowColumns(of: shape, window: inputs[3].shape[2], stride: inputs[4].shape[2])
            if columns.count > 1 { try requireBeside(columns, padding) }
            if padding == 0, self.padding == .same, result.shape[1] > 1 || result.shape[2] > 1 {
                throw Diagnostic(
                    .unsupported, at: op.rawValue,
                    "clears the first columns of an operand without left padding; that is not built")
            }
            return 4
        case .averagePoolDepth32:
            return result.shape[1] == 1 && result.shape[2] == 1 ? 2 : 4
        case .concatDepth32:
            return result.shape[2] == 1 ? 0 : 4
        case .addDepth32, .subtractDepth32, .multiplyDepth32:
            // The larger operand's, where one is repeated.
            return shape != result.shape && inputs[1].shape == result.shape ? paddings[1] : padding
        case .resizeBilinearDepth32:
            // Copied as it is where the extents stay.
            return shape == result.shape ? padding : 4
        case .requantize8To8Depth32, .negateDepth32, .tanhDepth32, .sigmoidDepth32, .softmaxDepth32, .splitDepth32,
            .mirrorPadDepth32:
            return padding
        default:
            return 4
        }
    }

    private func windowColumns(of shape: Shape, window: Int, stride: Int) -> PoolingAxis {
        PoolingAxis(extent: shape[2], window: window, stride: stride, padding: padding)
    }

    /// What a window needs to the right may be the left padding of the next row.
    private func requireBeside(_ columns: PoolingAxis, _ padding: Int) throws {
        guard columns.before <= padding else { throw insufficient(padding, columns.before) }
        let right = -(padding + columns.extent) & 3
        guard columns.after <= padding + right else {
            throw Diagnostic(
                .unsupported, at: op.rawValue,
                "needs \(columns.after) or more columns of padding to the right of its operand, which has \(padding + right)"
            )
        }
    }

    private func insufficient(_ padding: Int, _ needed: Int) -> Diagnostic {
        Diagnostic(
            .unsupported, at: op.rawValue,
            "needs \(needed) or more columns of padding to the left of its operand, which has \(padding)",
            suggestion: "a convolution that is not depthwise in between")
    }
}
