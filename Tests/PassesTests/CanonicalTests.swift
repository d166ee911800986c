import GraphIR
import Operators
import Passes
import TensorCore
import Testing

/// Rewrites that keep every bit.
@Suite struct CanonicalTests {
    static let pipeline = Pipeline.canonical(CanonicalOptions(keepLayout: true, arithmetic: .exact))

    private func expect(
        _ graph: Graph, becomes operators: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var after = graph
        try CanonicalTests.pipeline.run(on: &after, verifyEveryPatch: true)
        #expect(after.operatorNames == operators, "\(graph)\n\(after)", sourceLocation: sourceLocation)
        try expectSameResults(graph, after, .exact, sourceLocation: sourceLocation)
        var again = after
        try CanonicalTests.pipeline.run(on: &again)
        #expect(again.firstDifference(from: after) == nil, sourceLocation: sourceLocation)
    }

    private func start(_ shape: Shape) -> (Graph, ValueID) {
        var graph = Graph(name: "canonical")
        let input = graph.addInput("input", TensorType(.float32, shape))
        return (graph, input)
    }

    @Test func operatorsWithoutEffectGo() throws {
        var (graph, x) = start([1, 2, 3, 4])
        let zeros = graph.constant(Tensor([Int32](repeating: 0, count: 8), shape: [4, 2]))
        x = try graph.node(.unary(.neg), x)
        x = try graph.reshaped(x, [1, 2, 3, 4])
        x = try graph.transposed(x, [0, 1, 2, 3])
        x = try graph.node(.pad, x, zeros)
        x = try graph.node(.slice, x, graph.vector([0, 0, 0, 0]), graph.vector([-1, 2, -1, 4]))
        x = try graph.node(.cast(to: .float32), x)
        x = try graph.node(.concatenation(axis: 2, activation: .none), x)
        x = try graph.node(.broadcastTo, x, graph.vector([1, 2, 3, 4]))
        x = try graph.node(.tile, x, graph.vector([1, 1, 1, 1]))
        x = try graph.node(.binary(Binary(.mul)), graph.floats([1], []), x)
        x = try graph.node(.binary(Binary(.div)), x, graph.floats([1, 1, 1, 1], [4]))
        x = try graph.node(.binary(Binary(.sub)), x, graph.floats([0], [1]))
        x = try graph.node(.binary(Binary(.add)), x, graph.floats([-0.0], [1]))
        graph.addOutput(x)
        try expect(graph, becomes: ["NEG"])
    }

    /// x + 0 turns -0 into 0, and [1] to [2] is no identity.
    @Test func operatorsWithEffectStay() throws {
        var (graph, x) = start([3, 1])
        x = try graph.node(.binary(Binary(.add)), x, graph.floats([0], [1]))
        x = try graph.node(.binary(Binary(.mul)), x, graph.floats([1, 1], [2]))
        graph.addOutput(x)
        try expect(graph, becomes: ["ADD", "MUL"])
    }

    @Test func anOutputIsNeverTheInput() throws {
        var (graph, x) = start([2, 3])
        graph.addOutput(try graph.reshaped(x, [2, 3]))
        x = try graph.node(.unary(.abs), x)
        graph.addOutput(x)
        graph.addOutput(try graph.reshaped(x, [2, 3]))
        try expect(graph, becomes: ["RESHAPE", "ABS", "RESHAPE"])
    }

    @Test func equalComputationsHappenOnce() throws {
        var (graph, x) = start([2, 3])
        let a = try graph.node(.binary(Binary(.mul)), x, graph.floats([2, 3, 4], [3]))
        let b = try graph.node(.binary(Binary(.mul)), x, graph.floats([2, 3, 4], [3]))
        let c = try graph.node(.binary(Binary(.mul)), x, graph.floats([2, 3, 5], [3]))
        x = try graph.node(.binary(Binary(.add)), graph.node(.unary(.exp), a), graph.node(.unary(.exp), b))
        graph.addOutput(try graph.node(.binary(Binary(.add)), x, c))
        try expect(graph, becomes: ["MUL", "MUL", "EXP", "ADD", "ADD"])
    }

    @Test func reshapesAndTransposesMerge() throws {
        var (graph, x) = start([2, 3, 4])
        x = try graph.node(.expandDims, x, graph.scalar(1))
        x = try graph.reshaped(x, [6, 4])
        x = try graph.transposed(x, [1, 0])
        x = try graph.transposed(graph.reshaped(x, [1, 4, 6]), [0, 2, 1])
        x = try graph.node(.squeeze(axes: []), x)
        graph.addOutput(try graph.node(.unary(.neg), x))
        try expect(graph, becomes: ["RESHAPE", "NEG"])
    }

