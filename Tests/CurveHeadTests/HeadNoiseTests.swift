import CurveHead
import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

@Suite struct HeadNoiseTests {
    /// Noise of `steps` steps of an 8-bit output of the range 0...255.
    private func noise(of steps: Double) -> HeadNoise {
        var noise = HeadNoise(range: 0...255)
        let wanted = (1...254).map(Double.init)
        noise.add(wanted: wanted, found: wanted.enumerated().map { $1 + ($0 % 2 == 0 ? steps : -steps) })
        return noise
    }

    @Test func gainsFollowFromVariances() {
        let half = noise(of: 0.5)
        #expect(half.steps == 0.5)
        // Variances: 1/4 of noise; 1/12 of rounding, or 1/12/25 with a curve five times as long.
        #expect(abs(half.largestGain - (4.0 / 3).squareRoot()) < 1e-12)
        #expect(abs(half.gain(length: 1275) - ((1.0 / 3) / (0.25 + 1 / 300.0)).squareRoot()) < 1e-12)
        #expect(half.gain(length: 255) == 1)
        #expect(noise(of: 0).gain(length: 510) == 2)
        // The mean of the squares of 1...254 less the square of their mean is (254² - 1) / 12.
        #expect(abs(half.decibels - 43.3254) < 1e-3)
    }

    @Test func choosesTheShortestCurveThatGainsNearlyAll() throws {
        #expect(try noise(of: 0).bestCurve == ExactCurve(.serpentine, order: 4))
        // 1.2953 of 1.3540 with order 1, 1.3320 with order 2.
        #expect(try noise(of: 0.31624).bestCurve == ExactCurve(.serpentine, order: 2))
        // The largest gain is 1.0210 and 1.0184.
        #expect(noise(of: 1.4).bestCurve != nil)
        #expect(noise(of: 1.5).bestCurve == nil)
    }

    @Test func countsOnlyWhatTheOutputCanShow() {
        var noise = HeadNoise(range: 0...255)
        noise.add(wanted: [-40, 300, 10, .nan], found: [-80, 256, 13, 1])
        #expect(abs(noise.deviation - 3.0.squareRoot()) < 1e-12)
    }

    /// The accumulator of a quantised graph is its exact real sum, beyond what its codes and its activation can show; that of a
    /// float graph is what precedes the activation.
    @Test func accumulatorsAreNotClipped() throws {
        var head = HeadGraph(
            input: TensorType(.int8, [1, 2, 3, 2], quantization: QuantizationParameters(scale: 0.5, zeroPoint: -3)))
        let weights = head.constant(HeadGraph.weights([100, -7], [1, 1, 1, 2], scale: 0.25))
        let bias = head.constant(Tensor([Int32(41)], shape: [1]))
        try head.add(
            .conv2D(Conv2D(padding: .valid, activation: .relu)), [head.last, weights, bias],
            QuantizationParameters(scale: 1, zeroPoint: -128))
        try head.add(.dequantize, [head.last])
        try head.add(.unary(.logistic), [head.last])
        let found = try ExactHead.accumulator(of: head.last, in: head.finished())
        #expect(found.range == 0...255 && found.location == "node 0" && found.resultName == "value 0")
        let codes: [Int8] = [-128, 127, 127, -128, 0, 0, 5, -9, 44, 2, -3, -3]
        let result = try Plan(found.graph).run([Tensor(codes, shape: [1, 2, 3, 2])])
        let sums = stride(from: 0, to: 12, by: 2).map { 100 * (Int(codes[$0]) + 3) - 7 * (Int(codes[$0 + 1]) + 3) + 41 }
        #expect(result[0].doubles() == sums.map { Double($0) / 8 })

        var float = HeadGraph(input: TensorType(.float32, [1, 2, 3, 2]))
        let reals = float.constant(Tensor([Float(25), -1.75], shape: [1, 1, 1, 2]))
        let offset = float.constant(Tensor([Float(5.125)], shape: [1]))
        try float.add(.conv2D(Conv2D(padding: .valid, activation: .relu)), [float.last, reals, offset])
        let wanted = try ExactHead.accumulator(of: float.last, in: float.finished())
        #expect(wanted.range == nil)
        let features = codes.map { (Float($0) + 3) / 2 }
        #expect(
            try Plan(wanted.graph).run([Tensor(features, shape: [1, 2, 3, 2])])[0].doubles() == result[0].doubles())
    }
}
