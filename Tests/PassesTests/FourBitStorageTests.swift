import GraphIR
import Operators
import Passes
import Runtime
import TensorCore
import Testing

/// 4-bit codes as the 16 highest codes of int8 and as int4: the same integers.
struct FourBitStorageTests {
    @Test(arguments: 0..<60)
    func integersAreTheSame(_ seed: Int) throws {
        var random = FourBitGraph(seed: UInt64(seed))
        let before = try random.make(nodes: 24)
        var after = before
        try Pipeline.fourBitStorage.run(on: &after, verifyEveryPatch: true)
        let inputs = random.inputs()
        let (wide, wideResults) = try values(before, inputs, .reference)
        for engine in [Engine.reference, .fast] {
            let (narrow, results) = try values(after, inputs, engine)
            for (a, b) in zip(wideResults, results) { #expect(a.isIdentical(to: b), "\(engine)\n\(before)\n\(after)") }
            for (value, tensor) in narrow {
                // Indices made of codes differ with the codes.
                guard let expected = wide[value], after.producer(of: value)?.op != .cast(to: .int32) else { continue }
                guard tensor.elementType == .int4 else {
                    #expect(tensor.isIdentical(to: expected), "\(after[value].name)\n\(before)\n\(after)")
                    continue
                }
                // Results that only a MAXIMUM reads are limited by themselves now.
                let codes = expected.elements(of: Int8.self).map { Int(max($0, 112)) - 120 }
                #expect(
                    tensor.elements(of: Int8.self).map(Int.init) == codes, "\(after[value].name)\n\(before)\n\(after)")
            }
        }
        // Without an observer, look-ups are fused.
        for graph in [before, after] {
            let fused = try Plan(graph, options: RunOptions(engine: .fast, threads: 2)).run(inputs)
            for (a, b) in zip(wideResults, fused) { #expect(a.isIdentical(to: b), "\(graph)") }
        }
        var again = after
        #expect(try Pipeline.fourBitStorage.run(on: &again).allSatisfy { $0.patches == 0 })
    }

    private func values(
        _ graph: Graph, _ inputs: [Tensor], _ engine: Engine
    ) throws -> ([ValueID: Tensor], [Tensor]) {
        var seen: [ValueID: Tensor] = [:]
        let results = try Plan(graph, options: RunOptions(engine: engine)).run(inputs) { seen[$0] = $1 }
        return (seen, results)
    }

    /// Passes over a file that is read again neither lose int4 nor change an integer.
    @Test(arguments: 0..<30)
    func theCanonicalFormKeepsTheIntegers(_ seed: Int) throws {
        var random = FourBitGraph(seed: UInt64(seed))
        var narrow = try random.make(nodes: 24)
        try Pipeline.fourBitStorage.run(on: &narrow)
        var after = narrow
        try Pipeline.canonical(CanonicalOptions(keepLayout: true, arithmetic: .exact)).run(
            on: &after, verifyEveryPatch: true)
        let inputs = random.inputs()
        let expected = try evaluate(narrow, inputs)
        for (a, b) in zip(try evaluate(after, inputs), expected) {
            #expect(a.isIdentical(to: b), "\(narrow)\n\(after)")
        }
    }

    /// The generator makes every form that the pass knows, or the test above would show nothing.
    @Test func randomGraphsHaveFourBitValues() throws {
        var (narrowed, removed, quantized, tables) = (0, 0, 0, 0)
        for seed in 0..<60 {
            var random = FourBitGraph(seed: UInt64(seed))
            let before = try random.make(nodes: 24)
            var after = before
            try Pipeline.fourBitStorage.run(on: &after)
            narrowed += after.valueIDs.count { after.type(of: $0).elementType == .int4 && after.constant($0) == nil }
            removed += before.count("MAXIMUM") - after.count("MAXIMUM")
            quantized += after.count("QUANTIZE") - before.count("QUANTIZE")
            tables += after.nodes.count { node in
                guard node.op.name == "CAST", let codes = node.inputs[0] else { return false }
                return after.type(of: codes).elementType == .int4
            }
        }
        #expect(
            narrowed > 200 && removed > 50 && quantized > 5 && tables > 5,
            "\(narrowed) \(removed) \(quantized) \(tables)")
    }

    @Test func highCodesWithoutALimitStay() throws {
        var graph = Graph(name: "plain")
        let high = QuantizationParameters(scale: 0.1, zeroPoint: 120)
        let x = graph.addInput("x", TensorType(.int8, [1, 4], quantization: high))
        let a = try graph.addNode(
            .quantize(to: .int8), [x], names: ["a"], location: "a",
            quantization: [QuantizationParameters(scale: 0.2, zeroPoint: 118)])
        let b = try graph.addNode(
            .binary(Binary(.add)), [a[0], x], names: ["b"], location: "b", quantization: [high])
        let c = try graph.addNode(
            .reshape, [b[0], graph.vector([4])], names: ["c"], location: "c", quantization: [high])
        graph.addOutput(try graph.addNode(.dequantize, [c[0]], names: ["d"], location: "d")[0])
        let limit = graph.constant(Tensor([Int8(111)], shape: [1], quantization: high))
        let e = try graph.addNode(
            .binary(Binary(.maximum)), [x, limit], names: ["e"], location: "e", quantization: [high])
        graph.addOutput(try graph.addNode(.dequantize, e, names: ["f"], location: "f")[0])
        var after = graph
        try Pipeline.fourBitStorage.run(on: &after)
        #expect(after.isIdentical(to: graph))
    }

    @Test func outputsOfTheGraphStay() throws {
        var graph = Graph(name: "output")
        let x = graph.addInput(
            "x", TensorType(.int8, [1, 4], quantization: QuantizationParameters(scale: 0.1, zeroPoint: 0)))
        let high = QuantizationParameters(scale: 0.1, zeroPoint: 112)
        let y = try graph.addNode(.unary(.relu), [x], names: ["y"], location: "y", quantization: [high])
        graph.addOutput(y[0])
        var after = graph
        try Pipeline.fourBitStorage.run(on: &after)
        #expect(after.isIdentical(to: graph))
    }
}
