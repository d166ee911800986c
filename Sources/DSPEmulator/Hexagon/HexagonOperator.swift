/// The operators of the library behind the delegate, by the names of its operator table (without the prefix `OP_`).
///
/// The delegate's builders make the flat ones; the library's preparation replaces some of them by those that work on its
/// depth-32 layout (suffix `_d32`) and puts conversions between the two. Source: nnlib interface/ops.def.
package enum HexagonOperator: String, Sendable, Hashable, CaseIterable {
    // Structure
    case input = "INPUT"
    case output = "OUTPUT"
    case constant = "Const"
    case nop = "Nop"
    case batchSequence = "BatchSeqConfig"
    /// The two casts are part of the newer binary library only; they flip the code's highest bit.
    case castInt8ToUInt8 = "Quantized_CastInt8ToUInt8"
    case castUInt8ToInt8 = "Quantized_CastUInt8ToInt8"
    case convertToDepth32 = "Convert_to_d32"
    case convertFromDepth32 = "Convert_from_d32"

    // Convolution
    case supernode = "Supernode_8x8p32to8"
    case supernodeDepth32 = "Supernode_8x8p32to8_d32"
    case depthwiseSupernode = "DepthwiseSupernode_8x8p32to8"
    case depthwiseSupernodeDepth32 = "DepthwiseSupernode_8x8p32to8_d32"
    case transposeConv2D = "QuantizedTransposeConv2d_8x8p32to8"
    /// What preparation makes of a supernode whose filter is at most 4 deep; reads flat, writes depth-32.
    case inputSupernode = "InputSupernode_8x8p32to8_outd32"
    /// What preparation makes of a supernode with a 3 x 3 filter, two channels in and out and stride 1.
    case supernode3322 = "Supernode3322_8x8p32to8"
    /// Of preparation alone, between the expansion of a transposed convolution and its supernode.
    case conv2D = "QuantizedConv2d_8x8to32"
    /// Of preparation alone, as ``conv2D``.
    case channelScale = "QuantizedChannelScale_32xf"

    // MatrixMultiply
    case matMul = "QuantizedMatMul_8x8to32"
    case biasAdd = "QuantizedBiasAdd_32p32to32"
    /// What preparation makes of a matrix product, its bias and its requantisation.
    case superFullyConnected = "SuperFC_8x8p32to8"

    // Quantize
    case requantize32To8 = "Requantize_32to8"
    case requantize8To8 = "Requantize_8to8"
    case requantize8To8Depth32 = "Requantize_8to8_d32"
    case quantizeDownAndShrinkRange = "QuantizeDownAndShrinkRange_32to8"

    // Elementwise
    case add = "QuantizedAdd_8p8to8"
    case addDepth32 = "QuantizedAdd_8p8to8_d32"
    case subtract = "QuantizedSub_8p8to8"
    case subtractDepth32 = "QuantizedSub_8p8to8_d32"
    case multiplyTo32 = "QuantizedMul_8x8to32"
    case multiply = "QuantizedMul_8x8to8"
    case multiplyDepth32 = "QuantizedMul_8x8to8_d32"
    case divide = "QuantizedDiv_8"
    case minimum = "QuantizedMinimum_8"
    case maximum = "QuantizedMaximum_8"
    case negate = "QuantizedNeg_8"
    case negateDepth32 = "QuantizedNeg_8_d32"
    case squareRoot = "QuantizedSqrt_8"

    // Activations
    case relu = "QuantizedRelu_8"
    case reluX = "QuantizedReluX_8"
    case tanh = "QuantizedTanh_8"
    case tanhDepth32 = "QuantizedTanh_8_d32"
    case sigmoid = "QuantizedSigmoid_8"
    case sigmoidDepth32 = "QuantizedSigmoid_8_d32"
    /// In the newer binary library only.
    case hardSwish = "QuantizedHardSwish_8"
    case softmax = "QuantizedSoftmax_8"
    case softmaxDepth32 = "QuantizedSoftmax_8_d32"
    case l2Normalize = "L2Normalize_8"

    // Pooling and reduction
    case averagePool = "QuantizedAvgPool_8"
    case averagePoolDepth32 = "QuantizedAvgPool_8_d32"
    case maxPool = "QuantizedMaxPool_8"
    case maxPoolDepth32 = "QuantizedMaxPool_8_d32"
    case mean = "QuantizedMean_8"
    case sum = "QuantizedSum_8to32"
    case argMax = "ArgMax_8toInt32"
    case argMaxDepth32 = "ArgMax_8_d32"
    case argMin = "ArgMin_8"
    case argMinDepth32 = "ArgMin_8_d32"

    // Resize
    case resizeBilinear = "QuantizedResizeBilinear_8"
    case resizeBilinearDepth32 = "QuantizedResizeBilinear_8_d32"
    case resizeNearestNeighbor = "ResizeNearestNeighbor_8"

    // Layout
    case concat = "QuantizedConcat_8"
    case concatDepth32 = "QuantizedConcat_8_d32"
    /// A concatenation whose operands are already where they belong.
    case fakeConcatDepth32 = "QuantizedFakeConcat_8_d32"
    case pack = "QuantizedPack_8"
    case split = "QuantizedSplit_8"
    case splitDepth32 = "QuantizedSplit_8_d32"
    case slice = "QuantizedSlice_8"
    case stridedSlice = "QuantizedStridedSlice_8"
    case pad = "QuantizedPad_8"
    case padDepth32 = "QuantizedPad_8_d32"
    /// The border of a convolution whose filter is larger than the margins of the depth-32 layout.
    case padForConvolutionDepth32 = "QuantizedPadForConv_8_d32"
    case mirrorPad = "MirrorPad_8"
    case mirrorPadDepth32 = "MirrorPad_8_d32"
    case reshape = "Reshape"
    case transpose = "Transpose_8"
    case spaceToDepth = "SpaceToDepth_8"
    case depthToSpace = "DepthToSpace_8"
    case depthToSpaceDepth32 = "DepthToSpace_8_d32"
    case spaceToBatch = "SpaceToBatchND_8"
    case spaceToBatchDepth32 = "SpaceToBatchND_8_d32"
    case batchToSpace = "BatchToSpaceND_8"
    case batchToSpaceDepth32 = "BatchToSpaceND_8_d32"
}

/// How a node of the library treats borders. Source: nnlib hexagon/include/nn_graph_types.h, `padding_type`.
package enum HexagonPadding: Int, Sendable, Hashable {
    case none = 0
    case same = 1
    case valid = 2
    case mirrorReflect = 3
    case mirrorSymmetric = 4
}
