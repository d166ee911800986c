import GraphIR
import Operators
import TensorCore

extension LoweringCase {
    /// Codes that count up from -100 or 1.
    static func weights(
        _ shape: Shape, _ type: ElementType, _ quantization: QuantizationParameters
    ) -> Tensor {
        let values = (0..<shape.elementCount).map { UInt8(truncatingIfNeeded: $0 + (type == .int8 ? 156 : 1)) }
        return Tensor(values, shape: shape, as: type, quantization: quantization)
    }

    static func perChannel(_ scales: [Float], axis: Int) -> QuantizationParameters {
        QuantizationParameters(scales: scales, zeroPoints: [Int32](repeating: 0, count: scales.count), axis: axis)
    }

    /// A bias of 100 and more.
    private static func bias(_ count: Int, _ scale: Float) -> Tensor {
        Tensor(
            (0..<count).map { Int32(100 + $0) }, shape: [count],
            quantization: QuantizationParameters(scale: scale, zeroPoint: 0))
    }

    /// A convolution of int8 codes with one scale for every filter, or of uint8 codes with one scale.
    private static func convolution(
        _ name: String, _ op: Operator, type: ElementType, input: Shape, weights shape: Shape, axis: Int, output: Shape,
        result: QuantizationParameters
    ) -> LoweringCase {
        LoweringCase(name) { builder in
            let channels = shape[axis]
            let scales =
                type == .int8
                ? perChannel((0..<channels).map { 0.5 / Float(1 + $0 % 3) }, axis: axis) : perTensor(0.5, 100)
            let data = builder.input(input, type)
            let filter = builder.constant(weights(shape, type, scales))
            let offset = builder.constant(bias(channels, 0.025))
            return builder.add(
                op, [data, filter, offset], results: [builder.tensor(output, type, quantization: result)])
        }
    }

    private static func dense(_ name: String, computed: Bool = false, bias isBiased: Bool = true) -> LoweringCase {
        LoweringCase(name) { builder in
            let data = builder.input([1, 4], .uint8, quantization: perTensor(0.5, 0))
            let filter =
                computed
                ? builder.input([2, 4], .uint8, quantization: perTensor(0.25, 128))
                : builder.constant(weights([2, 4], .uint8, perTensor(0.25, 128)))
            let offset = isBiased ? builder.constant(bias(2, 0.125)) : nil
            return builder.add(
                .fullyConnected(FullyConnected(keepDimensions: false)), [data, filter, offset],
                results: [builder.tensor([1, 2], .uint8, quantization: perTensor(1, 10))])
        }
    }

    private static func transposed(
        _ name: String, type: ElementType, bias isBiased: Bool, stride: Int, output: Int, padding: Padding
    ) -> LoweringCase {
        LoweringCase(name) { builder in
            let shape = integers(&builder, [1, Int32(output), Int32(output), 2])
            let scales = type == .int8 ? perChannel([0.5, 0.25], axis: 0) : perTensor(0.5, 100)
            let filter = builder.constant(weights([2, 3, 3, 4], type, scales))
            let operands =
                [shape, filter, builder.input([1, 4, 4, 4], type)]
                + (isBiased ? [builder.constant(bias(2, 0.025))] : [])
            return builder.add(
                .transposeConv(TransposeConv(stride: Extent2D(stride), padding: padding)), operands,
                results: [builder.tensor([1, output, output, 2], type)])
        }
    }

    static let convolutions: [LoweringCase] = [
        convolution(
            "convolution", .conv2D(Conv2D(stride: Extent2D(height: 1, width: 2), padding: .same)), type: .uint8,
            input: [1, 4, 4, 4], weights: [2, 3, 3, 4], axis: 0, output: [1, 4, 2, 2], result: perTensor(0.25, 10)),
        convolution(
            "convolution with a clamp that is the range", .conv2D(Conv2D(padding: .valid, activation: .relu6)),
            type: .uint8, input: [1, 4, 4, 4], weights: [2, 3, 3, 4], axis: 0, output: [1, 2, 2, 2],
            result: perTensor(6.0 / 255, 0)),
        convolution(
            "convolution with a clamp inside the range", .conv2D(Conv2D(padding: .valid, activation: .reluN1To1)),
            type: .uint8, input: [1, 4, 4, 4], weights: [2, 3, 3, 4], axis: 0, output: [1, 2, 2, 2],
            result: perTensor(6.0 / 255, 0)),
        convolution(
            "convolution by channel", .conv2D(Conv2D(padding: .valid, activation: .relu)), type: .int8,
            input: [1, 4, 4, 4], weights: [2, 3, 3, 4], axis: 0, output: [1, 2, 2, 2], result: ListingBuilder.code),
        convolution(
            "depthwise", .depthwiseConv2D(DepthwiseConv2D(padding: .same)), type: .uint8, input: [1, 4, 4, 4],
            weights: [1, 3, 3, 4], axis: 3, output: [1, 4, 4, 4], result: perTensor(0.25, 10)),
        convolution(
            "depthwise on one channel", .depthwiseConv2D(DepthwiseConv2D(padding: .same, depthMultiplier: 4)),
            type: .int8, input: [1, 4, 4, 1], weights: [1, 3, 3, 4], axis: 3, output: [1, 4, 4, 4], result: positive),
        convolution(
            "dilated depthwise",
            .depthwiseConv2D(
                DepthwiseConv2D(dilation: Extent2D(height: 2, width: 3), padding: .same, activation: .relu)),
            type: .int8, input: [1, 5, 8, 4], weights: [1, 2, 3, 4], axis: 3, output: [1, 5, 8, 4], result: positive),
        convolution(
            "dilated depthwise without padding",
            .depthwiseConv2D(DepthwiseConv2D(dilation: Extent2D(2), padding: .valid)), type: .uint8,
            input: [1, 7, 8, 4], weights: [1, 3, 3, 4], axis: 3, output: [1, 3, 4, 4], result: perTensor(0.25, 10)),
        convolution(
            "split depthwise", .depthwiseConv2D(DepthwiseConv2D(stride: Extent2D(2), padding: .same)), type: .int8,
            input: [1, 8, 8, 64], weights: [1, 5, 5, 64], axis: 3, output: [1, 4, 4, 64], result: positive),
        convolution(
            "5x5 depthwise of 32 channels", .depthwiseConv2D(DepthwiseConv2D(stride: Extent2D(2), padding: .same)),
            type: .int8, input: [1, 8, 8, 32], weights: [1, 5, 5, 32], axis: 3, output: [1, 4, 4, 32],
            result: positive),
        dense("fully connected"),
        dense("fully connected without bias", bias: false),
        dense("fully connected with computed weights", computed: true),
        transposed("transposed", type: .uint8, bias: false, stride: 2, output: 8, padding: .same),
        transposed("transposed by channel", type: .int8, bias: true, stride: 2, output: 9, padding: .valid),
        LoweringCase("two convolutions with one bias and equal weights") { builder in
            let offset = builder.constant(bias(2, 0.025))
            var last = builder.input([1, 4, 4, 2], .int8)
            for _ in 0..<2 {
                let filter = builder.constant(weights([2, 1, 1, 2], .int8, perChannel([0.5, 0.25], axis: 0)))
                last =
                    builder.add(
                        .conv2D(Conv2D(padding: .valid)), [last, filter, offset],
                        results: [builder.tensor([1, 4, 4, 2])])[0]
            }
            return [last]
        },
    ]
}
