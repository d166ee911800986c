import DepthCompiler
import Operators

extension DSPToleranceCase {
    static let all = [ElementType.uint8, .int8].flatMap { type in
        elementwise(type) + functions(type) + windows(type) + layout(type) + convolutions(type)
    }

    /// Parameters of a range, as a converter chooses them.
    private static func range(_ low: Float, _ high: Float, _ type: ElementType) -> QuantizationParameters {
        let scale = (high - low) / 255
        return QuantizationParameters(
            scale: scale, zeroPoint: Int32((-low / scale).rounded()) - (type == .int8 ? 128 : 0))
    }

    private static func codes(_ shape: Shape, _ low: Float, _ high: Float, _ type: ElementType) -> TensorType {
        TensorType(type, shape, quantization: range(low, high, type))
    }

    private static func integers(_ values: [Int32], _ shape: Shape? = nil) -> Tensor {
        Tensor(values, shape: shape ?? [values.count])
    }

    private static func elementwise(_ type: ElementType) -> [DSPToleranceCase] {
        let shapes: [Shape] = [[1, 4, 4, 8], [1, 5, 7, 33], [1, 6, 5, 64]]
        let pairs = shapes.flatMap { shape -> [DSPToleranceCase] in
            func pair(
                _ kind: Binary.Kind, _ variant: String, _ tolerance: PublishedTolerance, _ a: (Float, Float),
                _ b: (Float, Float), _ out: (Float, Float), _ activation: Activation = .none
            ) -> DSPToleranceCase {
                DSPToleranceCase(
                    .binary(Binary(kind, activation: activation)), variant, tolerance,
                    [codes(shape, a.0, a.1, type), codes(shape, b.0, b.1, type)], result: range(out.0, out.1, type))
            }
            return [
                pair(.add, "of one range", .add, (-1, 1), (-1, 1), (-1, 1)),
                pair(.add, "of two ranges", .add, (-2, 1), (-0.5, 3), (-2.5, 4)),
                pair(.add, "with RELU", .add, (-2, 1), (-0.5, 3), (0, 4), .relu),
                pair(.sub, "of one range", .add, (-1, 1), (-1, 1), (-1, 1)),
                pair(.sub, "of two ranges", .add, (-2, 1), (-0.5, 3), (-5, 1.5)),
                pair(.mul, "of two ranges", .multiply, (-0.44, 8), (0, 0.999), (-1, 8)),
                pair(.mul, "of both signs", .multiply, (-2, 2), (-1, 3), (-6, 6)),
                pair(.maximum, "", .extremum, (-2, 6), (-2, 6), (-2, 6)),
                pair(.minimum, "", .extremum, (-2, 6), (-2, 6), (-2, 6)),
            ]
                + (type == .int8 ? [pair(.squaredDifference, "", .squaredDifference, (-2, 1.7), (-1, 1), (0, 9))] : [])
        }
        let row = codes([1, 1, 1, 8], -0.5, 3, type)
        return pairs + [
            DSPToleranceCase(
                .binary(Binary(.add)), "by row", .add, [codes([1, 4, 4, 8], -2, 1, type), row],
                result: range(-2.5, 4, type)),
            DSPToleranceCase(
                .binary(Binary(.mul)), "by row", .multiply, [codes([1, 4, 4, 8], -2, 1, type), row],
                result: range(-6, 3, type)),
        ]
    }

