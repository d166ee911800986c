import TensorCore

/// Codes less their zero point, with zeros where windows reach outside: `[batch, height, width, depth]`.
struct CenteredImage {
    let values: [Int16]
    /// Extents that windows cover, which can be less or more than the input's.
    let height: Int
    let width: Int
    /// The input's depth, rounded up to a multiple.
    let depth: Int

    init(
        _ input: Tensor, zero: Int32, rows: ConvolutionExtent, columns: ConvolutionExtent, depthMultiple: Int,
        height: Int, width: Int
    ) {
        let (inputHeight, inputWidth, inputDepth) = (input.shape[1], input.shape[2], input.shape[3])
        let depth = (inputDepth + depthMultiple - 1) / depthMultiple * depthMultiple
        let usedHeight = max(min(inputHeight, height - rows.padding), 0)
        let usedWidth = max(min(inputWidth, width - columns.padding), 0)
        // Without depth added, a row is one run.
        let (runs, run) = depth == inputDepth ? (1, usedWidth * depth) : (usedWidth, inputDepth)
        let zero = Int16(zero)
        var elements = [Int16](repeating: 0, count: input.shape[0] * height * width * depth)
        elements.withUnsafeMutableBufferPointer { elements in
            input.withElements(of: UInt8.self) { codes in
                for batch in 0..<input.shape[0] {
                    for row in 0..<usedHeight {
                        for index in 0..<runs {
                            let from = ((batch * inputHeight + row) * inputWidth + index) * inputDepth
                            let to = ((batch * height + row + rows.padding) * width + columns.padding + index) * depth
                            for element in 0..<run { elements[to + element] = Int16(codes[from + element]) &- zero }
                        }
                    }
                }
            }
        }
        values = elements
        self.height = height
        self.width = width
        self.depth = depth
    }
}
