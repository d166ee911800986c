import Foundation
import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

/// What NumPy gave; see tools/record_polishing.py.
private struct Recorded: Decodable {
    struct Function: Decodable, Sendable {
        var alpha: Double
        var x: [Double]
        var forward: [Double]
        var inverse: [Double]
    }

    struct Layout: Decodable, Sendable {
        var expansion: [Int8]
        var thresholds: [Int8]
        var error: Double
        var leastError: Double
    }

    struct Channel: Decodable, Sendable {
        var samples: [Int]
        var alpha: Double
        var channel: Layout
        var lognp: Layout
    }

    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var scale: Float
        var zeroPoint: Int32
        var channels: [Channel]
        var testDescription: String { name }
        var parameters: QuantizationParameters { QuantizationParameters(scale: scale, zeroPoint: zeroPoint) }
    }

    struct Ratio: Decodable, Sendable {
        var clip: Double
        var alpha: Double
        var elements: [Int]
        var counts: [Int]
        var ratio: Double
    }

    struct Codebook: Decodable, Sendable {
        var zeroPoint: Int32
        var codes: [Int]
        var counts: [Int]
        var error: Double
    }

    var unit: Double
    var functions: [Function]
    var tensors: [Case]
    var ratios: [Ratio]
    var codebooks: [Codebook]

    static let all: Recorded? = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let file = folder.appendingPathComponent("Recorded/polishing.json")
        return (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(Recorded.self, from: $0) }
    }()
}

/// The statistic of elements that are whole multiples of `unit`.
private func statistics(_ elements: [Int], unit: Double) -> RangeStatistics {
    var result = RangeStatistics()
    result.add(Tensor(elements.map { Float(Double($0) * unit) }, shape: [elements.count]))
    return result
}

private func leastError(
    _ method: PolishingMethod, _ elements: RangeStatistics, _ parameters: QuantizationParameters
) -> (codebook: PolishingCodebook, error: Double) {
    let distribution = CodeDistribution(elements, parameters)
    let codebook = CodebookChoice.codebook(method, distribution, elements)
    return (codebook, distribution.squaredError(codebook))
}

@Suite struct PolishingTests {
    @Test func casesAreFound() throws {
        let recorded = try #require(Recorded.all)
        #expect(recorded.functions.count == 4 && recorded.tensors.count == 3)
        #expect(recorded.ratios.count == 4 && recorded.codebooks.count == 3)
    }

    /// Binary64 against 64 bits of mantissa: 1e-15 of the result, and for the inverse of what a rounded argument
    /// changes.
    @Test(arguments: Recorded.all?.functions ?? [])
    fileprivate func functionsAreThoseOfThePaper(_ expected: Recorded.Function) {
        let log = LogPolishing(alpha: expected.alpha)
        for (x, (u, back)) in zip(expected.x, zip(expected.forward, expected.inverse)) {
            #expect(abs(log.forward(x) - u) <= 1e-15 * max(abs(u), 1), "\(x)")
            #expect(abs(log.inverse(u) - back) <= 1e-15 * max(abs(back), expected.alpha) * 4, "\(u)")
            #expect(abs(log.inverse(log.forward(x)) - x) <= 1e-15 * max(abs(x), expected.alpha) * 8, "\(x)")
        }
    }

    /// Within a bin, of which 2048 span the largest magnitude, and between the elements on both sides of the 95 %.
    @Test(arguments: Recorded.all?.tensors ?? [])
    fileprivate func alphaIsThe95thPercentile(_ expected: Recorded.Case) throws {
        let unit = try #require(Recorded.all).unit
        for channel in expected.channels {
            let alpha = LogPolishing(statistics(channel.samples, unit: unit)).alpha
            #expect(abs(alpha - channel.alpha) <= 8 * unit, "\(alpha) instead of \(channel.alpha)")
        }
    }

    @Test(arguments: Recorded.all?.tensors ?? [])
    fileprivate func tablesAreThoseOfNumPy(_ expected: Recorded.Case) {
        for channel in expected.channels {
            for layout in [channel.channel, channel.lognp] {
                let codebook = PolishingCodebook(layout.expansion, zeroPoint: Int8(expected.zeroPoint))
                #expect(Array(codebook.expansion.prefix(layout.expansion.count)) == layout.expansion)
                #expect(codebook.expansion.count == 16)
                #expect(codebook.thresholds == layout.thresholds)
                #expect(codebook.composed == layout.thresholds.map { layout.expansion[Int($0)] })
            }
        }
    }