    private static func functions(_ type: ElementType) -> [DSPToleranceCase] {
        /// The parameters that LiteRT fixes for a result: uint8 codes lie 128 higher.
        func fixed(_ scale: Float, _ zeroPoint: Int32) -> QuantizationParameters {
            QuantizationParameters(scale: scale, zeroPoint: zeroPoint + (type == .uint8 ? 128 : 0))
        }
        let other: ElementType = type == .int8 ? .uint8 : .int8
        let shapes: [Shape] = [[1, 3], [1, 4, 4, 8], [1, 5, 7, 33]]
        var cases = shapes.flatMap { shape -> [DSPToleranceCase] in
            let wide = codes(shape, -8, 8, type)
            var result = [
                DSPToleranceCase(.unary(.relu6), "of one range", .relu6, [wide], result: wide.quantization),
                DSPToleranceCase(.unary(.relu6), "of its own range", .relu6, [wide], result: range(0, 6, type)),
                DSPToleranceCase(.unary(.tanh), "", .tanh, [wide], result: fixed(1 / 128, 0)),
                DSPToleranceCase(.unary(.logistic), "", .logistic, [wide], result: fixed(1 / 256, -128)),
                DSPToleranceCase(
                    .softmax(beta: 1), "", .softmax, [codes(shape, -10, 10, type)], result: fixed(1 / 256, -128)),
                DSPToleranceCase(
                    .softmax(beta: 0.1), "with beta 0.1", .softmax, [codes(shape, -10, 10, type)],
                    result: fixed(1 / 256, -128)),
                DSPToleranceCase(
                    .quantize(to: type), "to twice the scale", .quantize, [wide], result: range(-16, 16, type)),
                DSPToleranceCase(
                    .quantize(to: type), "to a smaller scale", .quantize, [wide], result: range(-3, 5, type)),
                DSPToleranceCase(
                    .quantize(to: other), "to the other type", .quantize, [wide], result: range(-8, 8, other)),
                DSPToleranceCase(
                    .quantize(to: other), "to the other type and scale", .quantize, [wide], result: range(-7, 9, other)),
            ]
            if type == .int8 {
                result += [
                    DSPToleranceCase(.unary(.relu), "of one range", .relu, [wide], result: wide.quantization),
                    DSPToleranceCase(.unary(.relu), "of its own range", .relu, [wide], result: range(0, 8, type)),
                    DSPToleranceCase(
                        .unary(.rsqrt), "", .squareRoot, [codes(shape, 0, 142, type)], result: range(0, 1, type)),
                ]
            }
            return result
        }
        for (shape, axes) in [([1, 4, 4, 8], [1, 2]), ([1, 5, 7, 33], [1, 2]), ([1, 1, 3, 2], [2])]
            as [(Shape, [Int32])]
        {
            for keep in [true, false] {
                cases += [
                    DSPToleranceCase(
                        .reduce(Reduction(.mean, keepDimensions: keep)), "over \(axes) \(keep)", .mean,
                        [codes(shape, -1, 1, type)], [integers(axes)], result: range(-1, 1, type)),
                    DSPToleranceCase(
                        .reduce(Reduction(.mean, keepDimensions: keep)), "over \(axes) \(keep) to another range", .mean,
                        [codes(shape, -1, 1, type)], [integers(axes)], result: range(-0.5, 0.6, type)),
                ]
            }
        }
        for kind in [ArgumentReduction.Kind.max, .min] {
            for shape in [[1, 4, 4, 8], [1, 3, 5, 33]] as [Shape] {
                cases.append(
                    DSPToleranceCase(
                        .argument(ArgumentReduction(kind, outputType: .int32)), "", .argument,
                        [codes(shape, -2, 6, type)], [Tensor(scalar: Int32(3))]))
            }
        }
        return cases
    }

    private static func windows(_ type: ElementType) -> [DSPToleranceCase] {
        var cases: [DSPToleranceCase] = []
        for shape in [[1, 16, 8, 1], [1, 8, 8, 32], [1, 9, 11, 40]] as [Shape] {
            let data = codes(shape, 0, 10, type)
            for (size, stride, padding) in [(8, 1, .valid), (2, 2, .same), (3, 1, .same), (3, 2, .valid)]
                as [(Int, Int, Padding)]
            {
                let pool = Pool2D(window: Extent2D(size), stride: Extent2D(stride), padding: padding)
                let words = "\(size)x\(size) by \(stride) \(padding.rawValue)"
                cases += [
                    DSPToleranceCase(.averagePool2D(pool), words, .pool, [data], result: data.quantization),
                    DSPToleranceCase(.maxPool2D(pool), words, .pool, [data], result: data.quantization),
                ]
            }
        }
        for shape in [[1, 2, 2, 2], [1, 5, 7, 8], [1, 6, 8, 32]] as [Shape] {
            let data = codes(shape, -2, 30, type)
            let (height, width) = (Int32(shape[1]), Int32(shape[2]))
            for size in [[2 * height, 2 * width], [height + 1, width + 3]] {
                for alignCorners in [false, true] {
                    let options = ResizeOptions(alignCorners: alignCorners, halfPixelCenters: false)
                    let words = "to \(size[0])x\(size[1])\(alignCorners ? " with aligned corners" : "")"
                    cases += [
                        DSPToleranceCase(
                            .resizeBilinear(options), words, .bilinear, [data], [integers(size)],
                            result: data.quantization),
                        DSPToleranceCase(
                            .resizeNearestNeighbor(options), words, .nearest, [data], [integers(size)],
                            result: data.quantization),
                    ]
                }
            }
        }
        return cases
    }

