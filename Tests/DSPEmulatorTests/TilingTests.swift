import DSPEmulator
import TensorCore
import Testing

/// Cuts a node's work as a plan says, runs every tile by itself and puts the results together.
struct TiledRun {
    /// Convolution, depthwise convolution or pooling of a tensor that already has its border.
    var node: HexagonNode
    var inputs: [Tensor]
    var window: (height: Int, stride: Int)
    /// Inputs besides the first that have channels: position and axis.
    var channelInputs: [Int: Int]
    /// Whether a chunk of results needs the same channels of the first operand.
    var cutsInput: Bool
    /// Operands of the same extents as the first.
    var elementwise: [Int] = []

    func run(rows: Int, depth: Int, output shape: [Int]) throws -> Tensor {
        var parts: [Tensor] = []
        for row in stride(from: 0, to: shape[1], by: rows) {
            let count = min(rows, shape[1] - row)
            let first = row * window.stride
            let used = (count - 1) * window.stride + window.height
            var chunks: [Tensor] = []
            for channel in stride(from: 0, to: shape[3], by: depth) {
                let channels = channel..<min(channel + depth, shape[3])
                var tile = inputs
                for index in [0] + elementwise {
                    tile[index] = slice(tile[index], axis: 1, first..<first + used)
                    if cutsInput { tile[index] = slice(tile[index], axis: 3, channels) }
                }
                for (index, axis) in channelInputs { tile[index] = slice(tile[index], axis: axis, channels) }
                chunks.append(try HexagonKernels.evaluate(node, tile, architecture: .v66)[0])
            }
            parts.append(concatenated(chunks, axis: 3))
        }
        return concatenated(parts, axis: 1)
    }

    private func slice(_ tensor: Tensor, axis: Int, _ range: Range<Int>) -> Tensor {
        var shape = tensor.shape.dimensions
        shape[axis] = range.count
        let outer = tensor.shape.dimensions[..<axis].reduce(1, *)
        let inner = tensor.shape.dimensions[(axis + 1)...].reduce(1, *)
        let extent = tensor.shape[axis]
        func pick<T: TensorElement>(_: T.Type) -> Tensor {
            let elements = tensor.elements(of: T.self)
            var picked: [T] = []
            for block in 0..<outer {
                let from = (block * extent + range.lowerBound) * inner
                picked += elements[from..<from + range.count * inner]
            }
            return Tensor(picked, shape: Shape(shape))
        }
        return tensor.elementType == .int32 ? pick(Int32.self) : pick(UInt8.self)
    }

    private func concatenated(_ tensors: [Tensor], axis: Int) -> Tensor {
        var shape = tensors[0].shape.dimensions
        shape[axis] = tensors.reduce(0) { $0 + $1.shape[axis] }
        let outer = shape[..<axis].reduce(1, *)
        var joined: [UInt8] = []
        for block in 0..<outer {
            for tensor in tensors {
                let length = tensor.count / outer
                joined += tensor.elements(of: UInt8.self)[block * length..<(block + 1) * length]
            }
        }
        return Tensor(joined, shape: Shape(shape))
    }
}

@Suite struct TilingTests {
    static func codes(_ shape: [Int], seed: UInt64) -> Tensor {
        var state = seed
        return Tensor(
            (0..<shape.reduce(1, *)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }, shape: Shape(shape))
    }

    static func number(_ value: Float) -> Tensor { Tensor([value], shape: [1, 1, 1, 1]) }
    static func extents(_ height: Int, _ width: Int) -> Tensor {
        Tensor(zeros: TensorType(.uint8, [1, height, width, 1]))
    }

    /// A tensor with rows and columns of the zero code around it: the border that SAME adds.
    static func bordered(_ tensor: Tensor, _ border: Int, zero: UInt8) -> Tensor {
        let (height, width, depth) = (tensor.shape[1], tensor.shape[2], tensor.shape[3])
        let source = tensor.elements(of: UInt8.self)
        var elements = [UInt8](repeating: zero, count: (height + 2 * border) * (width + 2 * border) * depth)
        for row in 0..<height {
            let from = row * width * depth
            let to = ((row + border) * (width + 2 * border) + border) * depth
            elements.replaceSubrange(to..<to + width * depth, with: source[from..<from + width * depth])
        }
        return Tensor(elements, shape: [1, height + 2 * border, width + 2 * border, depth])
    }

