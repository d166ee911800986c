/// The four extents of a tensor of codes and what it takes in the depth-32 layout.
package struct WorkExtents: Sendable, Hashable {
    package var batch: Int
    package var height: Int
    package var width: Int
    package var depth: Int

    package init(_ batch: Int, _ height: Int, _ width: Int, _ depth: Int) {
        self.batch = batch
        self.height = height
        self.width = width
        self.depth = depth
    }

    /// Of `[batch, height, width, depth]`.
    init(_ shape: [Int]) {
        self.init(shape[0], shape[1], shape[2], shape[3])
    }

    /// Elements without the padding of the layout.
    package var count: Int { batch * height * width * depth }
    /// Bytes of one row: width rounded up to 4, depth to 32 (nnlib docs/d32.txt). Flat tensors are taken to be padded too.
    package var rowBytes: Int { width.rounded(upTo: 4) * depth.rounded(upTo: 32) }
    package var bytes: Int { batch * height * rowBytes }
}

extension Int {
    func rounded(upTo multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
    func dividedUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
}

/// How much a node of a partition has to do: extents and the operator's shape, no values.
package struct MachineWork: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable {
        case convolution
        /// A convolution of at most four channels, read flat.
        case shallowConvolution
        case depthwise
        case matrix
        case window
        /// Every result depends on the operands at its place, or nearly so.
        case stream
        /// Nothing is computed and nothing moves.
        case none
    }

    package var kind: Kind
    /// What packets are counted by.
    package var operation: HexagonOperator
    package var id: Int
    /// The TFLite operator that it belongs to.
    package var source: Int?
    package var input: WorkExtents
    package var output: WorkExtents
    /// Bytes of operands other than the first that are no weights.
    package var otherInputBytes = 0
    package var filterHeight = 1
    package var filterWidth = 1
    package var strideHeight = 1
    package var strideWidth = 1
    /// Positions in the list that compute the operands; nil for inputs of the partition.
    package var reads: [Int?] = []

    package init(_ kind: Kind, _ operation: HexagonOperator, id: Int, input: WorkExtents, output: WorkExtents) {
        self.kind = kind
        self.operation = operation
        self.id = id
        self.input = input
        self.output = output
    }

    /// Multiplications of the model, without the padding of the layout.
    package var macs: Int {
        let taps = filterHeight * filterWidth
        return switch kind {
        case .convolution, .shallowConvolution, .matrix: output.count * taps * input.depth
        case .depthwise: output.count * taps
        case .window, .stream, .none: 0
        }
    }

    /// Multiplications in the layout: depth rounded up to 32 on both sides, width to 4.
    package var paddedMACs: Int {
        let taps = filterHeight * filterWidth
        return switch kind {
        case .convolution, .matrix: output.bytes * taps * input.depth.rounded(upTo: 32)
        case .shallowConvolution: output.bytes * taps * 4
        case .depthwise: output.bytes * taps
        case .window, .stream, .none: 0
        }
    }

    /// Bytes of the weights of `depth` output channels: 1024 bytes for each tap of 32 x 32 channels.
    /// Source: nnlib docs/supernode_weights.txt.
    func weightBytes(outputDepth depth: Int) -> Int {
        let taps = filterHeight * filterWidth
        let rounded = depth.rounded(upTo: 32)
        return switch kind {
        case .convolution, .matrix: taps * input.depth.rounded(upTo: 32) * rounded
        case .shallowConvolution: filterHeight * filterWidth.rounded(upTo: 2) * 4 * rounded
        case .depthwise: filterHeight * filterWidth.rounded(upTo: 4) * rounded
        case .window, .stream, .none: 0
        }
    }

    package var weightBytes: Int { weightBytes(outputDepth: output.depth) }

    /// Whether channels of the result depend on the same channels of the operand alone.
    var keepsChannelsApart: Bool { kind == .depthwise || kind == .window }

    /// Rows of the first operand that `rows` rows of the result need; the border's rows count as rows.
    func inputRows(for rows: Int) -> Int {
        switch kind {
        case .convolution, .shallowConvolution, .depthwise, .window:
            min((rows - 1) * strideHeight + filterHeight, max(input.height, filterHeight))
        case .matrix, .none: input.height
        case .stream:
            output.height == input.height
                ? rows : min(input.height, (rows * input.height).dividedUp(by: max(output.height, 1)) + 1)
        }
    }
}
