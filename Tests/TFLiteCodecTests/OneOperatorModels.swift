import GraphIR
import Operators
import TensorCore

/// A model of one operator.
struct OneOperatorModel: Sendable, CustomStringConvertible {
    var description: String
    var graph: Graph
}

/// Builds models of one operator, of every operator and of the types that matter to files.
enum OneOperatorModels {
    static let all: [OneOperatorModel] = elementwise + images + matrices + layout + gathering + quantized

    /// `inputs` are fed, `constants` follow them; operands are reordered by `order` when given.
    static func model(
        _ op: Operator, _ inputs: [TensorType], _ constants: [Tensor] = [], order: [Int]? = nil,
        result: QuantizationParameters? = nil
    ) -> OneOperatorModel {
        var graph = Graph(name: "main")
        let fed = inputs.enumerated().map { graph.addInput("in\($0)", $1) }
        let held = constants.enumerated().map { graph.addConstant($1, name: "constant\($0)") }
        let operands = fed + held
        let ordered = order.map { $0.map { operands[$0] } } ?? operands
        do {
            let results = try graph.addNode(
                op, ordered, names: (0..<8).map { "out\($0)" }, location: "node",
                quantization: result.map { [QuantizationParameters?](repeating: $0, count: 8) })
            for value in results { graph.addOutput(value) }
        } catch {
            preconditionFailure("\(op.name): \(error)")
        }
        let types = graph.inputs.map { "\(graph.type(of: $0.value))" }.joined(separator: ", ")
        return OneOperatorModel(description: "\(op.name) \(op.attributes) (\(types))", graph: graph)
    }

    static func float(_ shape: Shape) -> TensorType { TensorType(.float32, shape) }
    static func int8(_ shape: Shape, _ scale: Float = 0.5, _ zeroPoint: Int32 = 3) -> TensorType {
        TensorType(.int8, shape, quantization: QuantizationParameters(scale: scale, zeroPoint: zeroPoint))
    }
    static func int16(_ shape: Shape, _ scale: Float = 0.013) -> TensorType {
        TensorType(.int16, shape, quantization: QuantizationParameters(scale: scale, zeroPoint: 0))
    }
    static func integers(_ values: [Int32], _ shape: Shape? = nil) -> Tensor {
        Tensor(values, shape: shape ?? [values.count])
    }
    static func ramp(_ shape: Shape) -> Tensor {
        Tensor((0..<shape.elementCount).map { Float($0 % 7) * 0.25 - 0.75 }, shape: shape)
    }
    static func weights(_ shape: Shape, _ type: ElementType = .int8, axis: Int?) -> Tensor {
        let limit = type == .int4 ? 7 : 127
        let values = (0..<shape.elementCount).map { Int8($0 * 5 % (2 * limit + 1) - limit) }
        let parameters =
            axis.map { axis in
                QuantizationParameters(
                    scales: (0..<shape[axis]).map { 0.01 + Float($0) * 0.001 },
                    zeroPoints: [Int32](repeating: 0, count: shape[axis]), axis: axis)
            } ?? QuantizationParameters(scale: 0.01, zeroPoint: 0)
        return Tensor(values, shape: shape, as: type, quantization: parameters)
    }
    static func bias(_ weights: Tensor, input: Float, wide: Bool = false) -> Tensor {
        let parameters = weights.type.quantization
        let scales = (parameters?.scales ?? []).map { $0 * input }
        let count = weights.shape[parameters?.axis ?? 0]
        let quantization =
            scales.count == 1
            ? QuantizationParameters(scale: scales[0], zeroPoint: 0)
            : QuantizationParameters(scales: scales, zeroPoints: [Int32](repeating: 0, count: count), axis: 0)
        let values = (0..<count).map { $0 * 100 - 150 }
        return wide
            ? Tensor(values.map(Int64.init), shape: [count], quantization: quantization)
            : Tensor(values.map(Int32.init), shape: [count], quantization: quantization)
    }

    private static let elementwise: [OneOperatorModel] = {
        let a = float([1, 2, 3, 4])
        var models = Binary.Kind.allCases.map { kind in
            // LiteRT's ATAN2 does not broadcast.
            model(.binary(Binary(kind)), [a, kind == .atan2 ? a : float([4])])
        }
        models += Comparison.allCases.map { model(.compare($0), [a, a]) }
        models += Logical.allCases.map { model(.logical($0), [TensorType(.bool, [3]), TensorType(.bool, [3])]) }
        models += Unary.allCases.map {
            model(.unary($0), [$0 == .logicalNot ? TensorType(.bool, [3]) : a])
        }
        models += [
            model(.binary(Binary(.add, activation: .relu6)), [a, a]),
            model(.binary(Binary(.mul)), [TensorType(.int32, [3]), TensorType(.int32, [3])]),
            model(.binary(Binary(.add)), [TensorType(.int64, [3]), TensorType(.int64, [3])]),
            model(.binary(Binary(.sub)), [float([2, 1, 3, 2, 2]), float([2, 2, 3, 2, 2])]),
            model(.leakyRelu(alpha: 0.1), [a]),
            model(.gelu(approximate: true), [a]),
            model(.prelu, [a], [ramp([1, 1, 4])]),
            model(.select, [TensorType(.bool, [1, 2, 3, 4]), a, float([4])]),
            model(.cast(to: .int32), [a]),
            model(.cast(to: .float32), [TensorType(.uint8, [3])]),
            model(.cast(to: .bool), [a]),
            model(.softmax(beta: 1), [a]),
            model(.logSoftmax, [a]),
        ]
        return models
    }()