    private static func layout(_ type: ElementType) -> [DSPToleranceCase] {
        let data = codes([1, 4, 6, 8], -2, 6, type)
        let odd = codes([1, 5, 7, 33], -2, 6, type)
        let one = data.quantization
        let axis = Tensor(scalar: Int32(3))
        let pads = integers([0, 0, 1, 2, 2, 1, 0, 0], [4, 2])
        var cases = [
            DSPToleranceCase(
                .concatenation(axis: 3, activation: .none), "of one range", .concatenation, [data, data], result: one),
            DSPToleranceCase(
                .concatenation(axis: 2, activation: .none), "across", .concatenation, [odd, odd], result: one),
            DSPToleranceCase(
                .pack(axis: 0, count: 2), "", .pack, [codes([4, 8], -2, 6, type), codes([4, 8], -2, 6, type)],
                result: one),
            DSPToleranceCase(.split(count: 2), "", .split, [data], [axis], order: [1, 0], result: one),
            DSPToleranceCase(
                .slice, "", .slice, [odd], [integers([0, 1, 2, 3]), integers([1, 3, -1, 20])], result: one),
            DSPToleranceCase(
                .stridedSlice(StridedSlice(beginMask: 1, endMask: 9)), "", .stridedSlice, [odd],
                [integers([0, 1, 6, 0]), integers([1, 5, 1, 33]), integers([1, 2, -1, 3])], result: one),
            DSPToleranceCase(.transpose, "", .transpose, [odd], [integers([0, 2, 1, 3])], result: one),
            DSPToleranceCase(
                .transpose, "to channels first", .transpose, [odd], [integers([0, 3, 1, 2])], result: one),
            DSPToleranceCase(.reshape, "", .reshape, [data], [integers([1, 24, 8, 1])], result: one),
            DSPToleranceCase(.spaceToDepth(blockSize: 2), "", .blocks, [data], result: one),
            DSPToleranceCase(.depthToSpace(blockSize: 2), "", .blocks, [data], result: one),
        ]
        for data in [data, odd] {
            cases += [
                DSPToleranceCase(.pad, "", .pad, [data], [pads], result: one),
                DSPToleranceCase(.mirrorPad(.reflect), "reflected", .mirrorPad, [data], [pads], result: one),
                DSPToleranceCase(.mirrorPad(.symmetric), "symmetric", .mirrorPad, [data], [pads], result: one),
            ]
        }
        if type == .uint8 {
            cases.append(
                DSPToleranceCase(
                    .concatenation(axis: 3, activation: .none), "of two ranges", .concatenation,
                    [codes([1, 5, 5, 32], 0, 11.30514, type), codes([1, 5, 5, 32], 0, 13.52495, type)],
                    result: range(0, 13.52495, type)))
        }
        return cases
    }

    /// Weights with one scale, or for int8 with one for every channel, and a bias.
    private static func parameters(
        _ shape: Shape, axis: Int, input: Float, type: ElementType, perChannel: Bool = true, name: String
    ) -> [Tensor] {
        var numbers = SeededNumbers(name)
        let channels = shape[axis]
        let scales = (0..<channels).map { Float(0.01 + 0.002 * Double($0 % 5)) }
        let isSigned = type == .int8
        let quantization =
            isSigned && perChannel
            ? QuantizationParameters(scales: scales, zeroPoints: [Int32](repeating: 0, count: channels), axis: axis)
            : QuantizationParameters(scale: 0.012, zeroPoint: isSigned ? 0 : 131)
        let values = (0..<shape.elementCount).map { _ in
            UInt8(truncatingIfNeeded: isSigned ? numbers.next(-127...127) : numbers.next(0...255))
        }
        let scaled = quantization.scales.map { $0 * input }
        let bias =
            scaled.count > 1
            ? QuantizationParameters(
                scales: scaled, zeroPoints: [Int32](repeating: 0, count: scaled.count), axis: 0)
            : QuantizationParameters(scale: scaled[0], zeroPoint: 0)
        return [
            Tensor(values, shape: shape, as: type, quantization: quantization),
            Tensor(
                (0..<channels).map { _ in Int32(numbers.next(-4000...4000)) }, shape: [channels], quantization: bias),
        ]
    }

