import Foundation
import Quantization
import TensorCore
import Testing

/// Tiny layers and the best of all their roundings; see tools/record_weight_fitting.py.
private struct Enumerated: Decodable {
    struct Layer: Decodable {
        var outputs: Int
        /// In units of the scale.
        var weights: [Double]
        /// Lower triangles by rows.
        var covariance: [Double]
        var curvature: [Double]
        /// The coupled objective of the nearest codes, and its least over all choices of up and down.
        var nearest: Double
        var least: Double
        /// The same over the four codes around every weight, of small layers.
        var leastOfFour: Double?
        /// The least sum of the outputs' own objectives.
        var leastAlone: Double

        var matrix: Matrix { Matrix(rows: outputs, columns: weights.count / outputs, weights) }
        var grid: WeightGrid { WeightGrid(scales: [Float](repeating: 1, count: outputs), limit: 7) }

        func objective(coupled: Bool) throws -> RoundingObjective {
            let inputs = Matrix(lower: covariance, order: weights.count / outputs)
            return RoundingObjective(
                covariance: inputs, factor: try #require(LinearAlgebra.choleskyFactor(inputs)),
                curvature: coupled ? Matrix(lower: curvature, order: outputs) : nil)
        }
    }
    var layers: [Layer]

    static func read() throws -> [Layer] {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/rounding_enumeration.json")
        return try JSONDecoder().decode(Enumerated.self, from: Data(contentsOf: url)).layers
    }
}

extension Matrix {
    /// A symmetric matrix from its lower triangle.
    init(lower: [Double], order: Int) {
        self.init(rows: order, columns: order)
        var next = lower.makeIterator()
        for row in 0..<order {
            for column in 0...row {
                self[row, column] = next.next() ?? .nan
                self[column, row] = self[row, column]
            }
        }
    }
}

@Suite struct RoundingQualityTests {
    /// Binary64 on both sides, forms of up to 256 products whose terms cancel by up to 10^4.
    private static let form = 1e-9
    /// Distances to the optimum, relative to it, that the search is held to.
    private static let median = 0.01
    private static let almostAll = 0.05

    @Test func theCoupledObjectiveIsItsMatrixForm() throws {
        let layers = try Enumerated.read()
        #expect(layers.count == 1000 && layers.contains { $0.outputs == 1 } && layers.contains { $0.outputs == 3 })
        for layer in layers {
            let rounded = WeightRounding.nearest.round(
                layer.matrix, grid: layer.grid, objective: try layer.objective(coupled: true))
            let reached = try layer.objective(coupled: true).parts(rounded, of: layer.matrix).reduce(0, +)
            #expect(abs(reached - layer.nearest) <= Self.form * layer.nearest)
        }
    }

    /// ``WeightRounding/adaRound`` chooses up and down for every output alone.
    @Test func adaRoundComesCloseToTheBestOfAllChoices() throws {
        var gaps: [Double] = []
        for layer in try Enumerated.read() {
            let objective = try layer.objective(coupled: false)
            let rounded = WeightRounding.adaRound.round(layer.matrix, grid: layer.grid, objective: objective)
            let reached = objective.parts(rounded, of: layer.matrix).reduce(0, +)
            gaps.append(reached / layer.leastAlone - 1)
            #expect(reached >= layer.leastAlone * (1 - Self.form))
        }
        expectSmall(gaps)
    }

    /// ``WeightRounding/kfac`` may leave the two codes next to a weight, and is then better than the best of them.
    @Test func coupledRoundingComesCloseToTheBestOfAllChoices() throws {
        var gaps: [Double] = []
        var wide: [Double] = []
        var better = 0
        for layer in try Enumerated.read() {
            let objective = try layer.objective(coupled: true)
            let rounded = WeightRounding.kfac.round(layer.matrix, grid: layer.grid, objective: objective)
            let reached = objective.parts(rounded, of: layer.matrix).reduce(0, +)
            gaps.append(reached / layer.least - 1)
            if let least = layer.leastOfFour { wide.append(reached / least - 1) }
            let alone = WeightRounding.adaRound.round(layer.matrix, grid: layer.grid, objective: objective)
            if reached < objective.parts(alone, of: layer.matrix).reduce(0, +) * (1 - Self.form) { better += 1 }
        }
        expectSmall(gaps)
        expectSmall(wide)
        #expect(wide.count > 200)
        #expect(better > 200, "coupling helps where outputs share a loss")
    }