    private static let images: [OneOperatorModel] = {
        let image = float([1, 8, 6, 4])
        let pool = Pool2D(window: Extent2D(2), stride: Extent2D(height: 2, width: 1), padding: .valid)
        return [
            model(.conv2D(Conv2D(padding: .same, activation: .relu)), [image], [ramp([5, 3, 3, 4]), ramp([5])]),
            model(.conv2D(Conv2D(stride: Extent2D(2), padding: .valid)), [image], [ramp([5, 3, 1, 4])]),
            model(.conv2D(Conv2D(padding: .same)), [image], [ramp([6, 3, 3, 2]), ramp([6])]),
            model(
                .depthwiseConv2D(DepthwiseConv2D(dilation: Extent2D(2), padding: .same, depthMultiplier: 2)), [image],
                [ramp([1, 3, 3, 8]), ramp([8])]),
            model(
                .transposeConv(TransposeConv(stride: Extent2D(2), padding: .same)), [image],
                [integers([1, 16, 12, 3]), ramp([3, 2, 2, 4]), ramp([3])], order: [1, 2, 0, 3]),
            model(.averagePool2D(pool), [image]), model(.maxPool2D(pool), [image]),
            model(
                .resizeBilinear(ResizeOptions(alignCorners: false, halfPixelCenters: true)), [image],
                [integers([16, 12])]),
            model(
                .resizeNearestNeighbor(ResizeOptions(alignCorners: false, halfPixelCenters: false)), [image],
                [integers([16, 12])]),
            model(.depthToSpace(blockSize: 2), [image]), model(.spaceToDepth(blockSize: 2), [image]),
            model(.spaceToBatchND, [image], [integers([2, 2]), integers([0, 0, 0, 0], [2, 2])]),
            model(.batchToSpaceND, [float([4, 4, 3, 2])], [integers([2, 2]), integers([0, 0, 0, 0], [2, 2])]),
        ]
    }()

    private static let matrices: [OneOperatorModel] = [
        model(.fullyConnected(FullyConnected(keepDimensions: false)), [float([2, 8])], [ramp([3, 8]), ramp([3])]),
        model(.fullyConnected(FullyConnected(keepDimensions: true)), [float([1, 2, 8])], [ramp([3, 8])]),
        model(.batchMatMul(BatchMatMul(adjointRight: true)), [float([2, 3, 4]), float([2, 5, 4])]),
    ]

    private static let layout: [OneOperatorModel] = {
        let a = float([1, 2, 3, 4])
        var models = Reduction.Kind.allCases.map { kind in
            let isLogical = kind == .any || kind == .all
            return model(
                .reduce(Reduction(kind, keepDimensions: kind == .mean)),
                [isLogical ? TensorType(.bool, [2, 3]) : a], [integers([1])])
        }
        models += ArgumentReduction.Kind.allCases.map {
            model(.argument(ArgumentReduction($0, outputType: .int64)), [a], [Tensor(scalar: Int32(3))])
        }
        models += [
            model(.topK, [a], [Tensor(scalar: Int32(2))]),
            model(.cumulativeSum(exclusive: true, reverse: false), [a], [Tensor(scalar: Int32(1))]),
            model(.reshape, [a], [integers([-1, 4])]),
            model(.reshape, [float([1])], [integers([])]),
            model(.transpose, [a], [integers([0, 3, 1, 2])]),
            model(.transpose, [float([1, 2, 1, 3, 2])], [integers([4, 3, 2, 1, 0])]),
            model(.concatenation(axis: -1, activation: .none), [a, a]),
            model(.split(count: 2), [a], [Tensor(scalar: Int32(3))], order: [1, 0]),
            model(.splitV(count: 2), [a], [integers([1, 3]), Tensor(scalar: Int32(3))]),
            model(.slice, [a], [integers([0, 1, 0, 1]), integers([1, -1, 2, 2])]),
            model(
                .stridedSlice(StridedSlice(endMask: 8, newAxisMask: 1, shrinkAxisMask: 2)), [float([3, 4, 5])],
                [integers([0, 1, 0, 0]), integers([0, 2, 4, 0]), integers([1, 1, 2, 1])]),
            model(.pad, [a], [integers([0, 0, 1, 1, 0, 2, 0, 0], [4, 2])]),
            model(.padV2, [a], [integers([0, 0, 1, 1, 0, 2, 0, 0], [4, 2]), Tensor(scalar: Float(0.5))]),
            model(.mirrorPad(.reflect), [a], [integers([0, 0, 1, 1, 0, 2, 0, 0], [4, 2])]),
            model(.pack(axis: 1, count: 2), [float([2, 3]), float([2, 3])]),
            model(.unpack(axis: 0, count: 2), [float([2, 3])]),
            model(.expandDims, [float([2, 3])], [Tensor(scalar: Int32(-1))]),
            model(.squeeze(axes: [0, 2]), [float([1, 3, 1])]),
            model(.tile, [float([2, 3])], [integers([1, 2])]),
            model(.broadcastTo, [float([1, 3])], [integers([2, 3])]),
            model(.reverse, [a], [integers([1])]),
            model(.shape(.int32), [a]),
            model(.fill, [float([])], [integers([2, 3])], order: [1, 0]),
            model(
                .range, [], [Tensor(scalar: Int32(0)), Tensor(scalar: Int32(5)), Tensor(scalar: Int32(2))]),
        ]
        return models
    }()