    /// The errors that a search over a coarser grid leaves, end by end and with elements at the centres of their bins,
    /// are at most 7 % above those that NumPy finds over all pairs of ends.
    @Test(arguments: Recorded.all?.tensors ?? [], [PolishingMethod.channel, .lognp])
    fileprivate func rangesCostLittle(_ expected: Recorded.Case, _ method: PolishingMethod) throws {
        let unit = try #require(Recorded.all).unit
        for channel in expected.channels {
            let elements = statistics(channel.samples, unit: unit)
            let found = leastError(method, elements, expected.parameters)
            let wanted = method == .channel ? channel.channel : channel.lognp
            #expect(found.error <= wanted.leastError * 1.07 + 1e-9, "\(found.error), \(wanted.leastError)")
            #expect(found.error >= wanted.leastError * 0.9, "\(found.error), \(wanted.leastError)")
            let real0 = found.codebook.composed[Int(expected.zeroPoint) + 128]
            #expect(Int32(real0) == expected.zeroPoint)
        }
    }

    /// What LogNP leaves of the error of even steps, both from the least to the largest element: it costs where tails
    /// are light and gains where they are heavy.
    @Test(arguments: Recorded.all?.ratios ?? [])
    fileprivate func logarithmsPayOnHeavyTails(_ expected: Recorded.Ratio) throws {
        let unit = try #require(Recorded.all).unit
        let log = LogPolishing(alpha: expected.alpha)
        func error(_ forward: (Double) -> Double, _ inverse: (Double) -> Double) -> Double {
            let reals = expected.elements.map { Double($0) * unit }
            let levels = CodebookChoice.evenLevels(
                forward(reals.min() ?? 0)...forward(reals.max() ?? 0), inverse: inverse)
            let steps = levels.map(forward)
            let step = steps[1] - steps[0]
            return zip(reals, expected.counts).reduce(0) { sum, element in
                let rounded = min(max((forward(element.0) / step).rounded() * step, steps[0]), steps[15])
                let difference = element.0 - inverse(rounded)
                return sum + Double(element.1) * difference * difference
            }
        }
        let ratio = error(log.forward, log.inverse) / error({ $0 }, { $0 })
        #expect(abs(ratio / expected.ratio - 1) < 1e-6, "\(ratio) instead of \(expected.ratio)")
    }

    /// Means are rounded to codes, which adds at most a quarter for every element.
    @Test(arguments: Recorded.all?.codebooks ?? [])
    fileprivate func codebooksAreTheBestOfAll(_ expected: Recorded.Codebook) {
        var elements: [Int] = []
        for (code, count) in zip(expected.codes, expected.counts) {
            elements += [Int](repeating: 2 * (code - Int(expected.zeroPoint)), count: count)
        }
        let found = leastError(
            .codebook, statistics(elements, unit: 0.5), QuantizationParameters(scale: 1, zeroPoint: expected.zeroPoint))
        let count = Double(expected.counts.reduce(0, +))
        #expect(found.error >= expected.error * 0.95)
        #expect(found.error <= expected.error + count * 0.26)
    }

    /// 512 random elements through 1, 3 and 8 tables for 8 channels, as one look-up of int8 codes and as two with int4
    /// codes between, against the tables themselves.
    @Test(arguments: [1, 3, 8], [Engine.reference, .fast])
    fileprivate func graphsLookUpTheTables(_ tables: Int, _ engine: Engine) throws {
        var numbers = Numbers(state: 31)
        let parameters = QuantizationParameters(scale: 0.25, zeroPoint: -7)
        let places = tables == 1 ? [] : (0..<8).map { $0 * 5 % tables }
        let codebooks = (0..<tables).map { _ in
            PolishingCodebook((0..<15).map { _ in Int8(numbers.next() * 127) }, zeroPoint: -7)
        }
        let table = Tensor(codebooks.flatMap(\.composed), shape: [256 * tables], quantization: parameters)
        var graph = Graph(name: "polish")
        let type = TensorType(.int8, [1, 8, 8, 8], quantization: parameters)
        let input = graph.addInput("x", type)
        graph.addOutput(try PolishedStorage.polish(input, table, places: places, name: "x/polish", in: &graph))
        try graph.verify()
        let codes = (0..<512).map { _ in Int8(numbers.next() * 128) }
        let wanted = codes.enumerated().map { index, code in
            codebooks[places.isEmpty ? 0 : places[index % 8]].composed[Int(code) + 128]
        }
        func run() throws -> Tensor {
            try Plan(graph, options: RunOptions(engine: engine))
                .run([Tensor(codes, shape: type.shape, quantization: parameters)])[0]
        }
        let composed = try run()
        #expect(composed.elements(of: Int8.self) == wanted)
        #expect(composed.type == type)
        #expect(try PolishedStorage.storeAsInt4(&graph) == ["x/polish/int4"])
        try graph.verify()
        #expect(graph.nodes.contains { graph.type(of: $0.outputs[0]).elementType == .int4 })
        let stored = try run()
        #expect(stored.elements(of: Int8.self) == wanted)
        #expect(stored.type == type)
        // Nothing is left to split.
        #expect(try PolishedStorage.storeAsInt4(&graph).isEmpty)
    }

