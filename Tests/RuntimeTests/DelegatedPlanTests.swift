import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

/// Runs the nodes it is given with the reference engine, and counts its calls.
private struct Stand: DelegateKernel {
    var part: Graph

    func run(_ inputs: [Tensor], observe: ValueObserver?) throws -> [Tensor] {
        try Plan(part, options: RunOptions(engine: .reference)).run(inputs) { value, tensor in
            if !part.inputs.contains(where: { $0.value == value }) { try observe?(value, tensor) }
        }
    }
}

@Suite struct DelegatedPlanTests {
    /// Adds values of random earlier nodes; exact in binary32, for all are small integers.
    private func graph(_ random: inout RandomSource, nodes: Int) throws -> Graph {
        var graph = Graph(name: "sums")
        var values = (0..<2).map { graph.addInput("input\($0)", TensorType(.float32, [1, 4])) }
        values.append(graph.addConstant(Tensor([1, 2, 3, 4] as [Float], shape: [1, 4]), name: "constant"))
        for index in 0..<nodes {
            let kind = random.pick([Binary.Kind.maximum, .sub, .minimum])
            values += try graph.addNode(
                .binary(Binary(kind)), [random.pick(values), random.pick(values)], names: ["value\(index)"],
                location: "node\(index)")
        }
        graph.addOutput(values[values.count - 1])
        graph.addOutput(random.pick(Array(values[3...])))
        graph.removeUnused()
        return graph
    }

    @Test(arguments: 0..<40)
    func anyCutGivesTheValuesOfTheWhole(seed: Int) throws {
        var random = RandomSource(seed: seed + 1)
        let graph = try graph(&random, nodes: 24)
        var parts: [DelegatedPart] = []
        var run: [NodeID] = []
        for id in graph.order {
            if random.chance(3) {
                if !run.isEmpty, !random.chance(3) {
                    parts.append(DelegatedPart(nodes: run, kernel: Stand(part: graph.part(run))))
                }
                run = []
            }
            run.append(id)
        }
        let inputs = (0..<2).map { input in Tensor((0..<4).map { Float($0 * 3 - 5 * input) }, shape: [1, 4]) }
        var expected: [ValueID: Tensor] = [:]
        var seen: [ValueID: [Tensor]] = [:]
        let whole = try Plan(graph, options: RunOptions(engine: .reference)).run(inputs) { expected[$0] = $1 }
        let plan = try DelegatedPlan(graph, parts: parts)
        let result = try plan.run(inputs) { seen[$0, default: []].append($1) }
        for (a, b) in zip(whole, result) { #expect(a.isIdentical(to: b)) }
        #expect(try plan.run(inputs).count == whole.count)
        #expect(Set(seen.keys) == Set(expected.keys))
        for (value, tensor) in expected {
            #expect(seen[value]?.count == 1, "value \(value.index) is seen once")
            #expect(seen[value]?.first?.isIdentical(to: tensor) == true)
        }
    }

    @Test func partsThatWaitForEachOtherAreRefused() throws {
        var graph = Graph(name: "chain")
        var last = graph.addInput("input", TensorType(.float32, [1, 4]))
        for index in 0..<4 {
            last = try graph.addNode(
                .unary(.relu), [last], names: ["value\(index)"], location: "node\(index)")[0]
        }
        graph.addOutput(last)
        let order = graph.order
        let crossed = [[order[0], order[2]], [order[1], order[3]]].map {
            DelegatedPart(nodes: $0, kernel: Stand(part: graph.part($0)))
        }
        #expect(throws: Diagnostic.self) { try DelegatedPlan(graph, parts: crossed) }
        let twice = [[order[0], order[1]], [order[1]]].map {
            DelegatedPart(nodes: $0, kernel: Stand(part: graph.part($0)))
        }
        #expect(throws: Diagnostic.self) { try DelegatedPlan(graph, parts: twice) }
    }
}
