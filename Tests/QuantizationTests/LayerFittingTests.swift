import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

/// A layer whose patches are gathered in a way of its own.
enum FittedKind: String, CaseIterable, CustomTestStringConvertible {
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

extension Numbers {
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

struct FittingProblem {
    var reference: Graph
    var quantised: Graph
    var samples: [(float: [Tensor], quantised: [Tensor])]

    /// - Parameters:
    ///   - change: what happens to every sample's elements, `[1, 12, 10, 4]`.
    ///   - weight: what weight number i of every output is multiplied with.
    init(
        _ layer: FittedKind, samples count: Int = 4, type: ElementType = .int8, weight: ((Int) -> Float)? = nil,
        change: (inout [Float]) -> Void = { _ in }
    ) throws {
        var random = Numbers(state: 3)
        reference = Graph(name: "one layer")
        let input = reference.addInput("input", TensorType(.float32, [1, 12, 10, 4]))
        reference.addOutput(try layer.add(to: &reference, input, &random))
        if let weight, let place = reference.valueIDs.first(where: { [reference] in reference[$0].name == "weights" }),
            let tensor = reference.constant(place)
        {
            let width = tensor.count / tensor.shape[0]
            let values = tensor.elements(of: Float.self).enumerated().map { $1 * weight($0 % width) }
            reference.setConstant(place, Tensor(values, shape: tensor.shape))
        }
        samples = (0..<count).map { _ in
            var values = random.smooth([1, 12, 10, 4]).elements(of: Float.self)
            change(&values)
            let sample = [Tensor(values, shape: [1, 12, 10, 4])]
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

    /// Sum of eᵀ G e over positions and samples; without G of |e|².
    func error(_ graph: Graph, curvature: Matrix? = nil) throws -> Double {
        let options = RunOptions(engine: .reference)
        let plans = try (Plan(reference, options: options), Plan(graph, options: options))
        var sum = 0.0
        for sample in samples {
            let pair = try (plans.0.run(sample.float)[0].doubles(), plans.1.run(sample.quantised)[0].doubles())
            let errors = zip(pair.0, pair.1).map { $0 - $1 }
            let outputs = curvature?.rows ?? 1
            for (i, error) in errors.enumerated() {
                let first = i / outputs * outputs
                for j in 0..<outputs { sum += error * (curvature?[i % outputs, j] ?? 1) * errors[first + j] }
            }
        }
        return sum
    }

    /// The quantised graph with int4 weights, rounded to the nearest multiple of a seventh of each channel's largest.
    func fourBit() throws -> Graph {
        var graph = quantised
        let node = try #require(graph.nodes.first { $0.location == "layer" })
        for place in node.inputs.compactMap({ $0 }) {
            guard let tensor = graph.constant(place), let old = tensor.type.quantization else { continue }
            let ratio = 127.0 / 7
            let parameters = QuantizationParameters(
                scales: old.scales.map { $0 * Float(ratio) }, zeroPoints: old.zeroPoints, axis: old.axis ?? 0)
            let codes = tensor.doubles().map { ($0 / ratio).rounded() }
            switch tensor.elementType {
            case .int8:
                graph.setConstant(
                    place, Tensor(codes.map { Int8($0) }, shape: tensor.shape, as: .int4, quantization: parameters))
            case .int32:
                graph.setConstant(
                    place, Tensor(codes.map { Int32($0) }, shape: tensor.shape, quantization: parameters))
            default: break
            }
        }
        return graph
    }
}

@Suite struct LayerFittingTests {
    /// Sums of up to 36 products of numbers up to 1 in binary32, in different orders.
    private static let float32Sum = 36 * 36 * Double(Float.ulpOfOne)

    @Test(arguments: FittedKind.allCases)
    private func patchesTimesWeightsAreTheLayer(layer: FittedKind) throws {
        let problem = try FittingProblem(layer)
        let graph = problem.reference
        let node = try #require(graph.nodes.first { $0.location == "layer" })
        let geometry = try #require(LayerGeometry(node, in: graph))
        let constants = node.inputs.compactMap { graph.constant($0) }.filter { $0.elementType == .float32 }
        let input = problem.samples[0].float[0]
        let patches = try #require(geometry.patches(input, at: Array(0..<geometry.positions)))
        let wanted = try Plan(graph, options: RunOptions(engine: .reference)).run([input])[0].doubles()
        let bias = constants.count > 1 ? constants[1].elements(of: Float.self) : [Float](repeating: 0, count: 6)
        let results = geometry.results(
            patches, weights: geometry.rows(constants[0].elements(of: Float.self)), bias: bias)
        #expect(results.count == wanted.count)
        for (result, value) in zip(results, wanted) {
            #expect(abs(Double(layer == .convolution ? max(result, 0) : result) - value) < Self.float32Sum)
        }
    }

    @Test func exactLayersAndWideLayersStayAsTheyAre() throws {
        // Codes are the numbers themselves: inputs from -128 to 127, weights from -127 to 127.
        var random = Numbers(state: 8)
        func integers(_ shape: Shape, _ lowest: Float) -> Tensor {
            var values = random.tensor(shape).elements(of: Float.self).map { ($0 * 127).rounded() }
            (values[0], values[1]) = (lowest, 127)
            return Tensor(values, shape: shape)
        }
        var graph = Graph(name: "exact")
        let input = graph.addInput("input", TensorType(.float32, [40, 8]))
        let weights = graph.addConstant(integers([1, 8], -127), name: "weights")
        let bias = graph.addConstant(Tensor([3] as [Float], shape: [1]), name: "bias")
        let op = Operator.fullyConnected(FullyConnected(keepDimensions: true))
        graph.addOutput(try graph.addNode(op, [input, weights, bias], names: ["layer"], location: "layer")[0])
        let samples = (0..<4).map { _ in
            let sample = [integers([40, 8], -128)]
            return (float: sample, quantised: sample)
        }
        var statistics = CalibrationStatistics()
        let plan = try Plan(graph, options: RunOptions(engine: .reference))
        for sample in samples { try statistics.collect(plan, sample: sample.float) }
        let quantised = try Quantizer.quantize(
            graph, statistics: statistics, options: QuantizationOptions(range: .minMax)
        ).graph
        var options = FittingOptions()
        for width in [8, 7] {
            options.largestWidth = width
            var fitted = quantised
            let fits = try LayerFitting.fit(
                &fitted, reference: graph, samples: samples, options: options, run: RunOptions(engine: .reference))
            #expect(fits.count == (width == 8 ? 1 : 0))
            #expect(fits.allSatisfy { !$0.isKept && $0.before == 0 })
            let constants = [quantised, fitted].map { graph in
                graph.nodes.flatMap { $0.inputs.map { graph.constant($0) } }
            }
            for (old, new) in zip(constants[0], constants[1]) {
                #expect(old.map { old in new.map { old.isIdentical(to: $0) } ?? false } ?? (new == nil))
            }
        }
    }

    @Test(arguments: FittedKind.allCases, [ElementType.int8, .int16])
    private func coarseWeightsComeCloser(layer: FittedKind, type: ElementType) throws {
        let problem = try FittingProblem(layer, type: type)
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

    /// A name that no layer's result has leaves every layer as it is; the layer's own name fits it.
    @Test func fitsOnlyTheNamedLayers() throws {
        let problem = try FittingProblem(.convolution, samples: 2)
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
        let problem = try FittingProblem(.convolution, samples: 2)
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
