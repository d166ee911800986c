import Foundation
import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

/// What NumPy forms from whole Jacobians; see tools/record_output_curvature.py.
private struct Recorded: Decodable {
    var height: Int
    var width: Int
    var channels: [Int]
    var weights: [[Float]]
    var biases: [[Float]]
    var samples: [[Float]]
    var factors: [[Double]]

    static func read() throws -> Recorded {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/output_curvature.json")
        return try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: url))
    }

    func graph() throws -> Graph {
        var graph = Graph(name: "recorded")
        var value = graph.addInput("input", TensorType(.float32, [1, height, width, channels[0]]))
        for (index, activation) in [Activation.relu, .none].enumerated() {
            let shape: Shape = [channels[index + 1], 3, 3, channels[index]]
            let weights = graph.addConstant(Tensor(weights[index], shape: shape), name: "weights")
            let bias = graph.addConstant(Tensor(biases[index], shape: [channels[index + 1]]), name: "bias")
            let op = Conv2D(
                stride: Extent2D(1), dilation: Extent2D(1), padding: .same, activation: activation)
            value = try graph.addNode(
                .conv2D(op), [value, weights, bias], names: ["layer\(index)"], location: "layer\(index)")[0]
        }
        graph.addOutput(value)
        return graph
    }

    var tensors: [[Tensor]] { samples.map { [Tensor($0, shape: [1, height, width, channels[0]])] } }
}

private let run = RunOptions(engine: .fast, threads: 1)

/// |a - b| relative to |b|, over all elements.
private func distance(_ a: [Double], _ b: [Double]) -> Double {
    let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / b.reduce(0) { $0 + $1 * $1 }).squareRoot()
}

/// An attention-like network without kinks: products between computed values, SOFTMAX, TANH, two outputs.
private func smooth() throws -> Graph {
    var numbers = Numbers(state: 3)
    var graph = Graph(name: "smooth")
    let input = graph.addInput("input", TensorType(.float32, [1, 5, 6]))
    func dense(_ value: ValueID, _ inputs: Int, _ outputs: Int, _ name: String) throws -> ValueID {
        let weights = graph.addConstant(numbers.tensor([outputs, inputs]), name: "weights")
        return try graph.addNode(
            .fullyConnected(FullyConnected(keepDimensions: true)), [value, weights, nil], names: [name],
            location: name)[0]
    }
    let left = try dense(input, 6, 4, "left")
    let right = try dense(input, 6, 4, "right")
    let scores = try graph.addNode(
        .batchMatMul(BatchMatMul(adjointLeft: false, adjointRight: true)), [left, right], names: ["scores"],
        location: "scores")[0]
    let shares = try graph.addNode(.softmax(beta: 1), [scores], names: ["shares"], location: "shares")[0]
    let mixed = try graph.addNode(
        .batchMatMul(BatchMatMul(adjointLeft: false, adjointRight: false)), [shares, right], names: ["mixed"],
        location: "mixed")[0]
    let squashed = try graph.addNode(.unary(.tanh), [mixed], names: ["squashed"], location: "squashed")[0]
    graph.addOutput(try dense(squashed, 4, 3, "last"))
    graph.addOutput(shares)
    return graph
}

/// G of the layer with result `name` from its whole Jacobian: every element of its result moved alone, up and down.
private func exact(_ graph: Graph, _ name: String, _ samples: [[Tensor]]) throws -> [Double] {
    let plan = try Plan(graph, options: run)
    let result = try #require(graph.valueIDs.first { graph[$0].name == name })
    let shape = graph.type(of: result).shape
    let channels = shape[-1]
    let step: Float = 1 / 256
    var factor = [Double](repeating: 0, count: channels * channels)
    for sample in samples {
        let wanted = try plan.run(sample).map { $0.elements(of: Float.self).map(Double.init) }
        let units = wanted.map { output in
            let mean = output.reduce(0, +) / Double(output.count)
            return (output.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } * Double(wanted.count)).squareRoot()
        }
        func outputs(_ element: Int, _ step: Float) throws -> [Double] {
            let changed = try plan.run(
                sample,
                replacing: [
                    result: { _, tensor in
                        var tensor = tensor
                        tensor.withMutableElements(of: Float.self) { $0[element] += step }
                        return tensor
                    }
                ])
            return zip(changed, units).flatMap { output, unit in
                output.elements(of: Float.self).map { Double($0) / unit }
            }
        }
        for position in 0..<shape.elementCount / channels {
            let slopes = try (0..<channels).map { channel in
                let element = position * channels + channel
                return try zip(outputs(element, step), outputs(element, -step)).map {
                    ($0 - $1) / Double(2 * step)
                }
            }
            for i in 0..<channels {
                for j in 0..<channels {
                    factor[i * channels + j] +=
                        zip(slopes[i], slopes[j]).reduce(0) { $0 + $1.0 * $1.1 } / Double(samples.count)
                }
            }
        }
    }
    return factor
}

@Suite struct OutputCurvatureTests {
    /// Signs at two positions multiply to a random sign: what a draw adds to the sum over positions has about the size of
    /// the sum over pairs of overlapping positions, here of that of G itself. A thousand draws leave 3 %; three times that
    /// is allowed, and the ridge.
    private static let scatter = 0.1

    private func many(_ scope: CurvatureOptions.Scope = .network) -> CurvatureOptions {
        var options = CurvatureOptions(scope: scope)
        options.draws = 1000
        return options
    }

