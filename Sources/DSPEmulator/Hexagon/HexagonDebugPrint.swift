extension HexagonGraph {
    /// The nodes as the library prints them for the delegate's option `print_graph_debug`, addresses left out.
    ///
    /// Source: nnlib hexagon/src/pprint.c, do_snpprint.
    package var debugText: String {
        let lines = nodes.map { node in
            let number = node.op.number.map { "0x" + String($0, radix: 16) } ?? "?"
            return "node @ 0x0: id=0x\(String(node.id, radix: 16)) type=\(number)(\(node.op.rawValue)) "
                + "n_inputs=\(node.inputs.count) n_outputs=\(node.outputs.count) "
                + "padding=\(node.padding.rawValue)(\(node.padding.name))"
        }
        return (lines + ["\(nodes.count) nodes total."]).joined(separator: "\n")
    }
}

extension HexagonPadding {
    /// The library's name. Source: nnlib hexagon/src/string_map.c, padding_name_table.
    fileprivate var name: String {
        switch self {
        case .none: "NA"
        case .same: "SAME"
        case .valid: "VALID"
        case .mirrorReflect: "MIRROR_REFLECT"
        case .mirrorSymmetric: "MIRROR_SYMMETRIC"
        }
    }
}

extension HexagonOperator {
    /// The number of the operator; nil for those that the public library does not have.
    ///
    /// Source: nnlib interface/ops.def, counted from the top.
    package var number: Int? { Self.numbers[self] }

    private static let numbers: [HexagonOperator: Int] = [
        .input: 0x0, .output: 0x1, .constant: 0x3, .nop: 0x2, .batchSequence: 0x124, .convertToDepth32: 0x91,
        .convertFromDepth32: 0x92, .supernode: 0xb7, .supernodeDepth32: 0xb9, .depthwiseSupernode: 0xb8,
        .depthwiseSupernodeDepth32: 0xba, .transposeConv2D: 0xa0, .inputSupernode: 0xbb, .supernode3322: 0x13b,
        .conv2D: 0xf, .channelScale: 0x18d, .matMul: 0x11, .biasAdd: 0xb3, .superFullyConnected: 0xe4,
        .requantize32To8: 0x46, .requantize8To8: 0x1a5, .requantize8To8Depth32: 0x1a8,
        .quantizeDownAndShrinkRange: 0x13, .add: 0x8e, .addDepth32: 0xa8, .subtract: 0x12c, .subtractDepth32: 0xaf,
        .multiplyTo32: 0x71, .multiply: 0x130, .multiplyDepth32: 0xa5, .divide: 0x125, .minimum: 0x83, .maximum: 0x81,
        .negate: 0x127, .negateDepth32: 0x128, .squareRoot: 0x117, .relu: 0x15, .reluX: 0x17, .tanh: 0x77,
        .tanhDepth32: 0xc0, .sigmoid: 0x75, .sigmoidDepth32: 0xc2, .softmax: 0x79, .softmaxDepth32: 0xc4,
        .l2Normalize: 0x199, .averagePool: 0x1b, .averagePoolDepth32: 0x97, .maxPool: 0x19, .maxPoolDepth32: 0x93,
        .mean: 0x164, .sum: 0x132, .argMax: 0x13e, .argMaxDepth32: 0x17c, .argMin: 0x14f, .argMinDepth32: 0x17d,
        .resizeBilinear: 0x8f, .resizeBilinearDepth32: 0xcf, .resizeNearestNeighbor: 0x14b, .concat: 0x1f,
        .concatDepth32: 0x95, .fakeConcatDepth32: 0x113, .pack: 0x1b0, .split: 0x6d, .splitDepth32: 0xec,
        .slice: 0x41, .stridedSlice: 0x110, .pad: 0x88, .padDepth32: 0x116, .padForConvolutionDepth32: 0x1a2,
        .mirrorPad: 0x65, .mirrorPadDepth32: 0x1a1, .reshape: 0x3b, .transpose: 0x11b, .spaceToDepth: 0xd7,
        .depthToSpace: 0xd8, .depthToSpaceDepth32: 0x114, .spaceToBatch: 0xd3, .spaceToBatchDepth32: 0x139,
        .batchToSpace: 0xd4, .batchToSpaceDepth32: 0x138,
    ]
}
