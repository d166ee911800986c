import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

/// A layer whose patches are gathered in a way of its own.
private enum Layer: String, CaseIterable, CustomTestStringConvertible {
    case convolution, strided, dilated, grouped, depthwise, multiplied, transposed, fullyConnected, withoutBias

    var testDescription: String { rawValue }

    /// Adds the layer behind `input` `[1, 12, 10, 4]`, named `layer`.
    func add(to graph: inout Graph, _ input: ValueID, _ random: inout Numbers) throws -> ValueID {
        func constant(_ shape: Shape, _ name: String) -> ValueID {
            graph.addConstant(random.tensor(shape), name: name)
        }
        func node(_ op: Operator, _ inputs: [ValueID?]) throws -> ValueID {
            try graph.addNode(op, inputs, names: ["layer"], location: "layer")[0]
        }
        func convolution(_ op: Conv2D, _ weights: Shape, bias: Bool = true) throws -> ValueID {
            let weights = constant(weights, "weights")
            return try node(.conv2D(op), [input, weights] + (bias ? [constant([6], "bias")] : []))
        }
        switch self {
        case .convolution: return try convolution(Conv2D(padding: .same, activation: .relu), [6, 3, 3, 4])
        case .withoutBias: return try convolution(Conv2D(padding: .valid), [6, 3, 2, 4], bias: false)
        case .strided: return try convolution(Conv2D(stride: Extent2D(2), padding: .same), [6, 3, 3, 4])
        case .dilated:
            return try convolution(
                Conv2D(dilation: Extent2D(height: 2, width: 3), padding: .same), [6, 3, 3, 4])
        case .grouped: return try convolution(Conv2D(padding: .same), [6, 3, 3, 2])
        case .depthwise:
            let op = DepthwiseConv2D(stride: Extent2D(1), padding: .same, depthMultiplier: 1)
            return try node(
                .depthwiseConv2D(op), [input, constant([1, 3, 3, 4], "weights"), constant([4], "bias")])
        case .multiplied:
            let op = DepthwiseConv2D(stride: Extent2D(2), padding: .valid, depthMultiplier: 2)
            return try node(
                .depthwiseConv2D(op), [input, constant([1, 3, 3, 8], "weights"), constant([8], "bias")])
        case .transposed:
            let shape = graph.addConstant(Tensor([1, 24, 20, 6] as [Int32], shape: [4]), name: "shape")
            let op = TransposeConv(stride: Extent2D(2), padding: .same)
            return try node(
                .transposeConv(op), [shape, constant([6, 3, 3, 4], "weights"), input, constant([6], "bias")])
        case .fullyConnected:
            return try node(
                .fullyConnected(FullyConnected(keepDimensions: true)),
                [input, constant([6, 4], "weights"), constant([6], "bias")])
        }
    }
}

/// Deterministic numbers in [-1, 1).
private struct Numbers {
    var state: UInt64
    mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 23) - 1
    }
    mutating func tensor(_ shape: Shape) -> Tensor {
        Tensor((0..<shape.elementCount).map { _ in next() }, shape: shape)
    }
    /// Neighbouring elements alike, as in pictures.
    mutating func smooth(_ shape: Shape) -> Tensor {
        var last: Float = 0
        return Tensor(
            (0..<shape.elementCount).map { _ in
                last = 0.8 * last + 0.4 * next()
                return last
            }, shape: shape)
    }
}

private struct Problem {
    var reference: Graph
    var quantised: Graph
    var samples: [(float: [Tensor], quantised: [Tensor])]

    init(_ layer: Layer, samples count: Int = 4, type: ElementType = .int8) throws {
        var random = Numbers(state: 3)
        reference = Graph(name: "one layer")
        let input = reference.addInput("input", TensorType(.float32, [1, 12, 10, 4]))
        reference.addOutput(try layer.add(to: &reference, input, &random))
        samples = (0..<count).map { _ in
            let sample = [random.smooth([1, 12, 10, 4])]
            return (sample, sample)
        }
        var statistics = CalibrationStatistics()
        let plan = try Plan(reference, options: RunOptions(engine: .reference))
        for sample in samples { try statistics.collect(plan, sample: sample.float) }
        quantised = try Quantizer.quantize(
            reference, statistics: statistics, options: QuantizationOptions(activationType: type, range: .minMax)
        ).graph
    }

