import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

private func convolution(
    _ graph: inout Graph, _ input: ValueID, _ name: String, outputs: Int, activation: Activation = .none,
    _ numbers: inout Numbers
) throws -> ValueID {
    let channels = graph.type(of: input).shape[3]
    let weights = graph.addConstant(numbers.tensor([outputs, 3, 3, channels], scale: 0.3), name: "\(name)/weights")
    let bias = graph.addConstant(numbers.tensor([outputs], scale: 0.1), name: "\(name)/bias")
    let op = Operator.conv2D(Conv2D(padding: .same, activation: activation))
    return try graph.addNode(op, [input, weights, bias], names: [name], location: name)[0]
}

/// Two convolutions, between them a layer that has no integer kernel and unbalances the channels.
private func unbalanced() throws -> Graph {
    var numbers = Numbers(state: 1)
    var graph = Graph(name: "unbalanced")
    let input = graph.addInput("input", TensorType(.float32, [1, 8, 8, 3]))
    let first = try convolution(&graph, input, "first", outputs: 4, activation: .relu, &numbers)
    let sine = try graph.addNode(.unary(.sin), [first], names: ["sine"], location: "sine")[0]
    let factors = graph.addConstant(Tensor([0.01, 1, 7, 50] as [Float], shape: [4]), name: "factors")
    let scaled = try graph.addNode(.binary(Binary(.mul)), [sine, factors], names: ["scaled"], location: "scaled")[0]
    graph.addOutput(try convolution(&graph, scaled, "second", outputs: 2, &numbers))
    return graph
}

/// A float value of uneven channels joined with one on integers, read by a convolution.
private func unbalancedConcatenation() throws -> Graph {
    var numbers = Numbers(state: 2)
    var graph = Graph(name: "joined")
    let input = graph.addInput("input", TensorType(.float32, [1, 8, 8, 3]))
    let first = try convolution(&graph, input, "first", outputs: 4, activation: .relu, &numbers)
    let sine = try graph.addNode(.unary(.sin), [first], names: ["sine"], location: "sine")[0]
    let factors = graph.addConstant(Tensor([0.01, 1, 7, 50] as [Float], shape: [4]), name: "factors")
    let scaled = try graph.addNode(.binary(Binary(.mul)), [sine, factors], names: ["scaled"], location: "scaled")[0]
    let second = try convolution(&graph, input, "second", outputs: 2, &numbers)
    let joined = try graph.addNode(
        .concatenation(axis: 3, activation: .none), [scaled, second], names: ["joined"], location: "joined")[0]
    graph.addOutput(try convolution(&graph, joined, "third", outputs: 2, &numbers))
    return graph
}

