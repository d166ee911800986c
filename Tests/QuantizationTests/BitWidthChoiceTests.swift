import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

@Suite struct BitWidthChoiceTests {
    /// Random noise of ten layers: the choice against the best of all.
    @Test(arguments: 0..<20)
    func removesNearlyAsMuchAsTheBestOfAllChoices(seed: Int) throws {
        var numbers = Numbers(state: UInt64(seed) &* 977 &+ 13)
        func number() -> Double { Double(numbers.next() + 1) / 2 }
        let graph = try pointwiseChain((0..<9).map { _ in 2 + Int(number() * 14) })
        let inner = graph.nodes.dropFirst().dropLast()
        var noise = [NoiseSource(kind: .activation, value: graph.nodes[3].outputs[0], relativeError: 0.1)]
        for node in graph.nodes {
            for kind in [NoiseSource.Kind.weights, .operands] {
                noise.append(
                    NoiseSource(kind: kind, value: node.outputs[0], relativeError: number() * number() * number()))
            }
        }
        func products(_ node: Node) -> Double {
            Double(
                Cost.multiplyAccumulates(
                    of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node)))
        }
        // Layers of the same extents: weights are in proportion to the products.
        let all = graph.nodes.reduce(0) { $0 + products($1) }
        let share = 0.25
        func error(_ kind: NoiseSource.Kind, _ node: Node) -> Double {
            noise.first { $0.kind == kind && $0.value == node.outputs[0] }?.relativeError ?? 0
        }
        let total = noise.reduce(0.1) { (sum: Double, source: NoiseSource) -> Double in
            let isOpen = inner.contains { $0.outputs[0] == source.value } && source.kind != .activation
            return isOpen ? sum + source.relativeError : sum
        }
        var best = 0.0
        for subset in 0..<(1 << inner.count) {
            let taken = inner.enumerated().filter { subset >> $0.offset & 1 == 1 }.map(\.element)
            guard taken.reduce(0, { $0 + products($1) }) <= share * all else { continue }
            best = max(best, taken.reduce(0) { $0 + error(.weights, $1) + error(.operands, $1) })
        }
        let choice = BitWidths.choose(graph, noise: noise, share: share)
        #expect(choice.multiplyAccumulateShare <= share && choice.weightShare <= share)
        let removed = (1 - choice.expectedError) * total
        #expect(removed <= best * (1 + 1e-9) && removed >= 0.9 * best)
        // What is said is what is named.
        let named = inner.reduce(0.0) { sum, node in
            sum + (choice.weights.contains(node.location) ? error(.weights, node) : 0)
                + (choice.operands.contains(node.location) ? error(.operands, node) : 0)
        }
        #expect(abs(named - removed) < 1e-9)
        for end in ["layer0", "layer8"] {
            #expect(choice.weights.contains(end) && choice.operands.contains(end))
        }
        #expect(choice.steps.count == choice.weights.count + choice.operands.count - 4)
    }

    @Test func aShareOfNothingKeepsTheEndsAlone() throws {
        let graph = try pointwiseChain([4, 5, 6, 2])
        let noise = graph.nodes.map { NoiseSource(kind: .operands, value: $0.outputs[0], relativeError: 0.1) }
        let choice = BitWidths.choose(graph, noise: noise, share: 0)
        #expect(choice.weights == ["layer0", "layer3"] && choice.operands == choice.weights)
        #expect(choice.expectedError == 1 && choice.steps.isEmpty)
    }
}
