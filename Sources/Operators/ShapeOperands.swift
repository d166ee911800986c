extension Operator {
    /// The operands that decide shapes and axes: constant in every graph, int32 in every file.
    package var shapeOperands: [Int] {
        switch self {
        case .transposeConv, .split, .fill: [0]
        case .reduce, .argument, .topK, .cumulativeSum, .reshape, .transpose, .pad, .padV2, .mirrorPad, .expandDims,
            .tile, .broadcastTo, .reverse, .oneHot, .resizeBilinear, .resizeNearestNeighbor:
            [1]
        case .splitV, .slice, .batchToSpaceND, .spaceToBatchND: [1, 2]
        case .stridedSlice: [1, 2, 3]
        case .scatterND: [2]
        default: []
        }
    }

    /// RANGE's bounds decide its shape too, but have the type of the result.
    package var constantOperands: [Int] { self == .range ? [0, 1, 2] : shapeOperands }
}