    @Test func slicesMerge() throws {
        var (graph, x) = start([4, 6, 5])
        x = try graph.node(.slice, x, graph.vector([1, 0, 2]), graph.vector([-1, 5, -1]))
        x = try graph.node(
            .stridedSlice(StridedSlice(endMask: 4)), x, graph.vector([1, -4, 1]), graph.vector([3, -1, 0]),
            graph.vector([1, 1, 1]))
        graph.addOutput(x)
        try expect(graph, becomes: ["SLICE"])
    }

    @Test func gatherWithEqualIndicesNeedsNoBatches() throws {
        var (graph, x) = start([2, 3, 8, 4])
        let row = graph.constant(Tensor((0..<2000).map { Int64($0 % 8) }, shape: [1, 1, 2000, 1]))
        let tiled = try graph.node(.tile, row, graph.vector([2, 3, 1, 1]))
        let cast = try graph.node(.cast(to: .int32), tiled)
        let indices = try graph.reshaped(cast, [2, 3, 2000])
        x = try graph.node(.gather(axis: 2, batchDimensions: 2), x, indices)
        graph.addOutput(x)
        try expect(graph, becomes: ["GATHER"])
    }

    @Test func constantsFoldUnlessTheyGrow() throws {
        var (graph, x) = start([600, 4])
        let small = try graph.node(.unary(.exp), graph.floats([0, 1, 2, 3], [4]))
        let large = try graph.node(.broadcastTo, graph.floats([1, 2, 3, 4], [4]), graph.vector([600, 4]))
        x = try graph.node(.binary(Binary(.mul)), x, small)
        graph.addOutput(try graph.node(.binary(Binary(.add)), x, large))
        try expect(graph, becomes: ["BROADCAST_TO", "MUL", "ADD"])
    }

    @Test func manyAxesBecomeFewer() throws {
        var (graph, x) = start([1, 6, 4, 3, 1, 5])
        x = try graph.node(.slice, x, graph.vector([0, 0, 0, 2, 0, 0]), graph.vector([1, 6, 4, 1, 1, 5]))
        let y = try graph.reshaped(x, [1, 2, 3, 2, 2, 1, 5])
        let z = try graph.transposed(y, [0, 1, 3, 5, 2, 4, 6])
        graph.addOutput(z)
        var numbers = Numbers(seed: 2)
        let w = try graph.node(.binary(Binary(.mul)), z, graph.constant(numbers.tensor([2, 1, 1, 1, 1])))
        graph.addOutput(w)
        var after = graph
        try CanonicalTests.pipeline.run(on: &after, verifyEveryPatch: true)
        let widest = after.nodes.filter { $0.op != .reshape }.flatMap {
            after.inputTypes(of: $0) + after.outputTypes(of: $0)
        }
        #expect(widest.allSatisfy { ($0?.shape.rank ?? 0) <= 6 }, "\(after)")
        try expectSameResults(graph, after, .exact)
    }

    @Test func codesAreMovedInsteadOfReals() throws {
        for differs in [false, true] {
            var graph = Graph(name: "codes")
            let parameters = QuantizationParameters(scale: 0.0117, zeroPoint: 3)
            let other = QuantizationParameters(scale: 0.0118, zeroPoint: 3)
            let a = graph.addInput("a", TensorType(.int8, [2, 3], quantization: parameters))
            let b = graph.addInput("b", TensorType(.int8, [2, 3], quantization: parameters))
            let left = try graph.node(.dequantize, a)
            let right = try graph.node(.dequantize, b)
            var x = try graph.node(.concatenation(axis: 1, activation: .none), left, right)
            x = try graph.addNode(
                .quantize(to: .int8), [x], names: ["q"], location: "q",
                quantization: [differs ? other : parameters])[0]
            graph.addOutput(x)
            let kept = ["DEQUANTIZE", "DEQUANTIZE", "CONCATENATION", "QUANTIZE"]
            try expect(graph, becomes: differs ? kept : ["CONCATENATION"])
        }
    }

    @Test func aPassIsNamedInItsErrors() throws {
        let failing = Pipeline([Pass("doomed") { _, _, _ in throw Diagnostic(.internalError, at: "", "no") }])
        var (graph, x) = start([2])
        x = try graph.node(.unary(.neg), x)
        graph.addOutput(x)
        let error = #expect(throws: Diagnostic.self) { try failing.run(on: &graph) }
        #expect(error?.location.hasPrefix("pass doomed") == true)
    }
}