    /// Inputs of a convolution with the range -1...1.55 of its operand: zero code 100.
    static func convolution(_ input: Tensor, filter: [Int]) -> [Tensor] {
        let filters = filter[3] == 1 ? filter[2] : filter[3]
        let bias = (0..<filters).map { Int32($0 * 7919 % 4001 - 2000) * 100_000 }
        return [
            input, codes(filter, seed: 3), number(-1), number(1.55), number(-0.5), number(0.49609375), extents(1, 1),
            Tensor(bias, shape: [1, 1, 1, filters]), number(-8), number(8), number(-3), number(5),
        ]
    }

    static let budgets = [6_000, 20_000, 60_000, 10_000_000]

    @Test(arguments: budgets, [1, 2])
    func tilesOfAConvolutionGiveTheSameBytesAsTheWhole(budget: Int, stride: Int) throws {
        let input = Self.codes([1, 20, 12, 40], seed: 1)
        var inputs = Self.convolution(input, filter: [3, 3, 40, 96])
        inputs[6] = Self.extents(stride, stride)
        try check(
            .supernodeDepth32, inputs, kind: .convolution, window: 3, stride: stride, budget: budget, zero: 100,
            channelInputs: [1: 3, 7: 3], cutsInput: false)
    }

    @Test(arguments: budgets, [1, 2])
    func tilesOfADepthwiseConvolutionGiveTheSameBytesAsTheWhole(budget: Int, stride: Int) throws {
        let input = Self.codes([1, 24, 16, 96], seed: 2)
        var inputs = Self.convolution(input, filter: [3, 3, 96, 1])
        inputs[6] = Self.extents(stride, stride)
        try check(
            .depthwiseSupernodeDepth32, inputs, kind: .depthwise, window: 3, stride: stride, budget: budget, zero: 100,
            channelInputs: [1: 2, 7: 3], cutsInput: true)
    }

    @Test(arguments: budgets, [HexagonOperator.averagePoolDepth32, .maxPoolDepth32])
    func tilesOfAPoolingGiveTheSameBytesAsTheWhole(budget: Int, operation: HexagonOperator) throws {
        let inputs = [
            Self.codes([1, 19, 13, 64], seed: 5), Self.number(0), Self.number(6), Self.extents(3, 3),
            Self.extents(2, 2),
        ]
        try check(
            operation, inputs, kind: .window, window: 3, stride: 2, budget: budget, zero: nil, channelInputs: [:],
            cutsInput: true)
    }

    @Test(arguments: budgets)
    func tilesOfAnAdditionGiveTheSameBytesAsTheWhole(budget: Int) throws {
        let inputs = [
            Self.codes([1, 18, 12, 48], seed: 6), Self.codes([1, 18, 12, 48], seed: 7), Self.number(-1), Self.number(3),
            Self.number(-2), Self.number(2), Self.number(-3), Self.number(5),
        ]
        try check(
            .addDepth32, inputs, kind: .stream, window: 1, stride: 1, budget: budget, zero: nil, channelInputs: [:],
            cutsInput: true, elementwise: [1])
    }