@Suite struct QuantizerTests {
    @Test func balancingKeepsTheFunctionAndLowersTheError() throws {
        let graph = try unbalanced()
        let data = samples(graph, 4)
        let options = QuantizationOptions(range: .minMax)
        let learnt = try statistics(graph, data)
        let (balanced, scaled) = try #require(try Quantizer.balanced(graph, statistics: learnt, options: options))
        let wanted = try outputs(graph, data)
        // Powers of two: the same products, and sums in the same order.
        #expect(try outputs(balanced, data) == wanted)
        let plain = try Quantizer.quantize(graph, statistics: learnt, options: options)
        let better = try Quantizer.quantize(balanced, statistics: scaled, options: options)
        #expect(
            try meanSquare(outputs(better.graph, data), wanted) < meanSquare(outputs(plain.graph, data), wanted))
    }

    /// Against a second calibration, of the balanced graph, at the resolution that channels are kept in.
    @Test(arguments: [false, true])
    func balancedStatisticsAreThoseOfTheBalancedGraph(joined: Bool) throws {
        let graph = try joined ? unbalancedConcatenation() : unbalanced()
        let data = samples(graph, 4)
        let options = QuantizationOptions(range: .meanSquaredError)
        let learnt = try statistics(graph, data, Quantizer.request(graph, options: options))
        let (balanced, scaled) = try #require(try Quantizer.balanced(graph, statistics: learnt, options: options))
        let again = try statistics(balanced, data, Quantizer.request(balanced, options: options))
        let observed = Quantizer.observedValues(balanced, options: options).filter { balanced.constant($0) == nil }
        var changed = 0
        for value in observed {
            let mine = try #require(scaled.ranges[value], "\(balanced[value].name)")
            var theirs = try #require(again.ranges[value])
            theirs.merge(RangeStatistics(binsPerSide: mine.binsPerSide))
            #expect(mine.minimum == theirs.minimum && mine.maximum == theirs.maximum)
            #expect(mine.count == theirs.count && mine.sampleCount == theirs.sampleCount)
            let areSame = mine.exponent == theirs.exponent && mine.bins == theirs.bins
            #expect(areSame, "\(balanced[value].name)")
            if mine != learnt.ranges[value] { changed += 1 }
        }
        #expect(changed > 0)
    }

    @Test func convolutionsComputeOnCodesAndTheRestSaysWhyNot() throws {
        let graph = try unbalanced()
        let result = try Quantizer.quantize(
            graph, statistics: statistics(graph, samples(graph, 2)), options: QuantizationOptions())
        try result.graph.verify()
        #expect(result.report.integerShare == 1)
        let reasons = Dictionary(uniqueKeysWithValues: result.report.entries.map { ($0.location, $0.placement) })
        #expect(reasons["first"] == .integer)
        #expect(reasons["sine"] == .float(.noIntegerKernel))
        #expect(reasons["scaled"] == .float(.floatOperands))
    }

    @Test func valuesThatDecideIndicesStayFloat() throws {
        var numbers = Numbers(state: 4)
        var graph = Graph(name: "choice")
        let input = graph.addInput("input", TensorType(.float32, [1, 4, 4, 2]))
        let costs = try convolution(&graph, input, "costs", outputs: 3, &numbers)
        let magnitude = try graph.addNode(.unary(.abs), [costs], names: ["magnitude"], location: "magnitude")[0]
        let axis = graph.addConstant(Tensor([3] as [Int32], shape: []), name: "axis")
        let choice = try graph.addNode(
            .argument(ArgumentReduction(.min, outputType: .int32)), [magnitude, axis], names: ["choice"],
            location: "choice")[0]
        graph.addOutput(choice)
        let result = try Quantizer.quantize(
            graph, statistics: statistics(graph, samples(graph, 2)), options: QuantizationOptions())
        let placements = Dictionary(uniqueKeysWithValues: result.report.entries.map { ($0.location, $0.placement) })
        #expect(placements["costs"] == .integer)
        #expect(placements["magnitude"] == .float(.decidesIndices))
    }

    @Test func biasCorrectionTakesAShiftBack() throws {
        var numbers = Numbers(state: 6)
        var graph = Graph(name: "shifted")
        let input = graph.addInput("input", TensorType(.float32, [1, 8, 8, 3]))
        graph.addOutput(try convolution(&graph, input, "layer", outputs: 4, &numbers))
        let data = samples(graph, 3)
        let result = try Quantizer.quantize(
            graph, statistics: statistics(graph, data), options: QuantizationOptions(range: .minMax))
        var broken = result.graph
        let node = try #require(broken.nodes.first { if case .conv2D = $0.op { true } else { false } })
        let biasID = try #require(node.inputs[2])
        let bias = try #require(broken.constant(biasID))
        let step = try #require(broken.type(of: node.outputs[0]).quantization).scale
        let scales = try #require(bias.type.quantization).scales
        let codes = zip(bias.elements(of: Int32.self), scales).map { $0 + Int32(2 * step / $1) }
        broken.setConstant(biasID, Tensor(codes, shape: bias.shape, quantization: bias.type.quantization))
        let run = RunOptions(engine: .reference)
        var means = ChannelMeans()
        let plan = try Plan(graph, options: run)
        for sample in data { try means.collect(plan, sample: sample) }
        let wanted = try outputs(graph, data)
        let before = try meanSquare(outputs(broken, data), wanted)
        #expect(try BiasCorrection.correct(&broken, towards: means, samples: data, options: run) == 1)
        #expect(try meanSquare(outputs(broken, data), wanted) < before / 4)
    }

    @Test func noSampleIsAnError() throws {
        let graph = try unbalanced()
        #expect(throws: Diagnostic.self) {
            try Quantizer.quantize(graph, statistics: CalibrationStatistics(), options: QuantizationOptions())
        }
    }
}
