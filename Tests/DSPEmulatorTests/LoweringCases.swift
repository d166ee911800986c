import GraphIR
import Operators
import TensorCore

extension LoweringCase {
    static let all = functions + arithmetic + windows + joining + layout + convolutions

    static func perTensor(_ scale: Float, _ zeroPoint: Int32) -> QuantizationParameters {
        QuantizationParameters(scale: scale, zeroPoint: zeroPoint)
    }

    /// int8 codes whose range ends at 0 below and 6.375 above.
    static let positive = QuantizationParameters(scale: 0.025, zeroPoint: -128)

    private static func function(_ name: String, _ op: Operator) -> LoweringCase {
        LoweringCase(name) { builder in
            builder.add(op, [builder.input([1, 8])], results: [builder.tensor([1, 8], quantization: positive)])
        }
    }

    private static func pair(_ name: String, _ op: Operator) -> LoweringCase {
        LoweringCase(name) { builder in
            let a = builder.input([2, 8], .uint8, quantization: perTensor(0.5, 0))
            let b = builder.input([2, 8], .uint8, quantization: perTensor(0.25, 128))
            return builder.add(op, [a, b], results: [builder.tensor([2, 8], .uint8, quantization: perTensor(1, 10))])
        }
    }

    static func integers(_ builder: inout ListingBuilder, _ values: [Int32], _ shape: Shape? = nil) -> Int {
        builder.constant(Tensor(values, shape: shape ?? [values.count]))
    }

    /// An operator on codes and a constant of integers.
    private static func shaped(
        _ name: String, _ op: Operator, input: Shape, _ values: [Int32]..., shape: Shape? = nil, output: Shape,
        type: ElementType = .uint8
    ) -> LoweringCase {
        LoweringCase(name) { builder in
            let data = builder.input(input, .uint8, quantization: perTensor(0.5, 0))
            let constants = values.map { integers(&builder, $0, shape) }
            return builder.add(
                op, [data] + constants,
                results: [builder.tensor(output, type, quantization: type == .uint8 ? perTensor(0.5, 0) : nil)])
        }
    }

    private static let functions: [LoweringCase] = [
        function("relu", .unary(.relu)),
        function("relu6", .unary(.relu6)),
        function("tanh", .unary(.tanh)),
        function("logistic", .unary(.logistic)),
        function("hard swish", .unary(.hardSwish)),
        function("negation", .unary(.neg)),
        function("softmax", .softmax(beta: 2)),
        function("requantisation", .quantize(to: .int8)),
        function("reciprocal square root", .unary(.rsqrt)),
    ]

    private static let arithmetic: [LoweringCase] = [
        pair("sum", .binary(Binary(.add))),
        pair("difference", .binary(Binary(.sub, activation: .relu))),
        pair("product", .binary(Binary(.mul))),
        pair("minimum", .binary(Binary(.minimum))),
        pair("maximum", .binary(Binary(.maximum))),
        LoweringCase("squared difference") { builder in
            let a = builder.input([2, 8], quantization: perTensor(0.5, 0))
            let b = builder.input([2, 8], quantization: perTensor(0.25, 0))
            return builder.add(
                .binary(Binary(.squaredDifference)), [a, b],
                results: [builder.tensor([2, 8], quantization: perTensor(1, -10))])
        },
        LoweringCase("sum that is never positive") { builder in
            let a = builder.input([4], .uint8, quantization: perTensor(1, 255))
            return builder.add(
                .binary(Binary(.add)), [a, a], results: [builder.tensor([4], .uint8, quantization: perTensor(2, 255))])
        },
    ]

    private static let pool = Pool2D(window: Extent2D(height: 2, width: 3), stride: Extent2D(1), padding: .valid)

