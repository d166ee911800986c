import GraphIR
import Operators
import Passes
import TensorCore
import Testing

@Suite struct LayoutTests {
    static let pipeline = Pipeline.canonical(CanonicalOptions(keepLayout: false, arithmetic: .exact))

    @Test func bridgesAroundConvolutionsVanish() throws {
        var numbers = Numbers(seed: 3)
        var graph = Graph(name: "chain")
        let input = graph.addInput("input", TensorType(.float32, [1, 3, 8, 6]))
        var x = try graph.wrappedConvolution(input, channels: 4, &numbers)
        x = try graph.node(.unary(.relu), x)
        let skip = x
        x = try graph.wrappedConvolution(x, channels: 4, &numbers)
        x = try graph.node(.binary(Binary(.mul)), x, graph.constant(numbers.tensor([4, 1, 1])))
        x = try graph.node(.concatenation(axis: 1, activation: .none), x, skip)
        x = try graph.node(
            .pad, x,
            graph.addConstant(Tensor([Int32](arrayLiteral: 0, 0, 1, 2, 0, 0, 3, 0), shape: [4, 2]), name: "paddings"))
        x = try graph.wrappedConvolution(x, channels: 2, &numbers)
        graph.addOutput(x)
        let before = graph
        try LayoutTests.pipeline.run(on: &graph, verifyEveryPatch: true)
        #expect(graph.count("TRANSPOSE") == 0, "\(before)\n\(graph)")
        #expect(graph.inputs[0].sourcePermutation == [0, 2, 3, 1])
        #expect(graph.outputs[0].sourcePermutation == [0, 2, 3, 1])
        try expectSameResults(before, graph, .exact)
    }

    @Test func keptLayoutLeavesOneTransposeAtEachBorder() throws {
        var numbers = Numbers(seed: 3)
        var graph = Graph(name: "kept")
        let input = graph.addInput("input", TensorType(.float32, [1, 3, 8, 6]))
        var x = try graph.wrappedConvolution(input, channels: 4, &numbers)
        x = try graph.node(.unary(.tanh), x)
        x = try graph.wrappedConvolution(x, channels: 4, &numbers)
        graph.addOutput(x)
        let before = graph
        try Pipeline.canonical(CanonicalOptions(keepLayout: true, arithmetic: .exact)).run(on: &graph)
        #expect(graph.operatorNames == ["TRANSPOSE", "CONV_2D", "TANH", "CONV_2D", "TRANSPOSE"], "\(graph)")
        #expect(graph.inputs[0].sourcePermutation == nil && graph.outputs[0].sourcePermutation == nil)
        try expectSameResults(before, graph, .exact)
    }

    /// Tokens of a vision transformer: NCHW features flattened to [1, D, h*w] and turned to [1, h*w, D], and back.
    @Test func tokensNeedNoTranspose() throws {
        var numbers = Numbers(seed: 4)
        var graph = Graph(name: "tokens")
        let input = graph.addInput("input", TensorType(.float32, [1, 3, 8, 12]))
        var x = try graph.wrappedConvolution(input, channels: 16, window: 2, stride: 2, &numbers)
        x = try graph.reshaped(x, [1, 16, 24])
        x = try graph.transposed(x, [0, 2, 1])
        x = try graph.node(.binary(Binary(.add)), x, graph.constant(numbers.tensor([1, 24, 16])))
        x = try graph.node(
            .fullyConnected(FullyConnected(keepDimensions: true)), x, graph.constant(numbers.tensor([16, 16])), nil)
        x = try graph.transposed(x, [0, 2, 1])
        x = try graph.reshaped(x, [1, 16, 4, 6])
        x = try graph.wrappedConvolution(x, channels: 2, window: 1, &numbers)
        graph.addOutput(x)
        let before = graph
        try LayoutTests.pipeline.run(on: &graph, verifyEveryPatch: true)
        #expect(graph.count("TRANSPOSE") == 0, "\(before)\n\(graph)")
        try expectSameResults(before, graph, .exact)
    }

    /// Graphs put together at random from operators of every rule keep their results, and a second run changes nothing.
    @Test(arguments: 0..<200) func randomGraphsKeepTheirResults(seed: Int) throws {
        var generator = RandomGraph(seed: UInt64(seed))
        let before = try generator.make(nodes: 24)
        try before.verify()
        for keepLayout in [false, true] {
            var after = before
            let pipeline = Pipeline.canonical(CanonicalOptions(keepLayout: keepLayout, arithmetic: .exact))
            try pipeline.run(on: &after, verifyEveryPatch: true)
            try after.verify()
            #expect(after.count("TRANSPOSE") <= before.count("TRANSPOSE"))
            // Reductions and products add up in another order when their axes move.
            try expectSameResults(before, after, .rounding, seed: UInt64(seed))
            var again = after
            try pipeline.run(on: &again)
            #expect(again.firstDifference(from: after) == nil, "\(after)\n\(again)")
        }
    }
}
