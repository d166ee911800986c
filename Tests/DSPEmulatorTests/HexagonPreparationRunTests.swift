import DSPEmulator
import TensorCore
import Testing

/// What prepared graphs compute, against the same computed another way.
@Suite struct HexagonPreparationRunTests {
    /// Codes that look random and repeat.
    static func codes(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
        var state = seed
        let values = (0..<shape.reduce(1, *)).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        return Tensor(values, shape: Shape(shape))
    }

    static func run(_ graph: HexagonGraph, _ inputs: [Tensor], _ architecture: HexagonArchitecture = .v66) throws
        -> [[Int]?]
    {
        try HexagonInterpreter(graph, architecture: architecture).run(inputs).map { $0.integers() }
    }

    static func built(_ build: (inout HexagonGraphBuilder) -> HexagonGraph) -> HexagonGraph {
        var builder = HexagonGraphBuilder()
        return build(&builder)
    }

    /// Rewrites that keep integers: run as the delegate made it and as prepared.
    static let exact: [(@Sendable (inout HexagonGraphBuilder) -> HexagonGraph, [[Int]])] = [
        (HexagonPreparationTests.constantOperands, [[1, 1, 1, 4]]),
        (HexagonPreparationTests.repeatedRange, [[1, 2, 2, 4]]),
        (rearranged, [[1, 4, 5, 32]]),
    ]

    /// Convolution, border, space to batch and back, depth to space, split.
    static func rearranged(_ b: inout HexagonGraphBuilder) -> HexagonGraph {
        let x = b.input([1, 4, 5, 32])
        let c = b.supernode(x[0], filter: [1, 1, 32, 128], shape: [1, 4, 5, 128], range: (-3000, 3000))
        let range = b.range(-3000, 3000)
        let p = b.node(
            .pad, [c] + range + [b.integers(0, 0, 1, 0, 0, 2, 0, 0, shape: [1, 1, 4, 2])], [1, 5, 7, 128])
        let s = b.node(
            .spaceToBatch, [p[0], b.integers(2, 2), b.integers(1, 0, 0, 1, shape: [1, 1, 2, 2])] + range,
            [4, 3, 4, 128])
        let t = b.node(
            .batchToSpace, [s[0], b.integers(2, 2), b.integers(0, 1, 1, 0, shape: [1, 1, 2, 2])] + range,
            [1, 5, 7, 128])
        let d = b.node(.depthToSpace, [t[0], b.integers(2)] + range, [1, 10, 14, 32])
        let parts = b.node(.split, [b.integers(3), d[0]] + range, [1, 10, 14, 16], results: 2)
        return b.output(parts[1], parts[0])
    }

    @Test(arguments: exact.indices)
    func givesTheSameCodesAsBefore(index: Int) throws {
        let (build, shapes) = Self.exact[index]
        let graph = Self.built(build)
        let inputs = shapes.enumerated().map { Self.codes($1, seed: UInt64($0 + 1)) }
        let prepared = try HexagonPreparation.prepare(graph)
        #expect(prepared.listing != graph.listing)
        #expect(try Self.run(prepared, inputs) == Self.run(graph, inputs))
    }

    /// A fused fully connected layer has the clamp's range, where the separate nodes saturate at the requantisation's, and
    /// rounds in another way: up to that saturation, the real values are a step of each apart at most.
    @Test func fusesProductsToWithinOneStep() throws {
        var graph = Self.built(HexagonPreparationTests.fullyConnected)
        graph.nodes.removeAll { $0.op == .softmax }
        graph.nodes[graph.nodes.count - 1].inputs = (0..<3).map { HexagonReference(18, $0) }
        func real(_ graph: HexagonGraph) throws -> (values: [Double], step: Double) {
            let results = try HexagonInterpreter(graph, architecture: .v66).run([Self.codes([1, 1, 1, 32])])
            let (low, high) = (results[1].doubles()[0], results[2].doubles()[0])
            return (results[0].doubles().map { low + $0 * (high - low) / 255 }, (high - low) / 255)
        }
        let before = try real(graph)
        let after = try real(HexagonPreparation.prepare(graph))
        #expect(zip(before.values, after.values).allSatisfy { abs($0 - min($1, 4.1)) < before.step + after.step })
        #expect(Set(after.values).count > 10)
    }

