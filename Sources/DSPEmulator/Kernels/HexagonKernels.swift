import TensorCore

/// The library's operators with the library's own arithmetic.
///
/// A kernel takes the tensors of a node's inputs, each of four extents, and returns those of its outputs, as in the
/// library: most operators pass the ends of a range as binary32 scalars, inputs and outputs alike. Tensors of the depth-32
/// layout are held row-major like all others: where the layout changes rounding, the kernel works that out from shapes.
package enum HexagonKernels {
    /// Runs one node. `inputs` and `outputs` of graphs, and constants, are not nodes to run.
    ///
    /// - Parameter leftPadding: columns that the depth-32 layout keeps free to the left of the first input's rows.
    /// - Throws: `Diagnostic` (.unsupported) for what the library refuses, with the library's reason.
    package static func evaluate(
        _ node: HexagonNode, _ inputs: [Tensor], leftPadding: Int = 4, architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        switch node.op {
        case .input, .output, .constant, .batchSequence, .conv2D, .channelScale:
            throw Diagnostic(.unsupported, at: node.op.rawValue, "is no operator that can be run")
        case .supernode, .supernodeDepth32, .inputSupernode, .supernode3322:
            try convolution(node, inputs, architecture: architecture)
        case .depthwiseSupernode, .depthwiseSupernodeDepth32:
            try depthwiseConvolution(node, inputs, architecture: architecture)
        case .transposeConv2D:
            // The library's node does nothing: hexagon/ops/src/op_transpose_conv.c.
            throw Diagnostic(.unsupported, at: node.op.rawValue, "computes nothing by itself; preparation expands it")
        case .matMul, .biasAdd, .superFullyConnected:
            try matrixMultiply(node, inputs, architecture: architecture)
        case .requantize32To8, .quantizeDownAndShrinkRange:
            try requantize32(node, inputs)
        case .requantize8To8, .requantize8To8Depth32:
            try requantize8(node, inputs)
        case .add, .addDepth32, .subtract, .subtractDepth32, .multiplyTo32, .multiply, .multiplyDepth32, .divide,
            .minimum, .maximum, .negate, .negateDepth32, .squareRoot:
            try elementwise(node, inputs)
        case .relu, .reluX, .tanh, .tanhDepth32, .sigmoid, .sigmoidDepth32, .hardSwish, .l2Normalize:
            try activation(node, inputs)
        case .softmax, .softmaxDepth32:
            try softmax(node, inputs, architecture: architecture)
        case .averagePool, .averagePoolDepth32, .maxPool, .maxPoolDepth32:
            try pooling(node, inputs, leftPadding: leftPadding)
        case .mean, .sum, .argMax, .argMaxDepth32, .argMin, .argMinDepth32:
            try reduction(node, inputs)
        case .resizeBilinear, .resizeBilinearDepth32, .resizeNearestNeighbor:
            try resize(node, inputs, leftPadding: leftPadding)
        case .concat, .concatDepth32, .pack:
            try concat(node, inputs)
        case .castInt8ToUInt8, .castUInt8ToInt8, .convertToDepth32, .convertFromDepth32, .nop, .reshape:
            try layoutIdentity(node, inputs)
        case .split, .splitDepth32, .slice, .stridedSlice, .fakeConcatDepth32:
            try layoutPart(node, inputs)
        case .pad, .padDepth32, .padForConvolutionDepth32, .mirrorPad, .mirrorPadDepth32:
            try layoutPad(node, inputs)
        case .transpose, .spaceToDepth, .depthToSpace, .depthToSpaceDepth32, .spaceToBatch, .spaceToBatchDepth32,
            .batchToSpace, .batchToSpaceDepth32:
            try layoutRearrangement(node, inputs)
        }
    }

    /// What a family throws for an operator that it does not have yet.
    static func notBuilt(_ node: HexagonNode) -> Diagnostic {
        Diagnostic(.unsupported, at: node.op.rawValue, "is not built yet")
    }
}
