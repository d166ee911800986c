import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

private let run = RunOptions(engine: .reference)

/// A convolution whose result channels are multiplied by `gains` and whose operand channels were multiplied by `undone`.
private func convolution(
    _ graph: inout Graph, _ input: ValueID, _ name: String, outputs: Int, activation: Activation, scale: Float = 0.3,
    gains: [Float]? = nil, undone: [Float]? = nil, _ numbers: inout Numbers
) throws -> ValueID {
    let channels = graph.type(of: input).shape[3]
    var weights = numbers.tensor([outputs, 3, 3, channels], scale: scale)
    var bias = numbers.tensor([outputs], scale: 0.1)
    weights.withMutableElements(of: Float.self) { elements in
        for i in elements.indices {
            elements[i] *= (gains?[i / (9 * channels)] ?? 1) / (undone?[i % channels] ?? 1)
        }
    }
    bias.withMutableElements(of: Float.self) { elements in
        for i in elements.indices { elements[i] *= gains?[i] ?? 1 }
    }
    return try graph.addNode(
        .conv2D(Conv2D(padding: .same, activation: activation)),
        [input, graph.addConstant(weights, name: "\(name)/weights"), graph.addConstant(bias, name: "\(name)/bias")],
        names: [name], location: name)[0]
}

/// A small U-Net: pooling, resizing and a concatenation lie between the layers. With gains, the same function with
/// channels of very different size.
private func unet(balanced: Bool) throws -> Graph {
    var numbers = Numbers(state: 3)
    var graph = Graph(name: "unet")
    let first: [Float]? = balanced ? nil : [1, 0.02, 6, 0.3]
    let second: [Float]? = balanced ? nil : [0.05, 4, 1, 0.2, 9, 0.6]
    let input = graph.addInput("input", TensorType(.float32, [1, 8, 8, 3]))
    let skip = try convolution(&graph, input, "skip", outputs: 4, activation: .relu, gains: first, &numbers)
    let pool = Pool2D(window: Extent2D(2), stride: Extent2D(2), padding: .valid)
    let pooled = try graph.addNode(.maxPool2D(pool), [skip], names: ["pooled"], location: "pooled")[0]
    let deep = try convolution(
        &graph, pooled, "deep", outputs: 6, activation: .relu, gains: second, undone: first, &numbers)
    let size = graph.addConstant(Tensor([8, 8] as [Int32], shape: [2]), name: "size")
    let resized = try graph.addNode(
        .resizeBilinear(ResizeOptions(alignCorners: false, halfPixelCenters: true)), [deep, size], names: ["resized"],
        location: "resized")[0]
    let joined = try graph.addNode(
        .concatenation(axis: 3, activation: .none), [resized, skip], names: ["joined"], location: "joined")[0]
    let undone = second.flatMap { second in first.map { second + $0 } }
    graph.addOutput(
        try convolution(&graph, joined, "output", outputs: 1, activation: .none, undone: undone, &numbers))
    return graph
}

/// Three layers with ReLU6, whose clipped channels are wide and whose others are narrow.
private func clipped() throws -> Graph {
    var numbers = Numbers(state: 8)
    var graph = Graph(name: "clipped")
    let input = graph.addInput("input", TensorType(.float32, [1, 8, 8, 3]))
    let wide = try convolution(
        &graph, input, "wide", outputs: 6, activation: .relu6, scale: 1, gains: [8, 0.2, 0.1, 0.3, 0.2, 6], &numbers)
    let middle = try convolution(&graph, wide, "middle", outputs: 3, activation: .relu, &numbers)
    graph.addOutput(try convolution(&graph, middle, "output", outputs: 1, activation: .none, &numbers))
    return graph
}

/// Mean squared error of the quantised graph against the float one.
private func quantizationError(_ graph: Graph, _ data: [[Tensor]], floats: Set<String> = []) throws -> Double {
    var options = QuantizationOptions(range: .minMax)
    options.floatNodes = floats
    let result = try Quantizer.quantize(graph, statistics: statistics(graph, data), options: options)
    return try meanSquare(outputs(result.graph, data), outputs(graph, data))
}