    private static let gathering: [OneOperatorModel] = [
        model(.gather(axis: 1, batchDimensions: 0), [float([2, 5]), TensorType(.int32, [3])]),
        model(.gather(axis: 1, batchDimensions: 1), [float([2, 5]), TensorType(.int32, [2, 3])]),
        model(.gatherND, [float([2, 5]), TensorType(.int32, [3, 2])]),
        model(.scatterND, [TensorType(.int32, [2, 1]), float([2, 3])], [integers([4, 3])]),
        model(
            .oneHot(axis: -1), [TensorType(.int32, [3])],
            [Tensor(scalar: Int32(4)), Tensor(scalar: Float(1)), Tensor(scalar: Float(0))]),
    ]

    private static let quantized: [OneOperatorModel] = {
        let result = QuantizationParameters(scale: 0.7, zeroPoint: -4)
        let symmetric = QuantizationParameters(scale: 0.02, zeroPoint: 0)
        let image = int8([1, 6, 6, 4])
        let perChannel = weights([5, 3, 3, 4], axis: 0)
        let packed = weights([3, 3, 3, 4], .int4, axis: 0)
        let depthwise = weights([1, 3, 3, 4], axis: 3)
        let dense = weights([3, 8], axis: nil)
        let conv = Operator.conv2D(Conv2D(padding: .same))
        let fullyConnected = Operator.fullyConnected(FullyConnected(keepDimensions: false))
        return [
            model(.quantize(to: .int8), [float([4])], result: result),
            model(
                .quantize(to: .int8),
                [TensorType(.uint8, [4], quantization: QuantizationParameters(scale: 0.7, zeroPoint: 124))],
                result: result),
            model(.dequantize, [int8([4])]),
            model(.dequantize, [TensorType(.float16, [4])]),
            model(conv, [image], [perChannel, bias(perChannel, input: 0.5)], result: result),
            model(conv, [image], [packed, bias(packed, input: 0.5)], result: result),
            model(
                conv, [int16([1, 6, 6, 4])], [perChannel, bias(perChannel, input: 0.013, wide: true)],
                result: symmetric),
            model(conv, [int16([1, 6, 6, 4])], [perChannel, bias(perChannel, input: 0.013)], result: symmetric),
            model(conv, [image], [perChannel], result: result),
            model(conv, [int16([1, 6, 6, 4])], [perChannel], result: symmetric),
            model(conv, [float([1, 6, 6, 4])], [perChannel, ramp([5])]),
            model(
                .depthwiseConv2D(DepthwiseConv2D(padding: .same)), [image], [depthwise, bias(depthwise, input: 0.5)],
                result: result),
            model(fullyConnected, [int8([2, 8])], [dense, bias(dense, input: 0.5)], result: result),
            model(fullyConnected, [float([2, 8])], [dense, ramp([3])]),
            model(.binary(Binary(.add)), [image, image], result: result),
            model(.binary(Binary(.mul)), [image, image], result: result),
            model(.binary(Binary(.add)), [int16([4]), int16([4])], result: symmetric),
            model(.binary(Binary(.sub)), [int16([4]), int16([4])], result: symmetric),
            model(.binary(Binary(.mul)), [int16([4]), int16([4])], result: symmetric),
            model(.unary(.relu), [int16([4])], result: symmetric),
            model(.leakyRelu(alpha: 0.1), [int16([4])], result: symmetric),
            model(
                .unary(.logistic), [image], result: QuantizationParameters(scale: 1 / 256, zeroPoint: -128)),
            model(.pad, [image], [integers([0, 0, 1, 1, 0, 2, 0, 0], [4, 2])], result: image.quantization),
            model(
                .concatenation(axis: 3, activation: .none), [image, image], result: image.quantization),
            model(.batchMatMul(BatchMatMul()), [int8([1, 3, 4]), int8([1, 4, 2])], result: result),
        ]
    }()
}