    private func expectSmall(_ gaps: [Double]) {
        let sorted = gaps.sorted()
        #expect(sorted[sorted.count / 2] < Self.median)
        #expect(sorted[sorted.count * 95 / 100] < Self.almostAll)
    }

    /// Layers too wide for the search that sees all weights at once, rows visited in turn.
    @Test(arguments: [(12, 40), (40, 12), (9, 300)])
    func wideCoupledLayersComeLowerThanTheirStarts(outputs: Int, width: Int) throws {
        var random = Numbers(state: UInt64(outputs))
        func positive(_ order: Int, _ rank: Int) -> Matrix {
            let rows = (0..<rank).map { _ in (0..<order).map { _ in Double(random.next()) } }
            var result = Matrix(rows: order, columns: order)
            for i in 0..<order {
                for j in 0..<order { result[i, j] = rows.reduce(i == j ? 0.01 : 0) { $0 + $1[i] * $1[j] } }
            }
            return result
        }
        let covariance = positive(width, width / 2)
        let objective = RoundingObjective(
            covariance: covariance, factor: try #require(LinearAlgebra.choleskyFactor(covariance)),
            curvature: positive(outputs, 3))
        let weights = Matrix(
            rows: outputs, columns: width, (0..<outputs * width).map { _ in Double(random.next()) * 6.5 })
        let grid = WeightGrid(scales: [Float](repeating: 1, count: outputs), limit: 7)
        func reached(_ method: WeightRounding) -> Double {
            objective.parts(method.round(weights, grid: grid, objective: objective), of: weights).reduce(0, +)
        }
        let coupled = reached(.kfac)
        for method in [WeightRounding.nearest, .gptq, .adaRound] { #expect(coupled < reached(method) * 0.9) }
    }

    @Test func refittedScalesAreLeastSquares() throws {
        for layer in try Enumerated.read().prefix(50) {
            let objective = try layer.objective(coupled: true)
            let rounded = WeightRounding.gptq.round(layer.matrix, grid: layer.grid, objective: objective)
            func reached(_ scales: [Float]) -> Double {
                var other = rounded
                other.scales = scales
                return objective.parts(other, of: layer.matrix).reduce(0, +)
            }
            // One output after the other comes to the joint optimum.
            var scales = rounded.scales
            for _ in 0..<400 {
                var next = rounded
                next.scales = scales
                let refitted = objective.refittedScales(next, of: layer.matrix)
                #expect(reached(refitted) <= reached(scales) * (1 + 1e-6))
                if refitted == scales { break }
                scales = refitted
            }
            for row in scales.indices {
                for share in [Float(0.99), 1.01] {
                    var other = scales
                    other[row] *= share
                    #expect(reached(other) >= reached(scales) * (1 - 1e-6))
                }
            }
        }
    }

    /// A curvature that says nothing leaves every output a problem of its own.
    @Test(arguments: [0, Double.nan, -1])
    func curvatureWithoutMeaningCountsAsNone(diagonal: Double) throws {
        let layer = try #require(Enumerated.read().first { $0.outputs == 3 })
        let alone = try layer.objective(coupled: false)
        let curvature = Matrix(rows: 3, columns: 3).addingToDiagonal(diagonal)
        let coupled = RoundingObjective(
            covariance: alone.covariance, factor: alone.factor, curvature: curvature, damping: 0.01)
        let rounded = [alone, coupled].map { WeightRounding.kfac.round(layer.matrix, grid: layer.grid, objective: $0) }
        #expect(rounded[0] == rounded[1])
    }
}