@Suite struct CrossLayerEqualizationTests {
    /// The optimum is known: the network without the gains, which is the same function.
    @Test func findsTheBalancedNetworkThroughPoolingResizingAndConcatenation() throws {
        let (plain, balanced) = try (unet(balanced: false), unet(balanced: true))
        let data = samples(plain, 6, seed: 21)
        let equalized = try #require(
            try Quantizer.equalized(plain, statistics: statistics(plain, data), options: QuantizationOptions()))
        // The factors round once: binary32 sums of some 90 products.
        let (wanted, found) = try (outputs(plain, data), outputs(equalized, data))
        #expect(zip(wanted, found).allSatisfy { abs($0 - $1) < 1e-4 })
        let errors = try (
            plain: quantizationError(plain, data), equalized: quantizationError(equalized, data),
            optimum: quantizationError(balanced, data)
        )
        #expect(errors.equalized < errors.plain / 4)
        #expect(errors.equalized < errors.optimum * 1.5)
    }

    @Test func scalesChannelsUpToTheBoundOfReLU6AndKeepsTheFunction() throws {
        let graph = try clipped()
        let data = samples(graph, 4, seed: 21)
        let learnt = try statistics(graph, data)
        let equalized = try #require(
            try Quantizer.equalized(graph, statistics: learnt, options: QuantizationOptions()))
        let (wanted, found) = try (outputs(graph, data), outputs(equalized, data))
        #expect(zip(wanted, found).allSatisfy { abs($0 - $1) < 1e-3 })
        let wide = try #require(graph.nodes.first { $0.location == "wide" }).outputs[0]
        let before = try #require(learnt.channels[wide]).magnitudes
        let after = try #require(try statistics(equalized, data).channels[wide]).magnitudes
        #expect(before[0] == 6 && after[0] == 6)
        #expect(zip(before, after).allSatisfy { $0 <= $1 * 1.0001 })
        #expect(try quantizationError(equalized, data) < quantizationError(graph, data))
    }
}

@Suite struct ChannelSplittingTests {
    @Test(arguments: [2, 3, 4]) func keepsTheFunctionAndMakesTheStepFiner(parts: Int) throws {
        let graph = try clipped()
        let data = samples(graph, 4, seed: 21)
        let learnt = try statistics(graph, data)
        let split = try Quantizer.split(graph, splits: ["wide": parts], statistics: learnt)
        try split.verify()
        let wide = try #require(split.nodes.first { $0.location == "wide" }).outputs[0]
        // Two of six channels reach the bound and become several.
        #expect(split.type(of: wide).shape[3] == 6 + 2 * (parts - 1))
        let (wanted, found) = try (outputs(graph, data), outputs(split, data))
        #expect(zip(wanted, found).allSatisfy { abs($0 - $1) < 1e-3 })
        #expect(try statistics(split, data).channels[wide]?.magnitudes.max() == 6)
    }

    @Test(arguments: [2, 4]) func lowersTheErrorOfTheValueByTheSquareOfTheParts(parts: Int) throws {
        let graph = try clipped()
        let data = samples(graph, 4, seed: 21)
        let split = try Quantizer.split(graph, splits: ["wide": parts], statistics: statistics(graph, data))
        let ratio = try noise(of: "wide", in: graph, data) / noise(of: "wide", in: split, data)
        // Rounding errors of few thousand elements scatter; a part more or less would change the ratio by more than half.
        #expect(ratio > 0.6 * Double(parts * parts) && ratio < 1.7 * Double(parts * parts))
    }

    /// What rounding the value alone does to the output.
    private func noise(of value: String, in graph: Graph, _ data: [[Tensor]]) throws -> Double {
        let quantized = try Quantizer.quantize(
            graph, statistics: statistics(graph, data), options: QuantizationOptions(range: .minMax)
        ).graph
        let sources = try Quantizer.noise(
            of: quantized, reference: graph, plan: Plan(graph, options: run), samples: data, progress: { _, _ in })
        return try #require(sources.first { $0.kind == .activation && graph[$0.value].name == value }).relativeError
    }

    @Test func leavesValuesThatOtherOperatorsRead() throws {
        var graph = try clipped()
        let wide = try #require(graph.nodes.first { $0.location == "wide" }).outputs[0]
        graph.addOutput(wide, sourceName: "second output")
        let data = samples(graph, 1, seed: 21)
        let split = try Quantizer.split(graph, splits: ["wide": 2], statistics: statistics(graph, data))
        #expect(split.type(of: wide).shape[3] == 6)
    }
}