    @Test func padsLargeFiltersAsTheirOwnBorderWould() throws {
        let shape = [1, 9, 10, 32]
        let own = Self.built { b in
            let x = b.input(shape)
            let c = b.supernode(
                x[0], filter: [11, 9, 32, 32], padding: .same, shape: shape, range: (-90000, 90000))
            return b.output(c)
        }
        let apart = Self.built { b in
            let x = b.input(shape)
            let counts = b.integers(0, 0, 5, 5, 4, 4, 0, 0, shape: [1, 1, 4, 2])
            let p = b.node(.pad, x + b.range(0, 255) + [counts], [1, 19, 18, 32])
            let c = b.supernode(p[0], filter: [11, 9, 32, 32], shape: shape, range: (-90000, 90000))
            return b.output(c)
        }
        let inputs = [Self.codes(shape)]
        let prepared = try HexagonPreparation.prepare(own)
        #expect(prepared.listing.contains("QuantizedPadForConv_8_d32 same"))
        #expect(try Self.run(prepared, inputs) == Self.run(HexagonPreparation.prepare(apart), inputs))
    }

    /// Four rows above and below and three columns at the sides fit, but not four rows below with a column at the right.
    @Test(arguments: [
        (7, 7, false), (8, 1, false), (9, 1, false), (10, 1, true), (8, 2, true), (7, 2, false), (1, 8, true),
        (9, 9, true),
    ])
    func padsApartWhatTheMarginsCannotHold(height: Int, width: Int, isApart: Bool) throws {
        let graph = Self.built { b in
            let x = b.input([1, 12, 12, 8])
            return b.output(b.supernode(x[0], filter: [height, width, 8, 8], padding: .same, shape: [1, 12, 12, 8]))
        }
        #expect(try HexagonPreparation.prepare(graph).listing.contains("QuantizedPadForConv_8_d32") == isApart)
    }

