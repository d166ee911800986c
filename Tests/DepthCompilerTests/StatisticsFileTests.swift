import DepthCompiler
import Operators
import Testing

/// Statistics of a small network: damaged bytes are read or refused, and what is read is consistent.
@Suite struct StatisticsFileTests {
    private struct Numbers {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        mutating func tensor(_ shape: Shape) -> Tensor {
            Tensor((0..<shape.elementCount).map { _ in Float(next() >> 40) / Float(1 << 23) - 1 }, shape: shape)
        }
    }

    private static func graph() throws -> Graph {
        var numbers = Numbers(state: 3)
        var graph = Graph(name: "small")
        let input = graph.addInput("input", TensorType(.float32, [1, 4, 4, 3]))
        let sine = try graph.addNode(.unary(.sin), [input], names: ["sine"], location: "sine")[0]
        let weights = graph.addConstant(numbers.tensor([2, 1, 1, 3]), name: "weights")
        let bias = graph.addConstant(numbers.tensor([2]), name: "bias")
        let op = Operator.conv2D(Conv2D(padding: .same, activation: .none))
        graph.addOutput(try graph.addNode(op, [sine, weights, bias], names: ["out"], location: "out")[0])
        return graph
    }

    private static func file(_ samples: ClosedRange<UInt64> = 1...4) throws -> StatisticsFile {
        let graph = try graph()
        let plan = try Plan(graph)
        var statistics = CalibrationStatistics()
        for seed in samples {
            var numbers = Numbers(state: seed)
            try statistics.collect(
                plan, sample: [numbers.tensor([1, 4, 4, 3])], request: Quantizer.completeRequest(graph))
        }
        return try StatisticsFile(statistics, of: graph)
    }

    @Test func whatIsWrittenIsRead() throws {
        let file = try Self.file()
        let read = try StatisticsFile(bytes: file.bytes)
        let isSame = read == file
        #expect(isSame)
        #expect(try read.statistics(for: Self.graph()).channelRanges.count == 1)
    }

    @Test func orderAndGroupingDoNotMatter() throws {
        let whole = try Self.file(1...4)
        var left = try Self.file(3...4)
        try left.merge(Self.file(1...1))
        try left.merge(Self.file(2...2))
        #expect(left.bytes == whole.bytes)
    }

    /// Cut at every length and with single bytes changed: an error of one line, or statistics that can be used.
    @Test func damagedBytesNeverTrap() throws {
        let graph = try Self.graph()
        let bytes = try Self.file().bytes
        for length in 0..<bytes.count {
            #expect(throws: Diagnostic.self) { try StatisticsFile(bytes: Array(bytes.prefix(length))) }
        }
        var numbers = Numbers(state: 11)
        var refused = 0
        for _ in 0..<3000 {
            var damaged = bytes
            damaged[Int(numbers.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: numbers.next())
            do {
                var file = try StatisticsFile(bytes: damaged)
                #expect(file.bytes == damaged, "not the shortest form")
                let statistics = try file.statistics(for: graph)
                for method in [RangeMethod.minMax, .averageMinMax, .entropy, .percentile(99), .meanSquaredError] {
                    for range in statistics.ranges.values { _ = range.range(by: method, levels: 256) }
                }
                _ = try Quantizer.balanced(graph, statistics: statistics, options: QuantizationOptions())
                try file.merge(file)
            } catch let diagnostic as Diagnostic {
                refused += 1
                #expect(diagnostic.code == .badData && !diagnostic.description.contains("\n"))
            }
        }
        #expect(refused > 100 && refused < 3000)
    }
}
