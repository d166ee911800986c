import DepthCompiler
import Operators
import Testing

/// One operator behind inputs of codes.
private struct Single {
    var graph = Graph(name: "single")
    var inputs: [Tensor] = []

    init(
        _ op: Operator, _ inputs: [Tensor], constants: [Tensor?] = [], to output: QuantizationParameters?
    ) throws {
        self.inputs = inputs
        var operands: [ValueID?] = inputs.enumerated().map { graph.addInput("input \($0)", $1.type) }
        for (index, constant) in constants.enumerated() {
            operands.append(constant.map { graph.addConstant($0, name: "constant \(index)") })
        }
        if case .transposeConv = op { operands = [operands[1], operands[2], operands[0]] }
        for value in try graph.addNode(op, operands, names: ["result"], location: "node", quantization: [output]) {
            graph.addOutput(value)
        }
    }

    func onDSP(_ rounding: AssumedRounding) throws -> Tensor {
        try AssumedKernel(graph.part(graph.order), rounding: rounding).run(inputs, observe: nil)[0]
    }

    func onCPU() throws -> Tensor { try Plan(graph, options: RunOptions(engine: .reference)).run(inputs)[0] }
}

private func scale(_ scale: Float, _ zeroPoint: Int32 = 0) -> QuantizationParameters {
    QuantizationParameters(scale: scale, zeroPoint: zeroPoint)
}

private func codes(_ values: [Int], _ shape: Shape, _ quantization: QuantizationParameters) -> Tensor {
    Tensor(values.map { Int8($0) }, shape: shape, quantization: quantization)
}

private func wide(_ values: [Int], _ shape: Shape, _ quantization: QuantizationParameters) -> Tensor {
    Tensor(values.map { Int16($0) }, shape: shape, quantization: quantization)
}

/// Small numbers that look like random ones.
private func mixed(_ count: Int, _ range: ClosedRange<Int>, seed: UInt64) -> [Int] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return range.lowerBound + Int(state >> 33) % range.count
    }
}

@Suite struct AssumedKernelTests {
    /// Codes of -2.5, -1.5, -0.5, 0.5, 1.5, 2.5 at a scale of 1 and the zero point 3.
    private static func halves(_ rounding: AssumedRounding) -> [Int] {
        let steps =
            switch rounding {
            case .halfUp: [-2, -1, 0, 1, 2, 3]
            case .halfAway: [-3, -2, -1, 1, 2, 3]
            case .halfEven: [-2, -2, 0, 0, 2, 2]
            }
        return steps.map { $0 + 3 }
    }

    private static let odd = [-5, -3, -1, 1, 3, 5].map { $0 + 7 }
    /// Every odd number and the code of 0 behind it.
    private static let pairs = odd.flatMap { [$0, 7] }

    /// Operators that halve 6 odd numbers.
    private static func halving() throws -> [(name: String, single: Single)] {
        let (input, half, output) = (scale(1, 7), scale(0.5), scale(1, 3))
        let one = codes([1], [1, 1, 1, 1], half)
        let row = codes(odd, [1, 1, 6, 1], input)
        let column = codes(odd, [6, 1], input)
        let convolution = Conv2D(padding: .valid)
        let pool = Pool2D(window: Extent2D(height: 1, width: 2), stride: Extent2D(height: 1, width: 2), padding: .valid)
        return [
            ("CONV_2D", try Single(.conv2D(convolution), [row], constants: [one], to: output)),
            (
                "CONV_2D of 16 bits",
                try Single(
                    .conv2D(convolution), [wide(odd.map { $0 - 7 }, [1, 1, 6, 1], scale(1))], constants: [one],
                    to: output)
            ),
            (
                "DEPTHWISE_CONV_2D",
                try Single(.depthwiseConv2D(DepthwiseConv2D(padding: .valid)), [row], constants: [one], to: output)
            ),
            (
                "TRANSPOSE_CONV",
                try Single(
                    .transposeConv(TransposeConv(stride: Extent2D(1), padding: .valid)), [row],
                    constants: [Tensor([1, 1, 6, 1] as [Int32], shape: [4]), one], to: output)
            ),
            (
                "FULLY_CONNECTED",
                try Single(
                    .fullyConnected(FullyConnected(keepDimensions: false)), [column],
                    constants: [codes([1], [1, 1], half)], to: output)
            ),
            (
                "BATCH_MATMUL",
                try Single(.batchMatMul(BatchMatMul()), [column, codes([3], [1, 1], scale(0.5, 2))], to: output)
            ),
            (
                "ADD",
                try Single(
                    .binary(Binary(.add)), [codes(odd, [6], scale(0.5, 7)), codes([-1], [1], scale(3, -1))], to: output)
            ),
            (
                "MUL",
                try Single(.binary(Binary(.mul)), [codes(odd, [6], input), codes([2], [1], scale(0.25))], to: output)
            ),
            ("AVERAGE_POOL_2D", try Single(.averagePool2D(pool), [codes(pairs, [1, 1, 12, 1], input)], to: output)),
            (
                "MEAN",
                try Single(
                    .reduce(Reduction(.mean, keepDimensions: false)), [codes(pairs, [6, 2], input)],
                    constants: [Tensor([1] as [Int32], shape: [1])], to: output)
            ),
            ("QUANTIZE", try Single(.quantize(to: .int8), [codes(odd, [6], scale(0.5, 7))], to: output)),
        ]
    }

