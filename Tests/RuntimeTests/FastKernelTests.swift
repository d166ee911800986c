import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

/// Fast kernels against the reference kernels on random operands.
struct FastKernelTests {
    /// Largest error of a float kernel relative to the sum of the magnitudes of the terms behind an element (`close` of
    /// the numerics rules): both sides round every partial sum once, which stays below this for the sizes used here.
    static let close: Float = 1e-6

    @Test(arguments: Family.allCases, 0..<60)
    func equalsTheReference(_ family: Family, _ seed: Int) throws {
        let random = try family.make(seed)
        let expected = try Plan(random.graph, options: RunOptions(engine: .reference)).run(random.inputs)
        let one = try Plan(random.graph, options: RunOptions(engine: .fast, threads: 1)).run(random.inputs)
        let two = try Plan(random.graph, options: RunOptions(engine: .fast, threads: 2)).run(random.inputs)
        let scale = try random.magnitudes.map {
            try Plan($0.graph, options: RunOptions(engine: .reference)).run($0.inputs)
        }
        for index in expected.indices {
            #expect(one[index].isIdentical(to: two[index]), "threads change the result of \(random.graph)")
            if expected[index].elementType == .float32 {
                let wrong = FastKernelTests.firstDifference(
                    one[index].elements(of: Float.self), expected[index].elements(of: Float.self),
                    terms: scale?[index].elements(of: Float.self))
                #expect(wrong == nil, "\(random.graph.nodes[0].op)")
            } else {
                #expect(one[index].isIdentical(to: expected[index]), "\(random.graph.nodes[0].op)")
            }
        }
    }

    /// The first element beyond `close`, with both values. `terms` holds the sum of magnitudes behind every element;
    /// without it, functions of one value are held to `close` of 8 or of the result, whichever is larger.
    static func firstDifference(_ got: [Float], _ expected: [Float], terms: [Float]?) -> String? {
        for i in expected.indices where got[i] != expected[i] && !(got[i].isNaN && expected[i].isNaN) {
            let magnitude = terms?[i] ?? max(abs(expected[i]), 8)
            guard abs(got[i] - expected[i]) <= close * magnitude else {
                return "element \(i) is \(got[i]) instead of \(expected[i])"
            }
        }
        return nil
    }

    /// Every family's comparison fails when one bit of a code, or a float by a little more than `close`, is wrong.
    @Test func aWrongResultIsNoticed() throws {
        #expect(FastKernelTests.firstDifference([1, 2], [1, 2], terms: nil) == nil)
        #expect(FastKernelTests.firstDifference([1, 2.00001], [1, 2], terms: nil) != nil)
        #expect(FastKernelTests.firstDifference([1, 2.00001], [1, 2], terms: [1, 100]) == nil)
        #expect(FastKernelTests.firstDifference([.nan, 2], [1, 2], terms: nil) != nil)
        let random = try Family.convolutionCodes.make(3)
        let result = try Plan(random.graph, options: RunOptions(engine: .fast)).run(random.inputs)[0]
        var wrong = result
        wrong.withUnsafeMutableBytes { $0[0] ^= 1 }
        #expect(!result.isIdentical(to: wrong))
    }

    /// An observer sees every computed value once, the same as the reference engine shows.
    @Test func observersSeeEveryValue() throws {
        var graph = Graph(name: "chain")
        let input = graph.addInput("x", TensorType(.float32, [1, 4, 4, 2]))
        let shape = graph.addConstant(Tensor([Int32(4), 8], shape: [2]), name: "shape")
        let relu = try graph.addNode(.unary(.relu), [input], names: ["relu"], location: "relu")
        let flat = try graph.addNode(.reshape, [relu[0], shape], names: ["flat"], location: "flat")
        let twice = try graph.addNode(.binary(Binary(.add)), [flat[0], flat[0]], names: ["sum"], location: "sum")
        graph.addOutput(twice[0])
        var source = RandomSource(seed: 5)
        let values = source.floats([1, 4, 4, 2])
        var seen: [Engine: [ValueID: [Float]]] = [:]
        for engine in Engine.allCases {
            var observed: [ValueID: [Float]] = [:]
            _ = try Plan(graph, options: RunOptions(engine: engine)).run([values]) { value, tensor in
                #expect(observed[value] == nil)
                observed[value] = tensor.elements(of: Float.self)
            }
            seen[engine] = observed
        }
        #expect(seen[.fast]?.count == 4)
        #expect(seen[.fast] == seen[.reference])
    }

    @Test func anIndexOutOfRangeIsAnError() throws {
        var graph = Graph(name: "gather")
        let source = graph.addInput("source", TensorType(.float32, [3, 2]))
        let index = graph.addInput("index", TensorType(.int32, [2]))
        let result = try graph.addNode(
            .gather(axis: 0, batchDimensions: 0), [source, index], names: [], location: "gather")
        graph.addOutput(result[0])
        for engine in Engine.allCases {
            let plan = try Plan(graph, options: RunOptions(engine: engine))
            let values = Tensor([Float](repeating: 1, count: 6), shape: [3, 2])
            #expect(throws: Diagnostic.self) { try plan.run([values, Tensor([Int32(0), 3], shape: [2])]) }
            #expect(throws: Diagnostic.self) { try plan.run([values, Tensor([Int32(-1), 0], shape: [2])]) }
        }
    }
}
