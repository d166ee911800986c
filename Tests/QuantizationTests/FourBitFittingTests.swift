import GraphIR
import Quantization
import Runtime
import TensorCore
import Testing

@Suite struct FourBitFittingTests {
    private static let kinds = FittedKind.allCases.filter { $0 != .transposed }

    private func weights(_ graph: Graph) throws -> Tensor {
        let node = try #require(graph.nodes.first { $0.location == "layer" })
        return try #require(
            node.inputs.compactMap { $0.flatMap { graph.constant($0) } }.first {
                [.int4, .int8].contains($0.elementType)
            })
    }

    @Test(arguments: kinds, WeightRounding.allCases)
    func fourBitWeightsComeCloser(kind: FittedKind, rounding: WeightRounding) throws {
        let problem = try FittingProblem(kind)
        var graph = try problem.fourBit()
        let before = try problem.error(graph)
        let fits = try problem.fit(&graph, FittingOptions(rounding: rounding))
        #expect(fits.count == 1 && fits[0].isKept && fits[0].groupSize == nil && fits[0].warning == nil)
        let weights = try weights(graph)
        #expect(weights.elementType == .int4)
        #expect(weights.elements(of: Int8.self).allSatisfy { (-7...7).contains($0) })
        #expect(try problem.error(graph) < before * 0.9)
    }

    /// Weights of three sizes, which one scale a row serves badly.
    @Test(arguments: [WeightRounding.nearest, .gptq, .kfac])
    func groupsHaveStepsOfTheirOwn(rounding: WeightRounding) throws {
        let problem = try FittingProblem(.convolution, weight: { [1, 0.25, 0.06][$0 / 12] })
        var options = FittingOptions(rounding: rounding)
        var errors: [Double] = []
        for size in [nil, 12] {
            options.groupSize = size
            var graph = try problem.fourBit()
            let fits = try problem.fit(&graph, options)
            #expect(fits.map(\.groupSize) == [size])
            errors.append(fits[0].after)
            let weights = try weights(graph)
            #expect(weights.elementType == (size == nil ? .int4 : .int8))
            guard let size else { continue }
            let codes = weights.elements(of: Int8.self)
            var factors: Set<Int> = []
            for first in stride(from: 0, to: codes.count, by: size) {
                let group = codes[first..<first + size].map { Int($0) }
                let factor = (1...18).first { m in group.allSatisfy { $0 % m == 0 && abs($0 / m) <= 7 } }
                factors.insert(try #require(factor, "\(group)"))
            }
            #expect(factors.count > 1)
        }
        #expect(errors[1] < errors[0] / 2)
    }

    /// Rows no longer than a group, and 8-bit weights, stay as they are.
    @Test func groupsNeedRoomAndFourBits() throws {
        var options = FittingOptions()
        for (kind, size) in [(FittedKind.depthwise, 9), (.fullyConnected, 4), (.convolution, 0), (.convolution, -3)] {
            let problem = try FittingProblem(kind)
            var graph = try problem.fourBit()
            options.groupSize = size
            #expect(try problem.fit(&graph, options).map(\.groupSize) == [nil])
            #expect(try weights(graph).elementType == .int4)
        }
        options.groupSize = 12
        let problem = try FittingProblem(.convolution)
        var graph = problem.quantised
        #expect(try problem.fit(&graph, options).map(\.groupSize) == [nil])
    }

    @Test(arguments: [FittedKind.withoutBias, .fullyConnected])
    func curvatureDecidesBetweenOutputs(kind: FittedKind) throws {
        let problem = try FittingProblem(kind)
        // What every output adds to a shared sum, and two that matter by themselves.
        var curvature = Matrix(rows: 6, columns: 6, [Double](repeating: 1, count: 36)).addingToDiagonal(0.05)
        for i in 0..<2 { curvature[i, i] += 5 }
        let errors = try [WeightRounding.adaRound, .kfac].map { rounding in
            var options = FittingOptions(rounding: rounding)
            options.curvature = ["layer": curvature]
            var graph = try problem.fourBit()
            #expect(try problem.fit(&graph, options).map(\.isKept) == [true])
            return try problem.error(graph, curvature: curvature)
        }
        #expect(errors[1] < errors[0])
    }

    /// A curvature of another size, or without numbers, is as good as none.
    @Test func curvatureThatDoesNotFitIsNotUsed() throws {
        let problem = try FittingProblem(.convolution)
        let found = try [
            nil, Matrix(rows: 5, columns: 5).addingToDiagonal(1),
            Matrix(rows: 6, columns: 6).addingToDiagonal(.nan),
        ].map { curvature in
            var options = FittingOptions(rounding: .kfac)
            var graph = try problem.fourBit()
            if let curvature { options.curvature = ["layer": curvature] }
            _ = try problem.fit(&graph, options)
            return try weights(graph)
        }
        #expect(found[0].isIdentical(to: found[1]) && found[0].isIdentical(to: found[2]))
    }
}

/// Inputs that do not determine a layer's weights.
enum PoorInputs: String, CaseIterable, CustomTestStringConvertible {
    case constant, zeroChannel, twins, outlier, fewRows, oneImage

    var testDescription: String { rawValue }

    func change(_ values: inout [Float]) {
        switch self {
        case .constant: for i in values.indices { values[i] = 0.5 }
        case .zeroChannel: for i in values.indices where i % 4 == 2 { values[i] = 0 }
        case .twins: for i in values.indices where i % 4 == 3 { values[i] = values[i - 1] }
        case .outlier: for i in values.indices where i % 4 == 1 { values[i] *= 1e4 }
        case .fewRows, .oneImage: break
        }
    }

    /// Of a layer with 24 inputs.
    var warning: String? {
        switch self {
        case .constant: "24 of 24 inputs are constant"
        case .zeroChannel: "6 of 24 inputs are constant"
        case .twins: "the covariance is singular"
        case .outlier: "damping outweighs the variance of 18 of 24 inputs"
        case .fewRows: "15 rows for 24 inputs"
        case .oneImage: nil
        }
    }
}

@Suite struct PoorInputsTests {
    @Test(arguments: PoorInputs.allCases, WeightRounding.allCases)
    func poorInputsAreFittedAndNamed(inputs: PoorInputs, rounding: WeightRounding) throws {
        // 8-bit codes would leave nothing of the channels next to the outlier.
        let problem = try FittingProblem(
            .withoutBias, samples: inputs == .oneImage ? 1 : 4, type: inputs == .outlier ? .int16 : .int8,
            change: inputs.change)
        for compensation in [false, true] {
            var options = FittingOptions(rounding: rounding, compensation: compensation)
            if inputs == .fewRows { (options.rowsPerInput, options.leastRows) = (0, 15) }
            var graph = inputs == .outlier ? problem.quantised : try problem.fourBit()
            let before = try problem.error(graph)
            let fits = try problem.fit(&graph, options)
            #expect(fits.map(\.warning) == [inputs.warning])
            #expect(fits.allSatisfy { $0.before.isFinite && $0.after.isFinite })
            #expect(try problem.error(graph) <= before * 1.01)
        }
    }
}
