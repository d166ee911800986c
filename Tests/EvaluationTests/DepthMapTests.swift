import Evaluation
import Foundation
import Testing

/// Depth maps with what NumPy and SciPy say of them; tools/record_depth_metrics.py makes the file.
struct RecordedMap: Decodable, CustomTestStringConvertible {
    struct Expected: Decodable {
        var absRel, rmse, meanError, d1, delta1: Double
        var windows: Int
        var smoothness: Double?
        var standardDeviation, quantizationRMSE, jumps, edges: Double
        var jumpsAtEdges: Double?
    }

    var name: String
    var width: Int
    var range: Double
    var truth, reference, candidate: [Double]
    var expected: Expected

    var testDescription: String { name }

    static let all: [RecordedMap] = {
        struct File: Decodable { var cases: [RecordedMap] }
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/depth_maps.json")
        guard let data = try? Data(contentsOf: path), let file = try? JSONDecoder().decode(File.self, from: data) else {
            return []
        }
        return file.cases
    }()
}

@Suite struct DepthMapTests {
    /// A few hundred binary64 operations in another order, relative to figures of the order of 1.
    private static let rounding = 1e-11
    /// Differences are kept as binary32: half a step of 2^-20 at 8 to 16 px, over the range of 48.
    private static let singlePrecision = 2e-8

    @Test func everyCaseIsFound() { #expect(RecordedMap.all.count == 5) }

    @Test(arguments: RecordedMap.all)
    func accuracy(_ map: RecordedMap) throws {
        let metrics = try #require(DepthMetrics(reference: map.truth, prediction: map.candidate))
        for (actual, expected) in [
            (metrics.absRel, map.expected.absRel), (metrics.rmse, map.expected.rmse),
            (metrics.meanError, map.expected.meanError), (metrics.d1, map.expected.d1),
            (metrics.delta1, map.expected.delta1),
        ] { #expect(abs(actual - expected) < Self.rounding, "\(actual), recorded \(expected)") }
    }

    @Test(arguments: RecordedMap.all)
    func smoothness(_ map: RecordedMap) {
        var score = SmoothnessScore()
        score.add(reference: map.truth, prediction: map.candidate, width: map.width)
        #expect(score.windows == map.expected.windows)
        guard let expected = map.expected.smoothness else {
            #expect(score.value == nil)
            return
        }
        #expect(
            abs((score.value ?? .nan) - expected) < Self.rounding, "\(String(describing: score.value)), \(expected)")
    }

    @Test func terracesLowerTheSmoothnessOnly() throws {
        let maps = RecordedMap.all
        let smooth = try #require(maps.first { $0.name == "smooth plane" }).expected
        let terraced = try #require(maps.first { $0.name == "terraced plane" }).expected
        #expect(try #require(smooth.smoothness) > #require(terraced.smoothness) + 0.2)
        #expect(terraced.absRel < 0.005)
    }

    @Test(arguments: RecordedMap.all)
    func quantizationError(_ map: RecordedMap) throws {
        let edges = DepthEdges.near(map.truth, width: map.width)
        var collector = QuantizationErrorCollector(range: map.range)
        collector.add(reference: map.reference, candidate: map.candidate, edges: edges)
        let error = try #require(collector.result)
        #expect(abs(error.standardDeviation - map.expected.standardDeviation) < Self.singlePrecision)
        #expect(abs(error.rmse - map.expected.quantizationRMSE) < Self.rounding)
        #expect(abs(error.jumps - map.expected.jumps) < Self.rounding)
        #expect(error.jumpsAtEdges.map { abs($0 - (map.expected.jumpsAtEdges ?? .nan)) < Self.rounding } ?? true)
        #expect((error.jumpsAtEdges == nil) == (map.expected.jumpsAtEdges == nil))
        #expect(abs((error.edges ?? .nan) - map.expected.edges) < Self.rounding)
    }

    @Test func pooledPartsAreTheWhole() throws {
        let maps = RecordedMap.all
        let parts = maps.compactMap { DepthMetrics(reference: $0.truth, prediction: $0.candidate) }
        let pooled = try #require(DepthMetrics(pooling: parts))
        let whole = try #require(
            DepthMetrics(reference: maps.flatMap(\.truth), prediction: maps.flatMap(\.candidate)))
        #expect(pooled.count == whole.count)
        for figure in [\DepthMetrics.absRel, \.rmse, \.meanError, \.d1, \.delta1] {
            #expect(abs(pooled[keyPath: figure] - whole[keyPath: figure]) < Self.rounding)
        }
    }

    @Test func valuesThatAreNotFiniteAreCountedApart() throws {
        var collector = QuantizationErrorCollector(range: 1)
        collector.add(reference: [0.1, 0.2, .nan], candidate: [0.1, .infinity, 0.3])
        let error = try #require(collector.result)
        #expect(error.count == 1 && error.notFinite == 2 && error.jumps == 0 && error.edges == nil)
        #expect(QuantizationErrorCollector(range: 1).result == nil)
    }
}
