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
                let terms = scale?[index].elements(of: Float.self)
                compare(
                    one[index].elements(of: Float.self), expected[index].elements(of: Float.self), terms,
                    random.graph.nodes[0].op)
            } else {
                #expect(one[index].isIdentical(to: expected[index]), "\(random.graph.nodes[0].op)")
            }
        }
    }

    private func compare(_ got: [Float], _ expected: [Float], _ terms: [Float]?, _ op: Operator) {
        for i in expected.indices where got[i] != expected[i] && !(got[i].isNaN && expected[i].isNaN) {
            // Functions of one value: relative to the larger of argument and result, which the harness bounds by 8.
            let magnitude = terms?[i] ?? max(abs(expected[i]), 8)
            let error = abs(got[i] - expected[i])
            #expect(error <= FastKernelTests.close * magnitude, "\(op): \(got[i]) instead of \(expected[i])")
            if !(error <= FastKernelTests.close * magnitude) { return }
        }
    }
}