    func fit(_ graph: inout Graph, _ options: FittingOptions = FittingOptions()) throws -> [LayerFit] {
        try LayerFitting.fit(
            &graph, reference: reference, samples: samples, options: options, run: RunOptions(engine: .reference))
    }

    func error(_ graph: Graph) throws -> Double {
        let plans = try (Plan(reference), Plan(graph))
        var sum = 0.0
        for sample in samples {
            let pair = try (plans.0.run(sample.float)[0].doubles(), plans.1.run(sample.quantised)[0].doubles())
            for (a, b) in zip(pair.0, pair.1) { sum += (a - b) * (a - b) }
        }
        return sum
    }
}

@Suite struct LayerFittingTests {
    /// Rounding to 8 bits on both sides costs about 2e-5 of the variance; patches gathered wrongly cost all of it.
    private static let roundingShare = 5e-4

    @Test(arguments: Layer.allCases)
    private func patchesAreWhatTheKernelsSee(layer: Layer) throws {
        let problem = try Problem(layer)
        var graph = problem.quantised
        let fit = try #require(try problem.fit(&graph).first)
        #expect(fit.before < Self.roundingShare)
        #expect(fit.location == "layer")
        try graph.verify()
    }

    @Test(arguments: Layer.allCases, [ElementType.int8, .int16])
    private func coarseWeightsComeCloser(layer: Layer, type: ElementType) throws {
        let problem = try Problem(layer, type: type)
        var broken = problem.quantised
        let node = try #require(broken.nodes.first { $0.location == "layer" })
        let place = try #require(
            node.inputs.first { $0.map { broken.constant($0)?.elementType == .int8 } ?? false } ?? nil)
        let weights = try #require(broken.constant(place))
        broken.setConstant(
            place,
            Tensor(
                weights.elements(of: Int8.self).map { $0 / 16 * 16 }, shape: weights.shape,
                quantization: weights.type.quantization))
        let before = try problem.error(broken)
        let fits = try problem.fit(&broken)
        #expect(fits.count == 1 && fits[0].isKept && fits[0].after < fits[0].before / 4)
        #expect(try problem.error(broken) < before / 4)
    }

    @Test func nothingIsKeptThatIsNoBetter() throws {
        let problem = try Problem(.convolution)
        var graph = problem.quantised
        // A reference of other weights for the rows that are fitted than for those held out cannot be had; layers that
        // are already exact stay as they are.
        var options = FittingOptions(rounding: .nearest, compensation: false)
        options.largestWidth = 8
        #expect(try problem.fit(&graph, options).isEmpty)
        #expect(try problem.error(graph) == problem.error(problem.quantised))
    }

    /// A name that no layer's result has leaves every layer as it is; the layer's own name fits it.
    @Test func fitsOnlyTheNamedLayers() throws {
        let problem = try Problem(.convolution, samples: 2)
        let name = try #require(
            problem.quantised.nodes.first { if case .conv2D = $0.op { true } else { false } }.map {
                problem.quantised[$0.outputs[0]].name
            })
        for (only, count) in [(["another"], 0), ([name], 1)] {
            var graph = problem.quantised
            let fits = try LayerFitting.fit(
                &graph, reference: problem.reference, samples: problem.samples, options: FittingOptions(),
                run: RunOptions(engine: .reference), only: Set(only))
            #expect(fits.count == count)
        }
    }

    @Test(arguments: WeightRounding.allCases, [false, true])
    private func theSameInputGivesTheSameBytes(rounding: WeightRounding, compensation: Bool) throws {
        let problem = try Problem(.convolution, samples: 2)
        var graphs = [problem.quantised, problem.quantised]
        for index in graphs.indices {
            let fits = try LayerFitting.fit(
                &graphs[index], reference: problem.reference, samples: problem.samples,
                options: FittingOptions(rounding: rounding, compensation: compensation),
                run: RunOptions(engine: .fast, threads: index + 1))
            #expect(fits.count == 1)
        }
        let constants = graphs.map { graph in graph.valueIDs.compactMap { graph.constant($0) } }
        #expect(zip(constants[0], constants[1]).allSatisfy { $0.isIdentical(to: $1) })
    }
}