    private static func convolutions(_ type: ElementType) -> [DSPToleranceCase] {
        let scale = range(-1, 1, type).scales[0]
        /// Three standard deviations of the sums on both sides.
        func result(_ products: Int) -> QuantizationParameters {
            let reach = 3 * Float(products).squareRoot() * 73 * 73 * scale * 0.012
            return range(-reach, reach, type)
        }
        func operands(_ shape: Shape, axis: Int, perChannel: Bool = true) -> [Tensor] {
            parameters(shape, axis: axis, input: scale, type: type, perChannel: perChannel, name: "\(shape) \(type)")
        }
        func convolution(_ input: Shape, _ filters: Int, _ size: Int, _ op: Conv2D, _ words: String) -> DSPToleranceCase
        {
            DSPToleranceCase(
                .conv2D(op), "\(filters) of \(size)x\(size) \(words)", .convolution, [codes(input, -1, 1, type)],
                operands([filters, size, size, input[3]], axis: 0), result: result(size * size * input[3]))
        }
        func depthwise(_ input: Shape, _ size: Int, _ op: DepthwiseConv2D, _ words: String) -> DSPToleranceCase {
            DSPToleranceCase(
                .depthwiseConv2D(op), "\(size)x\(size) \(words)", .convolution, [codes(input, -1, 1, type)],
                operands([1, size, size, input[3] * op.depthMultiplier], axis: 3), result: result(size * size))
        }
        let doubled = TransposeConv(stride: Extent2D(2), padding: .same)
        let transposed = operands([5, 3, 3, 16], axis: 0)
        let matrix = operands([10, 24], axis: 0, perChannel: false)
        let target = integers([1, 8, 12, 5])
        return [
            convolution([1, 6, 8, 16], 24, 1, Conv2D(padding: .same), ""),
            convolution([1, 6, 8, 32], 33, 3, Conv2D(padding: .same), "same"),
            convolution([1, 9, 9, 3], 16, 3, Conv2D(stride: Extent2D(2), padding: .same), "on few channels by 2"),
            convolution([1, 8, 8, 16], 8, 3, Conv2D(padding: .valid, activation: .relu), "valid with RELU"),
            convolution([1, 6, 8, 16], 8, 3, Conv2D(padding: .same, activation: .relu6), "same with RELU6"),
            depthwise([1, 8, 8, 32], 3, DepthwiseConv2D(padding: .same), "same"),
            depthwise([1, 9, 9, 40], 3, DepthwiseConv2D(stride: Extent2D(2), padding: .same), "same by 2"),
            depthwise([1, 8, 8, 64], 5, DepthwiseConv2D(stride: Extent2D(2), padding: .valid), "valid by 2"),
            depthwise([1, 6, 6, 1], 3, DepthwiseConv2D(padding: .same, depthMultiplier: 8), "of one channel"),
            depthwise([1, 8, 8, 8], 3, DepthwiseConv2D(dilation: Extent2D(2), padding: .valid), "dilated"),
            DSPToleranceCase(
                .transposeConv(doubled), "", .transposedConvolution, [codes([1, 4, 6, 16], -1, 1, type)],
                [target, transposed[0], transposed[1]], order: [1, 2, 0, 3], result: result(3 * 3 * 16 / 4)),
            DSPToleranceCase(
                .transposeConv(doubled), "without bias", .transposedConvolution, [codes([1, 4, 6, 16], -1, 1, type)],
                [target, transposed[0]], order: [1, 2, 0], result: result(3 * 3 * 16 / 4)),
            DSPToleranceCase(
                .fullyConnected(FullyConnected(keepDimensions: false)), "", .matrix, [codes([2, 24], -1, 1, type)],
                matrix, result: result(24)),
            DSPToleranceCase(
                .fullyConnected(FullyConnected(keepDimensions: false, activation: .relu)), "with RELU", .matrix,
                [codes([1, 24], -1, 1, type)], matrix, result: result(24)),
        ]
    }
}
