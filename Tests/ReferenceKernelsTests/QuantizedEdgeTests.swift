import Operators
import ReferenceKernels
import TensorCore
import Testing

/// Operands and parameters of quantised operators on which careless arithmetic would trap.
struct QuantizedEdgeTests {
    private static let parameters = QuantizationParameters(scale: 0.5, zeroPoint: 3)

    @Test func quantizingWhatIsNoNumber() throws {
        let reals = Tensor([Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -1e30, 0.25], shape: [6])
        let output = TensorType(.int8, [6], quantization: Self.parameters)
        let codes = try ReferenceKernels.evaluate(.quantize(to: .int8), inputs: [reals], outputTypes: [output])
        #expect(codes[0].elements(of: Int8.self) == [3, 127, -128, 127, -128, 4])
    }

    @Test func dividingByAQuantizedZeroIsAnError() {
        let operand = Tensor([UInt8(3), 4], shape: [2], quantization: Self.parameters)
        #expect(throws: Diagnostic.self) {
            try ReferenceKernels.evaluate(
                .binary(Binary(.div)), inputs: [operand, operand], outputTypes: [operand.type])
        }
    }

    @Test func sumsOfProductsWrap() throws {
        let input = Tensor(
            [Int8(-128), -128], shape: [1, 2], quantization: QuantizationParameters(scale: 1, zeroPoint: 0))
        let weights = Tensor(
            [Int8(-128), -128], shape: [1, 2], quantization: QuantizationParameters(scale: 1, zeroPoint: 0))
        let bias = Tensor([Int32.max], shape: [1])
        let output = TensorType(.int8, [1, 1], quantization: QuantizationParameters(scale: 1, zeroPoint: 0))
        let results = try ReferenceKernels.evaluate(
            .fullyConnected(FullyConnected(keepDimensions: false)), inputs: [input, weights, bias],
            outputTypes: [output])
        // 2 * 16384 + (2^31 - 1) wraps to -2^31 + 32767.
        #expect(results[0].elements(of: Int8.self) == [-128])
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude])
    func dynamicRangeOperatorsTakeEveryFloat(_ value: Float) throws {
        let input = Tensor([value, 1, -1, 0], shape: [1, 2, 2, 1])
        let weights = Tensor(
            [Int8(1), -127], shape: [2, 1, 1, 1],
            quantization: QuantizationParameters(scales: [1, 2], zeroPoints: [0, 0], axis: 0))
        let results = try ReferenceKernels.evaluate(
            .conv2D(Conv2D(padding: .same)), inputs: [input, weights, nil],
            outputTypes: [TensorType(.float32, [1, 2, 2, 2])])
        #expect(results[0].count == 8)
    }

    /// Every recorded case again with parameters that no sane file has: an error or some codes, never a trap.
    @Test(arguments: LiteRTCase.all) func absurdParametersNeverTrap(_ recorded: LiteRTCase) throws {
        let op = try recorded.makeOperator()
        let inputs = try recorded.inputs.map { try $0?.tensor() }
        let expected = try recorded.outputs.map { try $0.tensor().type }
        for scale in [Float.leastNonzeroMagnitude, 1e-30, 1, 1e30, .greatestFiniteMagnitude, 0, -1, .nan, .infinity] {
            for zeroPoint in [Int32.min, -1, 0, 255, Int32.max] {
                func absurd(_ type: TensorType, _ position: Int) -> TensorType {
                    guard var parameters = type.quantization else { return type }
                    if position % 2 == 0 {
                        parameters.scales = parameters.scales.map { _ in scale }
                    } else {
                        parameters.scales = parameters.scales.map { $0 * scale }
                    }
                    parameters.zeroPoints = parameters.zeroPoints.map { _ in zeroPoint }
                    return TensorType(type.elementType, type.shape, quantization: parameters)
                }
                for mask in 1...3 {
                    let operands = inputs.enumerated().map { position, tensor in
                        mask & 1 == 1 ? tensor.map { $0.retyped(absurd($0.type, position)) } : tensor
                    }
                    let types = mask & 2 == 2 ? expected.map { absurd($0, 0) } : expected
                    do {
                        let results = try ReferenceKernels.evaluate(op, inputs: operands, outputTypes: types)
                        #expect(results.map(\.count) == types.map(\.shape.elementCount))
                    } catch is Diagnostic {}
                }
            }
        }
    }
}