    /// Both convolutions are requantised to the common range, and the concatenation says nothing of it.
    @Test func givesJoinedConvolutionsOneRange() throws {
        func joined(_ first: (Float, Float), _ second: (Float, Float)) throws -> (codes: [Int], range: [Double]) {
            let graph = Self.built { b in
                let x = b.input([1, 4, 4, 32])
                let a = b.supernode(x[0], filter: [1, 1, 32, 32], shape: [1, 4, 4, 32], range: first)
                let c = b.supernode(x[0], filter: [1, 1, 32, 32], shape: [1, 4, 4, 32], range: second)
                let lows = [b.number(first.0), b.number(second.0)]
                let highs = [b.number(first.1), b.number(second.1)]
                let j = b.node(.concat, [b.integers(3), a, c] + lows + highs, [1, 4, 4, 64])
                return b.output(j[0], j[1], j[2])
            }
            let prepared = try HexagonPreparation.prepare(graph)
            #expect(prepared.listing.contains("QuantizedFakeConcat_8_d32"))
            let results = try HexagonInterpreter(prepared, architecture: .v66).run([Self.codes([1, 4, 4, 32])])
            return (try #require(results[0].integers()), results[1].doubles() + results[2].doubles())
        }
        let apart = try joined((-200_000, 100_000), (-100_000, 300_000))
        let together = try joined((-200_000, 300_000), (-200_000, 300_000))
        #expect(apart.codes == together.codes)
        #expect(Set(apart.codes).count > 10)
        #expect(apart.range == [-200_000, 100_000])
    }

    /// A depthwise convolution that the delegate splits, joined with a range of its own.
    @Test func joinsSplitConvolutionsAsTheyAre() throws {
        let graph = Self.built { b in
            let x = b.input([1, 6, 6, 64])
            let parts = b.node(.split, [b.integers(3), x[0]] + b.range(0, 255), [1, 6, 6, 32], results: 2)
            let range = b.range(-300_000, 300_000)
            let halves = parts.prefix(2).enumerated().map { index, part in
                let weights = b.constant(Self.codes([5, 5, 32, 1], seed: UInt64(index)))
                var inputs = [part, weights, parts[2], parts[3]] + b.range(-128, 127)
                inputs += [b.extents(2, 2), b.constant(layoutIntegers([Int32](repeating: 0, count: 32)))]
                inputs += b.range(-9, 9) + range
                return b.node(.depthwiseSupernode, inputs, [1, 3, 3, 32], padding: .same)
            }
            var inputs = [b.integers(3)]
            for output in 0..<3 { inputs += halves.map { $0[output] } }
            let j = b.node(.concat, inputs + range, [1, 3, 3, 64])
            return b.output(j[0], halves[0][0], halves[1][0])
        }
        let prepared = try HexagonPreparation.prepare(graph)
        let results = try Self.run(prepared, [Self.codes([1, 6, 6, 64])]).map { try #require($0) }
        let joined = (0..<9).flatMap { pixel -> [Int] in
            let depths = pixel * 32..<pixel * 32 + 32
            return Array(results[1][depths]) + Array(results[2][depths])
        }
        #expect(results[0] == joined)
        #expect(Set(joined).count > 20)
    }

    struct Transposed: Sendable, CustomTestStringConvertible {
        var filter: (Int, Int)
        var strides: (Int, Int)
        /// Top and left; the delegate writes them for bottom and right too.
        var margins: (Int, Int)
        var output: (Int, Int)
        var depth: Int
        var filters: Int
        var scales = false

        var testDescription: String { "\(filter) \(strides) \(depth) -> \(filters)" }
    }

    static let transposed = [
        Transposed(filter: (3, 3), strides: (1, 1), margins: (1, 1), output: (3, 4), depth: 32, filters: 5),
        Transposed(filter: (3, 3), strides: (2, 2), margins: (0, 0), output: (6, 8), depth: 32, filters: 5),
        Transposed(
            filter: (4, 2), strides: (2, 2), margins: (1, 0), output: (6, 8), depth: 8, filters: 33, scales: true),
        Transposed(filter: (2, 5), strides: (3, 2), margins: (0, 1), output: (9, 8), depth: 8, filters: 3),
        Transposed(filter: (3, 3), strides: (2, 1), margins: (0, 1), output: (6, 4), depth: 8, filters: 7),
    ]

    /// The prepared transposed convolution against a plain one over the input with zeros between its elements, with the
    /// filter turned by 180 degrees. All sums are below 2^24, so that the biases of both are exact.
    @Test(arguments: transposed)
    func transposesAsAConvolutionOverSpreadElements(t: Transposed) throws {
        let (height, width) = (3, 4)
        let data = Self.codes([1, height, width, t.depth])
        let weights = Self.codes([t.filters, t.filter.0, t.filter.1, t.depth], seed: 5)
        let scales = t.scales ? (0..<t.filters).map { 1 - Float($0) / 64 } : nil
        let bias = layoutIntegers((0..<t.filters).map { Int32($0 * 1000 - 2000) })
        let zero: UInt8 = 100
        let graph = Self.built { b in
            let x = b.input(data.shape.dimensions)
            let margins = b.integers(
                Int32(t.margins.0), Int32(t.margins.0), Int32(t.margins.1), Int32(t.margins.1), shape: [1, 1, 2, 2])
            var inputs = [x[0], b.constant(weights)] + b.range(-100, 155) + b.range(-128, 127)
            inputs += [margins, b.extents(t.strides.0, t.strides.1), b.constant(bias)]
            inputs += b.range(-2_147_483_648, 2_147_483_648) + b.range(-400_000, 400_000)
            if let scales { inputs.append(b.constant(Tensor(scales, shape: [1, 1, 1, t.filters]))) }
            let r = b.node(.transposeConv2D, inputs, [1, t.output.0, t.output.1, t.filters])
            return b.output(r[0])
        }
        // Element (y, x) of the input stands at (y * stride + filter - 1 - margin) of the spread one.
        let spread = [1, t.output.0 + t.filter.0 - 1, t.output.1 + t.filter.1 - 1, t.depth]
        var elements = [UInt8](repeating: zero, count: spread.reduce(1, *))
        let from = data.elements(of: UInt8.self)
        for y in 0..<height {
            for x in 0..<width {
                let row = y * t.strides.0 + t.filter.0 - 1 - t.margins.0
                let column = x * t.strides.1 + t.filter.1 - 1 - t.margins.1
                guard (0..<spread[1]).contains(row), (0..<spread[2]).contains(column) else { continue }
                for d in 0..<t.depth {
                    elements[(row * spread[2] + column) * t.depth + d] = from[(y * width + x) * t.depth + d]
                }
            }
        }
        var turned = [UInt8](repeating: 0, count: weights.count)
        let given = weights.elements(of: UInt8.self)
        for n in 0..<t.filters {
            for y in 0..<t.filter.0 {
                for x in 0..<t.filter.1 {
                    for d in 0..<t.depth {
                        let to =
                            (((t.filter.0 - 1 - y) * t.filter.1 + t.filter.1 - 1 - x) * t.depth + d) * t.filters + n
                        turned[to] = given[((n * t.filter.0 + y) * t.filter.1 + x) * t.depth + d]
                    }
                }
            }
        }
        let plain = Self.built { b in
            let x = b.input(spread)
            let filter = b.constant(
                Tensor(turned, shape: [t.filter.0, t.filter.1, t.depth, t.filters]))
            var inputs = [x[0], filter] + b.range(-100, 155) + b.range(-128, 127)
            inputs += [b.extents(1, 1), b.constant(bias)] + b.range(-2_147_483_648, 2_147_483_648)
            inputs += b.range(-400_000, 400_000)
            if let scales { inputs.append(b.constant(Tensor(scales, shape: [1, 1, 1, t.filters]))) }
            let r = b.node(.supernode, inputs, [1, t.output.0, t.output.1, t.filters], padding: .valid)
            return b.output(r[0])
        }
        let expected = try Self.run(
            HexagonPreparation.prepare(plain), [Tensor(elements, shape: Shape(spread))])
        let result = try Self.run(HexagonPreparation.prepare(graph), [data])
        #expect(result == expected)
        #expect(Set(try #require(result[0])).count > 20)
    }

    @Test func refusesTransposedConvolutionsOfEvenFilterWithoutStride() {
        let graph = Self.built { b in
            let x = b.input([1, 3, 3, 8])
            var inputs = [x[0], b.constant(Self.codes([2, 2, 2, 8]))] + b.range(0, 255) + b.range(-128, 127)
            inputs += [b.integers(0, 0, 0, 0, shape: [1, 1, 2, 2]), b.extents(1, 1), b.integers(1, 2)]
            inputs += b.range(-9, 9) + b.range(-9, 9)
            return b.output(b.node(.transposeConv2D, inputs, [1, 3, 3, 2])[0])
        }
        #expect { try HexagonPreparation.prepare(graph) } throws: { ($0 as? Diagnostic)?.code == .unsupported }
    }

    @Test func scalesTheWeightsOfSmallConvolutions() throws {
        let graph = Self.built { b in
            let x = b.input([1, 5, 5, 2])
            return b.output(b.supernode(x[0], filter: [3, 3, 2, 2], shape: [1, 3, 3, 2], scales: [1, 0.5]))
        }
        let prepared = try HexagonPreparation.prepare(graph)
        let node = try #require(prepared.nodes.first { $0.op == .supernode3322 })
        let weights = try #require(prepared.nodes.first { $0.id == node.inputs[1].node }?.constant?.integers())
        // Code 128 is zero: 1 is 127 below it, and half of that is a difference of -63.5, rounded half up.
        #expect(weights.prefix(4) == [0, 64, 2, 65])
    }
}