@Suite struct NoiseSensitivityTests {
    /// Each source against a float graph with QUANTIZE and DEQUANTIZE put in by hand.
    @Test func measuresEveryRoundingByItself() throws {
        let graph = try clipped()
        let data = samples(graph, 2, seed: 21)
        let result = try Quantizer.quantize(
            graph, statistics: statistics(graph, data), options: QuantizationOptions(range: .minMax))
        let plan = try Plan(graph, options: run)
        let noise = try Quantizer.noise(
            of: result.graph, reference: graph, plan: plan, samples: data, progress: { _, _ in })
        let wanted = try data.map { try plan.run($0) }
        for name in ["wide", "middle", "output"] {
            var rounded = graph
            let node = try #require(graph.nodes.first { $0.location == name })
            let parameters = try #require(result.report.parameters[name])
            var patch = GraphPatch("round", on: rounded)
            let codes = try patch.addNode(
                .quantize(to: .int8), [node.outputs[0]], in: rounded, names: ["codes"], location: "codes",
                quantization: [parameters])
            let reals = try patch.addNode(.dequantize, codes, in: rounded, names: ["reals"], location: "reals")
            for user in rounded.users(of: node.outputs[0]) { patch.setOperand(0, of: user, to: reals[0]) }
            try rounded.apply(patch)
            if rounded.isOutput(node.outputs[0]) {
                rounded.outputs = [Port(value: reals[0], sourceName: "output")]
            }
            let other = try Plan(rounded, options: run)
            var error = OutputError()
            for (sample, target) in zip(data, wanted) { error.add(try other.run(sample), wanted: target) }
            let found = try #require(
                noise.first { $0.kind == .activation && graph[$0.value].name == name }
            ).relativeError
            // The same codes; only the multiplication by the scale may round elsewhere.
            #expect(abs(found - error.relative) <= 1e-3 * error.relative)
        }
        #expect(noise.contains { $0.kind == .weights && graph[$0.value].name == "middle" && $0.relativeError > 0 })
    }

    @Test(arguments: [0.0, 0.07, 0.5]) func spendsNoMoreThanTheBudget(budget: Double) throws {
        let graph = try clipped()
        let data = samples(graph, 2, seed: 21)
        let learnt = try statistics(graph, data)
        let options = QuantizationOptions(range: .minMax)
        let result = try Quantizer.quantize(graph, statistics: learnt, options: options)
        let noise = try Quantizer.noise(
            of: result.graph, reference: graph, plan: Plan(graph, options: run), samples: data,
            progress: { _, _ in })
        let choice = Quantizer.mixedPrecision(
            graph, noise: noise, base: graph, statistics: learnt, budget: budget, options: options)
        #expect(choice.expectedTime <= 1 + budget)
        #expect(choice.expectedError <= 1)
        if !choice.floatNodes.isEmpty || !choice.splits.isEmpty { #expect(choice.expectedError < 1) }
        let products = graph.nodes.filter { choice.floatNodes.contains($0.location) }
        let share =
            Double(products.reduce(0) { $0 + cost($1, graph) }) / Double(graph.nodes.reduce(0) { $0 + cost($1, graph) })
        #expect(share <= 0.07)
    }

    private func cost(_ node: Node, _ graph: Graph) -> Int {
        Cost.multiplyAccumulates(of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
    }
}

@Suite struct SaturatingFunctionTests {
    /// What ELU flattens costs nothing to clip: the range of its operand ends soon below zero.
    @Test func rangesLookAtTheResultsOfTheFunctionBehind() throws {
        var numbers = Numbers(state: 5)
        let values = numbers.tensor([1, 40, 40, 4], scale: 10)
        var learnt = RangeStatistics()
        learnt.add(values)
        func error(_ range: ClosedRange<Float>) -> Double {
            let step = Double(range.upperBound - range.lowerBound) / 255
            func elu(_ x: Double) -> Double { x > 0 ? x : expm1(x) }
            return values.elements(of: Float.self).reduce(0) { sum, x in
                let clamped = min(max(Double(x), Double(range.lowerBound)), Double(range.upperBound))
                let difference = elu((clamped / step).rounded() * step) - elu(Double(x))
                return sum + difference * difference
            }
        }
        let plain = learnt.range(by: .meanSquaredError, levels: 256)
        let looking = learnt.range(by: .meanSquaredError, levels: 256) { $0 > 0 ? $0 : expm1($0) }
        #expect(looking.lowerBound > plain.lowerBound)
        #expect(error(looking) < error(plain) * 0.8)
    }
}
