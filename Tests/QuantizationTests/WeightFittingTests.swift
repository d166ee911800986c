import Foundation
import Quantization
import TensorCore
import Testing

/// What NumPy gives; see tools/record_weight_fitting.py.
private struct Recorded: Decodable {
    struct LeastSquares: Decodable, CustomTestStringConvertible {
        var width: Int
        var outputs: Int
        var ridge: Double
        var rows: [Float]
        var targets: [Float]
        var start: [Double]
        var weights: [Double]
        var bias: [Double]
        var testDescription: String { "\(outputs)x\(width), ridge \(ridge)" }
    }
    struct Rounding: Decodable, CustomTestStringConvertible {
        var width: Int
        var outputs: Int
        var weights: [Double]
        var scales: [Float]
        var covariance: [Double]
        var nearest: [Int8]
        var gptq: [Int8]
        var nearestObjective: [Double]
        var leastObjective: [Double]?
        var testDescription: String { "\(outputs)x\(width)" }
    }
    struct Scales: Decodable, CustomTestStringConvertible {
        var weights: [Double]
        var importance: [Double]
        var scale: Float
        var testDescription: String { "\(weights.count) weights" }
    }
    var leastSquares: [LeastSquares]
    var rounding: [Rounding]
    var scales: [Scales]

    static let file: Recorded? = {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/weight_fitting.json")
        return (try? Data(contentsOf: url)).flatMap { try? JSONDecoder().decode(Recorded.self, from: $0) }
    }()
}

extension Recorded.Rounding {
    /// The codes that `method` chooses.
    fileprivate func rounded(_ method: WeightRounding) throws -> RoundedWeights {
        let covariance = Matrix(rows: width, columns: width, covariance)
        let factor = try #require(LinearAlgebra.choleskyFactor(covariance))
        return method.round(
            Matrix(rows: outputs, columns: width, weights), grid: WeightGrid(scales: scales),
            objective: RoundingObjective(covariance: covariance, factor: factor))
    }

    /// (ŵ - w) H (ŵ - w)ᵀ for every output.
    fileprivate func objective(_ rounded: RoundedWeights) -> [Double] {
        let difference = zip(rounded.reals.elements, weights).map { $0 - $1 }
        return (0..<outputs).map { output in
            (0..<width).reduce(0) { sum, i in
                (0..<width).reduce(sum) { inner, j in
                    inner + difference[output * width + i] * covariance[i * width + j] * difference[output * width + j]
                }
            }
        }
    }
}

@Suite struct WeightFittingTests {
    /// Binary64 on both sides; the systems' condition numbers are below 1e4, and targets are kept in steps of 2^-16.
    private static let solved = 1e-5

    @Test func everyCaseIsFound() throws {
        let file = try #require(Recorded.file)
        #expect(file.leastSquares.count == 3 && file.rounding.count == 4 && file.scales.count == 3)
    }

    @Test(arguments: Recorded.file?.leastSquares ?? [])
    private func compensationIsLeastSquares(_ problem: Recorded.LeastSquares) throws {
        var statistics = GramStatistics(inputs: problem.width, outputs: problem.outputs, resolution: 0x1p-16)
        statistics.add(problem.rows, targets: problem.targets)
        let moments = statistics.moments(order: Array(0..<problem.width))
        let factor = try #require(LinearAlgebra.choleskyFactor(moments.covariance.addingToDiagonal(problem.ridge)))
        let solution = ActivationCompensation.solve(
            moments, towards: Matrix(rows: problem.outputs, columns: problem.width, problem.start),
            ridge: problem.ridge, factor: factor)
        for (ours, wanted) in zip(solution.elements, problem.weights) { #expect(abs(ours - wanted) < Self.solved) }
        // Means of up to 200 targets that are each rounded by half a step.
        for (ours, wanted) in zip(moments.bias(for: solution), problem.bias) { #expect(abs(ours - wanted) < 1e-3) }
    }

    @Test(arguments: Recorded.file?.rounding ?? [])
    private func codesAreThoseOfThePublishedAlgorithm(_ layer: Recorded.Rounding) throws {
        #expect(try layer.rounded(.nearest).codes == layer.nearest)
        #expect(try layer.rounded(.gptq).codes == layer.gptq)
    }

    @Test(arguments: Recorded.file?.rounding ?? [])
    private func adaRoundIsNoWorseThanNearestAndOftenTheBest(_ layer: Recorded.Rounding) throws {
        let reached = layer.objective(try layer.rounded(.adaRound))
        for (ours, nearest) in zip(reached, layer.nearestObjective) { #expect(ours <= nearest * (1 + 1e-9)) }
        guard let least = layer.leastObjective else { return }
        for (ours, best) in zip(reached, least) { #expect(ours >= best * (1 - 1e-9)) }
        // A local optimum of single changes; NumPy tried all 2^width choices.
        let best = zip(reached, least).filter { $0 <= $1 * (1 + 1e-9) }.count
        #expect(best * 2 > layer.outputs, "\(best) of \(layer.outputs)")
    }

    @Test(arguments: Recorded.file?.scales ?? [])
    private func theScaleIsTheBestOfThoseTried(_ row: Recorded.Scales) {
        let weights = Matrix(rows: 1, columns: row.weights.count, row.weights)
        #expect(ScaleChoice.scales(for: weights, importance: row.importance) == [row.scale])
    }

    @Test func statisticsMergeInAnyOrder() throws {
        let problem = try #require(Recorded.file?.leastSquares.last)
        func statistics(_ rows: some Sequence<Int>) -> GramStatistics {
            var result = GramStatistics(inputs: problem.width, outputs: problem.outputs, resolution: 0x1p-16)
            for row in rows {
                result.add(
                    Array(problem.rows[row * problem.width..<(row + 1) * problem.width]),
                    targets: Array(problem.targets[row * problem.outputs..<(row + 1) * problem.outputs]))
            }
            return result
        }
        let count = problem.rows.count / problem.width
        var whole = GramStatistics(inputs: problem.width, outputs: problem.outputs, resolution: 0x1p-16)
        whole.add(problem.rows, targets: problem.targets)
        var parts = [
            stride(from: 0, to: count, by: 3), stride(from: 1, to: count, by: 3), stride(from: 2, to: count, by: 3),
        ]
        .map { statistics(Array($0).reversed()) }
        var merged = parts.removeLast()
        for part in parts { merged.merge(part) }
        #expect(merged == whole)
    }

    @Test func wideInputsAreSummedExactly() {
        // Products of 2^15 and of 1: binary32 would lose the small ones.
        var statistics = GramStatistics(inputs: 2, outputs: 1, resolution: 1)
        statistics.add([32767, 1, -32767, 1], targets: [0, 0])
        statistics.add([255, 1, -255, -1], targets: [0, 0])
        let moments = statistics.moments(order: [0, 1])
        #expect(moments.covariance[0, 0] == Double(2 * (32767 * 32767 + 255 * 255)) / 4)
        #expect(moments.covariance[1, 0] == Double(2 * 255) / 4)
        #expect(moments.inputMeans == [0, 0.5])
        #expect(moments.covariance[1, 1] == 1 - 0.25)
    }
}