    /// - Parameter zero: the code of zero where the whole is computed with the border that SAME adds; nil without border.
    private func check(
        _ operation: HexagonOperator, _ inputs: [Tensor], kind: MachineWork.Kind, window: Int, stride: Int, budget: Int,
        zero: UInt8?, channelInputs: [Int: Int], cutsInput: Bool, elementwise: [Int] = []
    ) throws {
        // With stride 2 SAME puts one column and row behind only when the extent is odd; the border is then made by hand.
        let same = stride == 1 && zero != nil
        let tiled = zero.map { Self.bordered(inputs[0], 1, zero: $0) } ?? inputs[0]
        var whole = inputs
        if !same { whole[0] = tiled }
        let node = HexagonNode(id: 1, op: operation, padding: same ? .same : kind == .stream ? .none : .valid)
        let expected = try HexagonKernels.evaluate(node, whole, architecture: .v66)[0]
        let shape = expected.shape.dimensions

        let extents = tiled.shape.dimensions
        var work = MachineWork(
            kind, operation, id: 1, input: WorkExtents(1, extents[1], extents[2], extents[3]),
            output: WorkExtents(1, shape[1], shape[2], shape[3]))
        if kind != .stream {
            (work.filterHeight, work.filterWidth) = (window, window)
            (work.strideHeight, work.strideWidth) = (stride, stride)
        }
        work.otherInputBytes = elementwise.isEmpty ? 0 : work.input.bytes
        let plan = TilePlan.best(work, budget: budget, places: TensorPlaces(work))
        if budget == Self.budgets.last {
            #expect(plan.tiles == 1)
        } else if budget == Self.budgets[1] {
            #expect(plan.tiles > 1)
        }
        #expect(plan.fits == (plan.tileBytes <= budget))

        var inside = node
        inside.padding = kind == .stream ? .none : .valid
        var cut = inputs
        cut[0] = tiled
        let run = TiledRun(
            node: inside, inputs: cut, window: (kind == .stream ? 1 : window, kind == .stream ? 1 : stride),
            channelInputs: channelInputs, cutsInput: cutsInput, elementwise: elementwise)
        let result = try run.run(rows: plan.stripRows, depth: plan.chunkDepth, output: shape)
        #expect(result.shape == expected.shape)
        #expect(result.elements(of: UInt8.self) == expected.elements(of: UInt8.self))
    }

    @Test func lessMemoryNeverMeansLessTraffic() {
        let work = MachineCycleTests.convolution(WorkExtents(1, 64, 64, 128), filters: 256, window: 3, stride: 1)
        var last = Int.max
        for budget in [20_000, 50_000, 120_000, 250_000, 900_000, 8_000_000] {
            let plan = TilePlan.best(work, budget: budget, places: TensorPlaces(work))
            guard plan.fits else { continue }
            #expect(plan.traffic <= last)
            last = plan.traffic
        }
        #expect(last == work.input.bytes + work.weightBytes + work.output.bytes)
    }

    @Test func whatFitsNowhereSaysSo() {
        let work = MachineCycleTests.convolution(WorkExtents(1, 4, 4096, 2048), filters: 32, window: 3, stride: 1)
        #expect(!TilePlan.best(work, budget: 100_000, places: TensorPlaces(work)).fits)
    }

    @Test func weightsAreCutBeforeAQuarterOfTheOperandIsReadTwice() {
        // Two rows of halo: strips of fewer than eight rows read more than a quarter twice.
        let work = MachineCycleTests.convolution(WorkExtents(1, 32, 32, 64), filters: 512, window: 3, stride: 1)
        let plan = TilePlan.best(work, budget: 200_000, places: TensorPlaces(work))
        #expect(plan.fits)
        #expect(plan.halo <= 0.25)
        #expect(plan.chunks > 1)
    }

    @Test func tensorsThatFitStayInTheVectorMemory() {
        var first = MachineCycleTests.convolution(WorkExtents(1, 32, 32, 32), filters: 32, window: 3, stride: 1)
        first.reads = [nil]
        var second = first
        second.reads = [0]
        let plan = MachinePlan([first, second], results: [1], inputBytes: 32 * 32 * 32, on: .snapdragon8Gen2)
        #expect(plan.nodes[0].isOutputResident)
        #expect(plan.nodes[0].tiles.bytesOut == 0)
        #expect(plan.nodes[1].tiles.bytesIn == second.weightBytes)
        #expect(plan.nodes[1].tiles.bytesOut == second.output.bytes)
        #expect(plan.boundaryBytes == 2 * 32 * 32 * 32)
    }
}