    @Test(arguments: AssumedRounding.allCases)
    func tiesGoWhereTheRoundingSays(rounding: AssumedRounding) throws {
        for (name, single) in try Self.halving() {
            #expect(try single.onDSP(rounding).integers() == Self.halves(rounding), "\(name)")
        }
    }

    /// Aligned corners put the second of three columns in the middle between two.
    @Test(arguments: AssumedRounding.allCases)
    func interpolatesExactly(rounding: AssumedRounding) throws {
        let options = ResizeOptions(alignCorners: true, halfPixelCenters: false)
        let single = try Single(
            .resizeBilinear(options), [codes(Self.pairs, [6, 1, 2, 1], scale(1, 7))],
            constants: [Tensor([1, 3] as [Int32], shape: [2])], to: scale(1, 7))
        let result = try #require(try single.onDSP(rounding).integers())
        #expect(stride(from: 1, to: 18, by: 3).map { result[$0] - 4 } == Self.halves(rounding))
        #expect(stride(from: 0, to: 18, by: 3).map { result[$0] } == Self.odd)
    }

    /// 1000 products of 32767 and 127 are more than 32 bits hold: 15874.52 steps of 2^18.
    @Test func sumsMayBeWiderThan32Bits() throws {
        let single = try Single(
            .fullyConnected(FullyConnected(keepDimensions: false)),
            [wide([Int](repeating: 32767, count: 1000), [1, 1000], scale(1))],
            constants: [codes([Int](repeating: 127, count: 1000), [1, 1000], scale(1))], to: scale(262144))
        #expect(try single.onDSP(.halfUp).integers() == [15875])
    }

    @Test func saturatesAndAppliesTheActivation() throws {
        let weights = codes([100], [1, 1, 1, 1], scale(1))
        let input = codes([-128, -1, 0, 1, 127], [1, 1, 5, 1], scale(1))
        func run(_ activation: Activation, _ output: QuantizationParameters) throws -> [Int]? {
            try Single(
                .conv2D(Conv2D(padding: .valid, activation: activation)), [input], constants: [weights], to: output
            ).onDSP(.halfUp).integers()
        }
        #expect(try run(.none, scale(1, 5)) == [-128, -95, 5, 105, 127])
        #expect(try run(.relu, scale(1, 5)) == [5, 5, 5, 105, 127])
        #expect(try run(.relu6, scale(0.5, -100)) == [-100, -100, -100, -88, -88])
    }

    /// One step of the result: LiteRT's fixed-point factors and double roundings against one rounding.
    private static let oneCode = 1