    /// Twenty channels of five widths: at most eight tables, and hardly more error than with one for each.
    @Test func channelsShareTables() throws {
        let parameters = QuantizationParameters(scale: 0.05, zeroPoint: 0)
        var numbers = Numbers(state: 5)
        let channels = (0..<20).map { channel in
            var statistics = RangeStatistics()
            let width = Float([6, 3, 1.5, 0.75, 0.4][channel % 5])
            statistics.add(Tensor((0..<500).map { _ in numbers.next() * numbers.next() * width }, shape: [500]))
            return statistics
        }
        let distributions = channels.map { CodeDistribution($0, parameters) }
        let own = zip(distributions, channels).map { CodebookChoice.codebook(.codebook, $0, $1) }
        let least = zip(distributions, own).reduce(0) { $0 + $1.0.squaredError($1.1) }
        let sharing = TableSharing(own, distributions, weights: channels.map { _ in 1 }) { own[$0[0]] }
        #expect(sharing.codebooks.count <= 8 && Set(sharing.places).count == sharing.codebooks.count)
        let error = zip(distributions, sharing.places).reduce(0) {
            $0 + $1.0.squaredError(sharing.codebooks[$1.1])
        }
        #expect(abs(error - sharing.error) <= 1e-9 * error)
        // Channels of one width need one table; the rest is what 500 elements tell differently.
        #expect(error >= least && error < 1.2 * least)
    }

    /// A table with 17 entries stays one look-up.
    @Test func tablesOfMoreThanSixteenStay() throws {
        var graph = Graph(name: "wide")
        let parameters = QuantizationParameters(scale: 1, zeroPoint: 0)
        let input = graph.addInput("x", TensorType(.int8, [1, 4], quantization: parameters))
        let table = Tensor((-128...127).map { Int8($0 / 15) }, shape: [256], quantization: parameters)
        graph.addOutput(try PolishedStorage.polish(input, table, name: "y", in: &graph))
        #expect(Set(table.elements(of: Int8.self)).count == 17)
        #expect(try PolishedStorage.storeAsInt4(&graph).isEmpty)
    }

    /// What fitting, bias correction and sensitivity rest on: real 0 stays real 0 whatever the codebook.
    @Test(arguments: PolishingMethod.allCases) func zeroStays(_ method: PolishingMethod) {
        var numbers = Numbers(state: 77)
        for shift in [-3, -0.2, 0, 0.4, 5] as [Float] {
            var elements = RangeStatistics(binsPerSide: RangeStatistics.channelBins)
            elements.add(Tensor((0..<300).map { _ in numbers.next() + shift }, shape: [300]))
            for zeroPoint in [-128, -30, 0, 127] as [Int32] {
                let parameters = QuantizationParameters(scale: 0.05, zeroPoint: zeroPoint)
                let codebook = leastError(method, elements, parameters).codebook
                #expect(codebook.composed[Int(zeroPoint) + 128] == Int8(zeroPoint))
                #expect(codebook.expansion == codebook.expansion.sorted() && codebook.expansion.count == 16)
            }
        }
    }

    // MARK: Networks