    @Test func isWhatNumPyFormsFromWholeJacobians() throws {
        let recorded = try Recorded.read()
        let found = try OutputCurvature.estimate(
            graph: recorded.graph(), samples: recorded.tensors, run: run, options: many())
        for (index, wanted) in recorded.factors.enumerated() {
            let factor = try #require(found["layer\(index)"])
            #expect(distance(factor.elements, wanted) < Self.scatter)
        }
        // The factor is far from diagonal, so that the test sees more than one.
        let first = recorded.factors[0]
        let diagonal = first.indices.map { $0 % 5 == 0 ? first[$0] : 0 }
        #expect(distance(diagonal, first) > 3 * Self.scatter)
    }

    @Test(arguments: ["left", "right", "last"])
    func isTheSumOfProductsOfFiniteDifferences(layer: String) throws {
        let graph = try smooth()
        let data = samples(graph, 2)
        let found = try OutputCurvature.estimate(graph: graph, samples: data, run: run, options: many())
        let factor = try #require(found[layer])
        let off = try distance(factor.elements, exact(graph, layer, data))
        #expect(off < Self.scatter)
    }

    @Test func fewDrawsAreSafelyPositiveDefinite() throws {
        let recorded = try Recorded.read()
        for draws in 1...3 {
            var options = CurvatureOptions()
            options.draws = draws
            let found = try OutputCurvature.estimate(
                graph: recorded.graph(), samples: recorded.tensors, run: run, options: options)
            let factor = try #require(found["layer0"])
            #expect(LinearAlgebra.choleskyFactor(factor.addingToDiagonal(-1e-4 * factor.meanOfDiagonal)) != nil)
        }
    }

    @Test func dependsOnTheSeedAlone() throws {
        let recorded = try Recorded.read()
        func factors(_ run: RunOptions, seed: UInt64) throws -> [String: Matrix] {
            var options = CurvatureOptions()
            options.seed = seed
            return try OutputCurvature.estimate(
                graph: recorded.graph(), samples: recorded.tensors, run: run, options: options)
        }
        let first = try factors(run, seed: 5)
        #expect(try factors(RunOptions(engine: .fast, threads: 2), seed: 5) == first)
        #expect(try factors(run, seed: 6) != first)
    }

    /// Half the step: only sums nearer to zero than the larger one tell, one in fifty of these.
    @Test func stepsAreInTheLinearRegime() throws {
        let recorded = try Recorded.read()
        func factor(_ step: Double) throws -> Matrix {
            var options = CurvatureOptions()
            options.step = step
            return try #require(
                OutputCurvature.estimate(
                    graph: recorded.graph(), samples: recorded.tensors, run: run, options: options)["layer0"])
        }
        let (small, large) = try (factor(1.0 / 64), factor(1.0 / 32))
        #expect(small != large)
        #expect(distance(large.elements, small.elements) < 0.02)
    }

    /// With fewer directions than channels the trace is kept in expectation; half the channels leave a scatter of the
    /// diagonal's spread over the square root of their number.
    @Test func fewerDirectionsThanTheBudgetAllowsKeepTheTrace() throws {
        let recorded = try Recorded.read()
        let graph = try recorded.graph()
        var options = many()
        let wanted = recorded.factors[0]
        let trace = (0..<4).reduce(0) { $0 + wanted[$1 * 5] }
        options.leastDirections = 1
        var traces: [Double] = []
        for seed in 1...16 {
            options.seed = UInt64(seed)
            options.draws = 20
            options.budget = 4.3e5
            let factor = try #require(
                OutputCurvature.estimate(
                    graph: graph, samples: recorded.tensors, run: run, options: options)["layer0"])
            #expect(LinearAlgebra.choleskyFactor(factor) != nil)
            traces.append((0..<4).reduce(0) { $0 + factor[$1, $1] })
        }
        #expect(abs(traces.reduce(0, +) / 16 / trace - 1) < 0.3)
        #expect(Set(traces).count == 16)
        options.budget = 1
        #expect(
            try OutputCurvature.estimate(graph: graph, samples: recorded.tensors, run: run, options: options) == [:])
    }

    @Test func outputsSummedToFewerNumbersGiveTheSame() throws {
        let recorded = try Recorded.read()
        var options = many()
        options.sketchSize = 24
        let found = try OutputCurvature.estimate(
            graph: recorded.graph(), samples: recorded.tensors, run: run, options: options)
        #expect(try distance(#require(found["layer0"]).elements, recorded.factors[0]) < 1.5 * Self.scatter)
    }

    /// A layer whose result is the block's output moves it by what it gets itself: a multiple of the identity.
    @Test func blocksEndWhereTheRestReads() throws {
        var graph = try Recorded.read().graph()
        let last = try #require(graph.nodes.last).outputs[0]
        var numbers = Numbers(state: 4)
        var value = last
        for index in 0..<4 {
            let weights = graph.addConstant(numbers.tensor([3, 1, 1, 3]), name: "weights")
            let op = Conv2D(stride: Extent2D(1), dilation: Extent2D(1), padding: .same)
            value = try graph.addNode(.conv2D(op), [value, weights, nil], names: ["more\(index)"], location: "more")[0]
        }
        graph.outputs = [Port(value: value, sourceName: "output")]
        let data = samples(graph, 2)
        let found = try OutputCurvature.estimate(
            graph: graph, samples: data, run: run, options: CurvatureOptions(scope: .block))
        // Four layers are a block: the fourth ends one, the last another.
        for name in ["more1", "more3"] {
            let factor = try #require(found[name])
            for i in 0..<3 {
                for j in 0..<3 {
                    let wanted = i == j ? factor.meanOfDiagonal : 0
                    // The ridge is a thousandth of the mean in other units of the channels.
                    #expect(abs(factor[i, j] - wanted) < 1e-2 * factor.meanOfDiagonal)
                }
            }
        }
        let whole = try OutputCurvature.estimate(graph: graph, samples: data, run: run)
        #expect(whole["more3"] == found["more3"] && whole["layer0"] != found["layer0"])
    }
}
