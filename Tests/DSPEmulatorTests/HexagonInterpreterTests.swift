import DSPEmulator
import TensorCore
import Testing

@Suite struct HexagonInterpreterTests {
    /// INPUT int8 [1,1,2,2] -> cast -> reshape [1,1,1,4] -> cast -> OUTPUT.
    static func graph() -> HexagonGraph {
        let range = [HexagonReference(2), HexagonReference(3)]
        let scalar = HexagonOutput([1, 1, 1, 1], elementSize: 4)
        return HexagonGraph(nodes: [
            HexagonNode(id: 1, op: .input, outputs: [HexagonOutput([1, 1, 2, 2], elementSize: 1)]),
            HexagonNode(id: 2, op: .constant, outputs: [scalar], constant: layoutScalar(-1)),
            HexagonNode(id: 3, op: .constant, outputs: [scalar], constant: layoutScalar(1)),
            HexagonNode(
                id: 4, op: .constant, outputs: [HexagonOutput([1, 1, 1, 1], elementSize: 4)],
                constant: layoutIntegers([4])),
            HexagonNode(
                id: 5, op: .castInt8ToUInt8, inputs: [HexagonReference(1)] + range,
                outputs: [HexagonOutput([1, 1, 2, 2], elementSize: 1), scalar, scalar]),
            HexagonNode(
                id: 6, op: .reshape, inputs: [HexagonReference(5), HexagonReference(4)],
                outputs: [HexagonOutput([1, 1, 1, 4], elementSize: 1)], source: 9),
            HexagonNode(
                id: 7, op: .castUInt8ToInt8, inputs: [HexagonReference(6)] + range,
                outputs: [HexagonOutput([1, 1, 1, 4], elementSize: 1), scalar, scalar]),
            HexagonNode(id: 8, op: .output, inputs: [HexagonReference(7)]),
        ])
    }

    @Test func runsNodeByNodeAndShowsEveryResult() throws {
        let interpreter = try HexagonInterpreter(Self.graph(), architecture: .v66)
        var seen: [Int: [Int]] = [:]
        let results = try interpreter.run([Tensor([Int8(-128), -1, 0, 127], shape: [2, 2])]) { node, outputs in
            seen[node.id] = outputs.first?.integers()
        }
        #expect(results.map { $0.integers() } == [[-128, -1, 0, 127]])
        #expect(results.map(\.shape) == [[1, 1, 1, 4]])
        #expect(seen[5] == [0, 127, 128, 255])
        #expect(seen[8] == nil)
    }

    @Test func refusesInputsOfOtherSizes() throws {
        let interpreter = try HexagonInterpreter(Self.graph(), architecture: .v66)
        #expect { try interpreter.run([Tensor([Int8(1)], shape: [1])]) } throws: {
            ($0 as? Diagnostic)?.code == .badData
        }
    }

    @Test func locatesWhatAKernelRefuses() throws {
        var graph = Self.graph()
        graph.nodes[3].constant = layoutIntegers([5])
        let interpreter = try HexagonInterpreter(graph, architecture: .v66)
        #expect { try interpreter.run([Tensor([Int8](repeating: 0, count: 4), shape: [4])]) } throws: {
            ($0 as? Diagnostic)?.description.contains("Reshape (node 6, operator 9 of the model): cannot see 4") == true
        }
    }

    /// Memory is set aside in steps of 128 bytes.
    @Test(arguments: [(128, true), (129, false)])
    func refusesResultsLargerThanTheirMemory(count: Int, fits: Bool) throws {
        var graph = Self.graph()
        graph.nodes[0].outputs[0].shape = [1, 1, 1, count]
        graph.nodes[3].constant = layoutIntegers([Int32(count)])
        for index in [4, 6] { graph.nodes[index].outputs[0].shape = [1, 1, 1, count] }
        let interpreter = try HexagonInterpreter(graph, architecture: .v66)
        let run = { try interpreter.run([Tensor([Int8](repeating: 0, count: count), shape: [count])]) }
        if fits {
            #expect(try run().map(\.count) == [count])
        } else {
            #expect { try run() } throws: { ($0 as? Diagnostic)?.description.contains("Reshape (node 6") == true }
        }
    }

    @Test func refusesGraphsOutOfOrder() {
        var graph = Self.graph()
        graph.nodes.swapAt(4, 5)
        #expect { try HexagonInterpreter(graph, architecture: .v66) } throws: {
            ($0 as? Diagnostic)?.code == .badModel
        }
    }
}