    /// Four convolutions whose channels differ in size by up to 32.
    private func network() throws -> Graph {
        var numbers = Numbers(state: 8)
        var graph = Graph(name: "polished")
        var last = graph.addInput("input", TensorType(.float32, [1, 12, 12, 3]))
        for (name, outputs) in [("first", 6), ("second", 6), ("third", 6), ("last", 1)] {
            let channels = graph.type(of: last).shape[3]
            let rows = (0..<outputs * 9 * channels).map { index in
                // What one layer enlarges the next one reduces.
                let output = name == "last" ? 0 : index / (9 * channels)
                let input = name == "first" ? 0 : index % channels
                return numbers.next() * 0.4 * Float(sign: .plus, exponent: output - input, significand: 1)
            }
            let weights = graph.addConstant(Tensor(rows, shape: [outputs, 3, 3, channels]), name: "\(name)/weights")
            let bias = graph.addConstant(numbers.tensor([outputs], scale: 0.1), name: "\(name)/bias")
            let activation: Activation = name == "second" ? .none : .relu
            last = try graph.addNode(
                .conv2D(Conv2D(padding: .same, activation: activation)), [last, weights, bias], names: [name],
                location: name)[0]
        }
        graph.addOutput(last)
        return graph
    }

    private func quantised(_ polishing: PolishingOptions?) throws -> (
        result: QuantizationResult, float: Graph, samples: [[Tensor]]
    ) {
        let graph = try network()
        let data = samples(graph, 4)
        var options = QuantizationOptions()
        options.widths = BitWidths(weights: 4, activations: 4)
        options.widths.keep8Bits(["first", "last"])
        options.polishing = polishing
        let learnt = try statistics(graph, data, Quantizer.request(graph, options: options))
        return (try Quantizer.quantize(graph, statistics: learnt, options: options), graph, data)
    }

    /// Tables follow the channels' sizes, which one scale cannot. Layers keep their names, and both storages their
    /// integers.
    @Test(arguments: PolishingMethod.allCases) func operandsArePolished(_ method: PolishingMethod) throws {
        let plain = try quantised(nil)
        let polished = try quantised(PolishingOptions(methods: [method]))
        func error(_ graph: Graph) throws -> Double {
            try meanSquare(outputs(graph, plain.samples), outputs(plain.float, plain.samples))
        }
        #expect(try error(polished.result.graph) < 0.8 * error(plain.result.graph))
        let report = polished.result.report.operands
        #expect(report.map(\.name) == ["first", "second"] && report.map(\.layers) == [["second"], ["third"]])
        #expect(report.allSatisfy { $0.polishing == method && $0.polishedError < 0.8 * $0.plainError })
        for name in ["second", "third"] {
            let layer = try #require(polished.result.graph.nodes.first { $0.location == name })
            let operand = try #require(layer.inputs[0])
            let producer = try #require(polished.result.graph.producer(of: operand))
            guard case .gather = producer.op else {
                Issue.record("\(name) reads \(producer.op)")
                continue
            }
            #expect(polished.result.graph[layer.outputs[0]].name == name)
        }
        var stored = polished.result.graph
        #expect(try PolishedStorage.storeAsInt4(&stored).count == 2)
        #expect(try outputs(stored, plain.samples) == outputs(polished.result.graph, plain.samples))
    }

    @Test func nothingPassesAGateOfZero() throws {
        let plain = try quantised(nil)
        let gated = try quantised(PolishingOptions(gate: 0))
        #expect(String(describing: gated.result.graph) == String(describing: plain.result.graph))
        #expect(gated.result.report.operands.map(\.polishing) == [nil, nil])
        #expect(plain.result.report.operands.isEmpty)
    }

    /// Fitting and bias correction pass through the look-ups and reach every layer.
    @Test func layersBehindTablesAreFitted() throws {
        let (result, float, data) = try quantised(PolishingOptions())
        var graph = result.graph
        let fits = try LayerFitting.fit(
            &graph, reference: float, samples: data.map { ($0, $0) },
            options: FittingOptions(rounding: .gptq, compensation: true), run: RunOptions(engine: .reference))
        #expect(fits.count == 4)
        var means = ChannelMeans()
        let plan = try Plan(float, options: RunOptions(engine: .reference))
        for sample in data { try means.collect(plan, sample: sample) }
        let corrected = try BiasCorrection.correct(
            &graph, towards: means, samples: data, options: RunOptions(engine: .reference))
        #expect(corrected > 0)
        #expect(try PolishedStorage.storeAsInt4(&graph).count == 2)
    }
}