    private static func similar() throws -> [(name: String, single: Single)] {
        let (a, b, output) = (scale(0.037, -5), scale(0.0213, 11), scale(0.071, 4))
        let image = codes(mixed(8 * 9 * 6, -128...127, seed: 1), [1, 8, 9, 6], a)
        let other = codes(mixed(8 * 9 * 6, -128...127, seed: 2), [1, 8, 9, 6], b)
        let image16 = wide(mixed(8 * 9 * 6, -32768...32767, seed: 3), [1, 8, 9, 6], scale(0.00013))
        func weights(_ shape: Shape, axis: Int) -> Tensor {
            let scales = (0..<shape[axis]).map { 0.003 + 0.0007 * Float($0) }
            return Tensor(
                mixed(shape.elementCount, -127...127, seed: 4).map { Int8($0) }, shape: shape,
                quantization: QuantizationParameters(
                    scales: scales, zeroPoints: [Int32](repeating: 0, count: scales.count), axis: axis))
        }
        func bias(_ count: Int) -> Tensor {
            Tensor(mixed(count, -2000...2000, seed: 5).map { Int32($0) }, shape: [count])
        }
        let strided = Conv2D(stride: Extent2D(2), padding: .same, activation: .relu)
        let size = Tensor([1, 16, 18, 4] as [Int32], shape: [4])
        return [
            (
                "CONV_2D",
                try Single(
                    .conv2D(strided), [image], constants: [weights([5, 3, 3, 6], axis: 0), bias(5)], to: output)
            ),
            (
                "grouped CONV_2D",
                try Single(
                    .conv2D(strided), [image], constants: [weights([4, 3, 3, 3], axis: 0), bias(4)], to: output)
            ),
            (
                "CONV_2D of 16 bits",
                try Single(.conv2D(strided), [image16], constants: [weights([5, 3, 3, 6], axis: 0)], to: scale(0.0002))
            ),
            (
                "DEPTHWISE_CONV_2D",
                try Single(
                    .depthwiseConv2D(DepthwiseConv2D(padding: .same, depthMultiplier: 2)), [image],
                    constants: [weights([1, 3, 3, 12], axis: 3), bias(12)], to: output)
            ),
            (
                "TRANSPOSE_CONV",
                try Single(
                    .transposeConv(TransposeConv(stride: Extent2D(2), padding: .same)), [image],
                    constants: [size, weights([4, 3, 3, 6], axis: 0), bias(4)], to: output)
            ),
            (
                "FULLY_CONNECTED",
                try Single(
                    .fullyConnected(FullyConnected(keepDimensions: true, activation: .relu6)), [image],
                    constants: [codes(mixed(24, -127...127, seed: 6), [4, 6], scale(0.004)), bias(4)], to: output)
            ),
            (
                "BATCH_MATMUL",
                try Single(
                    .batchMatMul(BatchMatMul(adjointRight: true)), [image, other], to: output)
            ),
            ("ADD", try Single(.binary(Binary(.add)), [image, other], to: output)),
            ("MUL", try Single(.binary(Binary(.mul)), [image, other], to: output)),
            ("LOGISTIC", try Single(.unary(.logistic), [image], to: scale(1 / 256, -128))),
            ("CONCATENATION", try Single(.concatenation(axis: 3, activation: .none), [image, image], to: a)),
        ]
    }

    @Test(arguments: AssumedRounding.allCases)
    func isCloseToTheCPU(rounding: AssumedRounding) throws {
        for (name, single) in try Self.similar() {
            let (dsp, cpu) = (try #require(try single.onDSP(rounding).integers()), try single.onCPU().integers())
            let differences = zip(dsp, try #require(cpu)).map { abs($0 - $1) }
            #expect(try #require(differences.max()) <= Self.oneCode, "\(name)")
            #expect(Set(dsp).count > 4, "\(name) is not put to the test")
        }
    }

    @Test(arguments: AssumedRounding.allCases)
    func movementKeepsCodes(rounding: AssumedRounding) throws {
        let a = scale(0.037, -5)
        let image = codes(mixed(4 * 6 * 2, -128...127, seed: 1), [1, 4, 6, 2], a)
        let other = codes(mixed(4 * 6 * 2, -128...127, seed: 2), [1, 4, 6, 2], a)
        func integers(_ values: [Int32], _ shape: Shape? = nil) -> Tensor {
            Tensor(values, shape: shape ?? [values.count])
        }
        let pool = Pool2D(window: Extent2D(2), stride: Extent2D(2), padding: .valid)
        let nearest = ResizeOptions(alignCorners: false, halfPixelCenters: false)
        let cases = [
            try Single(.reshape, [image], constants: [integers([8, 6])], to: a),
            try Single(.transpose, [image], constants: [integers([0, 3, 1, 2])], to: a),
            try Single(.concatenation(axis: 1, activation: .none), [image, other], to: a),
            try Single(.pad, [image], constants: [integers([0, 0, 1, 0, 2, 1, 0, 0], [4, 2])], to: a),
            try Single(.slice, [image], constants: [integers([0, 1, 2, 0]), integers([1, 2, 3, 1])], to: a),
            try Single(.maxPool2D(pool), [image], to: a),
            try Single(.binary(Binary(.maximum)), [image, other], to: a),
            try Single(.resizeNearestNeighbor(nearest), [image], constants: [integers([8, 3])], to: a),
            try Single(.spaceToDepth(blockSize: 2), [image], to: a),
        ]
        for single in cases {
            #expect(try single.onDSP(rounding).isIdentical(to: single.onCPU()), "\(single.graph.nodes[0].op.name)")
        }
    }
}
