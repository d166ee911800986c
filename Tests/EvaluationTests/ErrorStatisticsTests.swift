import Evaluation
import Foundation
import TensorCore
import Testing

/// Far above the rounding of a few binary64 operations, far below any of the numbers compared.
private let rounding = 1e-12

@Suite struct ErrorStatisticsTests {
    @Test func figuresOfASmallCase() {
        let statistics = ErrorStatistics(reference: [1, 2, 3, 4], candidate: [1, 2, 3, 2])
        #expect(statistics.differing == 1 && statistics.worstIndex == 3)
        #expect(statistics.maximum == 2 && statistics.mean == 0.5 && statistics.rootMeanSquare == 1)
        #expect(statistics.median == 0 && statistics.percentile90 == 2)
        #expect(abs(statistics.sqnr - 10 * log10(30.0 / 4)) < rounding)
        #expect(abs(statistics.acSQNR - 10 * log10(1.25)) < rounding)
        // Covariance 1.0 (sum), deviations sqrt(5) and sqrt(2).
        #expect(abs(statistics.correlation - 2 / (5.0 * 2.0).squareRoot()) < rounding)
        #expect(statistics.referenceRange == 3)
    }

    @Test func equalSidesHaveNoError() {
        let statistics = ErrorStatistics(reference: [.nan, .infinity, 5], candidate: [.nan, .infinity, 5])
        #expect(statistics.maximum == 0 && statistics.differing == 0)
        #expect(statistics.sqnr == .infinity && statistics.correlation == 1)
    }

    @Test(arguments: [(Double.nan, 1.0), (1.0, .nan), (.infinity, 1.0), (.infinity, -.infinity)])
    func oneSideNotFiniteIsInfinitelyWrong(_ expected: Double, _ actual: Double) {
        let statistics = ErrorStatistics(reference: [1, expected, 2], candidate: [1, actual, 2])
        #expect(statistics.maximum == .infinity && statistics.worstIndex == 1 && statistics.differing == 1)
    }

    @Test func quantisedTensorsAreDequantised() {
        let perTensor = Tensor(
            [Int8(-128), 0, 127], shape: [3], quantization: QuantizationParameters(scale: 0.5, zeroPoint: -128))
        #expect(perTensor.realValues() == [0, 64, 127.5])
        let perChannel = Tensor(
            [Int8(1), 2, 3, 4], shape: [2, 2],
            quantization: QuantizationParameters(scales: [0.5, 2], zeroPoints: [0, 1], axis: 1))
        #expect(perChannel.realValues() == [0.5, 2, 1.5, 6])
    }

    @Test func tolerancesCanFail() {
        let reference = (0..<1000).map(Double.init)
        func verdict(_ tolerance: Tolerance, _ error: Double, elements: Int, codes: Bool = false) -> String? {
            var candidate = reference
            for index in 0..<elements { candidate[index] += error }
            return tolerance.judge(ErrorStatistics(reference: reference, candidate: candidate), codes: codes)
        }
        #expect(verdict(.exact, 0, elements: 1) == nil)
        #expect(verdict(.exact, 1e-9, elements: 1) != nil)
        #expect(verdict(.close, 0.009, elements: 1000) == nil)
        #expect(verdict(.close, 0.011, elements: 1) != nil)
        #expect(verdict(.approximate, 0.09, elements: 1000) == nil)
        #expect(verdict(.approximate, 5, elements: 1) == nil)
        #expect(verdict(.approximate, 0.11, elements: 2) != nil)
        #expect(verdict(.approximate, .nan, elements: 1) != nil)
        #expect(verdict(.approximate, 1, elements: 1000, codes: true) == nil)
        #expect(verdict(.approximate, 2, elements: 1, codes: true) != nil)
    }
}

@Suite struct DepthMetricsTests {
    @Test func figuresOfASmallCase() throws {
        let metrics = try #require(
            DepthMetrics(reference: [1, 2, 4, 0, .nan], prediction: [1, 2.4, 6, 5, 5]))
        #expect(metrics.count == 3)
        #expect(abs(metrics.absRel - 0.7 / 3) < rounding)
        #expect(abs(metrics.rmse - (4.16 / 3).squareRoot()) < rounding)
        #expect(abs(metrics.meanError - 0.8) < rounding)
        #expect(abs(metrics.delta1 - 2.0 / 3) < rounding)
    }

    @Test(arguments: [(DepthAlignment.medianScale, 3.0, 0.0), (.scale, 3, 0), (.scaleShift, 3, 0)])
    func alignmentFindsTheScale(alignment: DepthAlignment, scale: Double, shift: Double) throws {
        let metrics = try #require(
            DepthMetrics(reference: [3, 6, 9, 30], prediction: [1, 2, 3, 10], alignment: alignment))
        #expect(abs(metrics.scale - scale) < rounding && abs(metrics.shift - shift) < 1e-9)
        #expect(metrics.rmse < 1e-9 && metrics.delta1 == 1)
    }

    @Test func nothingToMeasure() {
        #expect(DepthMetrics(reference: [0, .nan], prediction: [1, 1]) == nil)
    }
}
