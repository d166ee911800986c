import Foundation
import Quantization
import TensorCore
import Testing

/// What NumPy and SciPy chose for the same elements; see tools/record_range_methods.py.
private struct Recorded: Decodable {
    struct Case: Decodable, CustomTestStringConvertible, Sendable {
        var name: String
        var samples: [[Int]]
        var minmax: [Double]
        var average: [Double]
        var percentile: [String: [Double]]
        var entropy: Double
        var leastSquaredError: [String: Double]
        var testDescription: String { name }
    }

    var unit: Float
    var cases: [Case]

    static let all: Recorded? = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let file = folder.appendingPathComponent("Recorded/range_methods.json")
        return (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(Recorded.self, from: $0) }
    }()
    static var cases: [Case] { all?.cases ?? [] }
}

extension Recorded.Case {
    fileprivate var tensors: [Tensor] {
        let unit = Recorded.all?.unit ?? 1
        return samples.map { Tensor($0.map { Float($0) * unit }, shape: [$0.count]) }
    }

    /// The samples in two shards, merged the wrong way round.
    fileprivate var statistics: RangeStatistics {
        var shards = [RangeStatistics(), RangeStatistics()]
        for (i, tensor) in tensors.enumerated() { shards[i % 2].add(tensor) }
        shards[1].merge(shards[0])
        return shards[1]
    }
}

@Suite struct RangeMethodTests {
    @Test func distributionsAreFound() { #expect(Recorded.cases.count == 6) }

    /// Elements are whole multiples of 2^-12 below 2^12, exact in binary32.
    @Test(arguments: Recorded.cases)
    fileprivate func extremesAreThoseOfNumPy(_ expected: Recorded.Case) {
        let range = expected.statistics.range(by: .minMax, levels: 256)
        #expect(Double(range.lowerBound) == min(expected.minmax[0], 0))
        #expect(Double(range.upperBound) == max(expected.minmax[1], 0))
    }

    /// Sums of four extremes are exact; their quarter is rounded to binary32 once.
    @Test(arguments: Recorded.cases)
    fileprivate func averagesAreThoseOfNumPy(_ expected: Recorded.Case) {
        let range = expected.statistics.range(by: .averageMinMax, levels: 256)
        #expect(range.lowerBound == Float(min(expected.average[0], 0)))
        #expect(range.upperBound == Float(max(expected.average[1], 0)))
    }

    /// The outer edges of the bins that hold NumPy's outermost elements.
    @Test(arguments: Recorded.cases, ["99", "99.9"])
    fileprivate func percentilesAreThoseOfNumPy(_ expected: Recorded.Case, _ percent: String) throws {
        let statistics = expected.statistics
        let kept = try #require(expected.percentile[percent])
        let range = statistics.range(by: .percentile(try #require(Double(percent))), levels: 256)
        let width = pow(2, Double(statistics.exponent))
        let low = (kept[0] / width).rounded(.down) * width
        let high = ((kept[1] / width).rounded(.down) + 1) * width
        #expect(Double(range.lowerBound) == min(max(low, expected.minmax[0]), 0))
        #expect(Double(range.upperBound) == max(min(high, expected.minmax[1]), 0))
    }

    /// The very bin that SciPy's relative entropy picks among all candidates.
    @Test(arguments: Recorded.cases)
    fileprivate func entropyPicksWhatSciPyPicks(_ expected: Recorded.Case) {
        let range = expected.statistics.range(by: .entropy, levels: 256)
        #expect(Double(range.lowerBound) == max(-expected.entropy, min(expected.minmax[0], 0)))
        #expect(Double(range.upperBound) == min(expected.entropy, max(expected.minmax[1], 0)))
    }

    /// Ends move in steps of a fiftieth of the extremes and elements are known by their bin only: that costs at most
    /// 5 % of the least squared error.
    @Test(arguments: Recorded.cases, ["16", "256"])
    fileprivate func squaredErrorIsCloseToTheLeast(_ expected: Recorded.Case, _ name: String) throws {
        let levels = try #require(Int(name))
        let range = expected.statistics.range(by: .meanSquaredError, levels: levels)
        let (low, high) = (Double(range.lowerBound), Double(range.upperBound))
        let scale = (high - low) / Double(levels - 1)
        let zeroPoint = (-low / scale).rounded(.toNearestOrEven)
        let elements = expected.tensors.flatMap { $0.doubles() }
        let error = elements.reduce(0) { sum, x in
            let code = min(max((x / scale).rounded(.toNearestOrEven) + zeroPoint, 0), Double(levels - 1))
            let difference = x - (code - zeroPoint) * scale
            return sum + difference * difference
        }
        let least = try #require(expected.leastSquaredError[name])
        #expect(error / Double(elements.count) <= least * 1.05)
    }
}