    private static let windows: [LoweringCase] = [
        shaped("average", .averagePool2D(pool), input: [1, 4, 4, 8], output: [1, 3, 2, 8]),
        shaped(
            "maximum of a window", .maxPool2D(Pool2D(window: Extent2D(2), stride: Extent2D(2), padding: .same)),
            input: [1, 4, 4, 8], output: [1, 2, 2, 8]),
        shaped(
            "mean", .reduce(Reduction(.mean, keepDimensions: true)), input: [1, 4, 4, 8], [1, 2], output: [1, 1, 1, 8]),
        shaped(
            "mean of three extents", .reduce(Reduction(.mean, keepDimensions: false)), input: [4, 4, 8], [0, -1],
            output: [4]),
        shaped(
            "largest of three extents", .argument(ArgumentReduction(.max, outputType: .int64)), input: [4, 4, 8], [-1],
            shape: [], output: [4, 4], type: .int64),
        shaped(
            "smallest", .argument(ArgumentReduction(.min, outputType: .int32)), input: [1, 4, 4, 8], [3], shape: [],
            output: [1, 4, 4], type: .int32),
        shaped(
            "bilinear", .resizeBilinear(ResizeOptions(alignCorners: true, halfPixelCenters: false)),
            input: [1, 4, 4, 8], [8, 9], output: [1, 8, 9, 8]),
        shaped(
            "nearest", .resizeNearestNeighbor(ResizeOptions(alignCorners: false, halfPixelCenters: true)),
            input: [1, 4, 4, 8], [8, 9], output: [1, 8, 9, 8]),
    ]

    private static func joined(
        _ name: String, _ op: Operator, _ ranges: [QuantizationParameters], input: Shape, output: Shape,
        _ result: QuantizationParameters
    ) -> LoweringCase {
        LoweringCase(name) { builder in
            let inputs = ranges.map { builder.input(input, .uint8, quantization: $0) }
            return builder.add(op, inputs, results: [builder.tensor(output, .uint8, quantization: result)])
        }
    }

    private static let joining: [LoweringCase] = [
        joined(
            "concatenation", .concatenation(axis: -1, activation: .none), [perTensor(0.5, 0), perTensor(1, 10)],
            input: [2, 8], output: [2, 16], perTensor(1, 20)),
        joined(
            "concatenation of one range", .concatenation(axis: 1, activation: .none),
            [perTensor(0.5, 0), perTensor(0.5, 0)], input: [2, 8], output: [2, 16], perTensor(0.5, 0)),
        joined(
            "pack", .pack(axis: -1, count: 2), [perTensor(0.5, 0), perTensor(1, 10)], input: [2, 8], output: [2, 8, 2],
            perTensor(1, 20)),
        LoweringCase("split") { builder in
            let axis = integers(&builder, [-1], [])
            let results = [builder.tensor([1, 4, 4]), builder.tensor([1, 4, 4])]
            return builder.add(.split(count: 2), [axis, builder.input([1, 4, 8])], results: results)
        },
    ]

    private static let layout: [LoweringCase] = [
        shaped("slice", .slice, input: [4, 8], [1, 0], [2, -1], output: [2, 8]),
        shaped(
            "strided slice", .stridedSlice(StridedSlice(beginMask: 1, endMask: 3, shrinkAxisMask: 4)),
            input: [4, 8, 2], [0, 1, 1], [4, 8, 2], [2, 1, 1], output: [2, 7]),
        shaped("pad", .pad, input: [4, 8], [1, 2, 0, 3], shape: [2, 2], output: [7, 11]),
        shaped(
            "mirror pad", .mirrorPad(.reflect), input: [4, 8], [1, 2, 0, 3], shape: [2, 2], output: [7, 11]),
        shaped("reshape", .reshape, input: [4, 8], [2, -1], output: [2, 16]),
        shaped("reshape without a shape", .reshape, input: [4, 8], output: [2, 16]),
        shaped("transpose", .transpose, input: [4, 8, 2], [2, 0, 1], output: [2, 4, 8]),
        shaped(
            "space to depth", .spaceToDepth(blockSize: 2), input: [1, 4, 4, 2], output: [1, 2, 2, 8]),
        shaped(
            "depth to space", .depthToSpace(blockSize: 2), input: [1, 2, 2, 8], output: [1, 4, 4, 2]),
    ]

}
