import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodeConvolution(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        let stride = Extent2D(height: Int(o.strideHeight), width: Int(o.strideWidth))
        let dilation = Extent2D(height: Int(o.dilationHeight), width: Int(o.dilationWidth))
        switch builtin {
        case "CONV_2D":
            try checkBiasType(o, input: types.input(0), weights: types.input(1), bias: types.input(2))
            return .conv2D(
                Conv2D(
                    stride: stride, dilation: dilation, padding: try Padding(tflite: o.padding),
                    activation: try Activation(tflite: o.activation)))
        case "DEPTHWISE_CONV_2D":
            return .depthwiseConv2D(
                DepthwiseConv2D(
                    stride: stride, dilation: dilation, padding: try Padding(tflite: o.padding),
                    depthMultiplier: depthMultiplier(types) ?? Int(o.depthMultiplier),
                    activation: try Activation(tflite: o.activation)))
        case "TRANSPOSE_CONV":
            try checkBiasType(o, input: types.input(2), weights: types.input(1), bias: types.input(3))
            return .transposeConv(
                TransposeConv(
                    stride: stride, padding: try Padding(tflite: o.padding),
                    activation: try Activation(tflite: o.activation)))
        default: return nil
        }
    }

    static func encodeConvolution(_ op: Operator, _ types: CodedTypes, _ o: inout CTFLOptions) throws {
        func set(stride: Extent2D, dilation: Extent2D, _ padding: Padding, _ activation: Activation) throws {
            o.strideHeight = try int32(stride.height)
            o.strideWidth = try int32(stride.width)
            o.dilationHeight = try int32(dilation.height)
            o.dilationWidth = try int32(dilation.width)
            o.padding = padding.tflite
            o.activation = activation.tflite
        }
        switch op {
        case .conv2D(let op):
            try set(stride: op.stride, dilation: op.dilation, op.padding, op.activation)
            o.quantizedBiasType = biasType(input: types.input(0), bias: types.input(2))
        case .depthwiseConv2D(let op):
            try set(stride: op.stride, dilation: op.dilation, op.padding, op.activation)
            o.depthMultiplier = try int32(op.depthMultiplier)
        case .transposeConv(let op):
            try set(stride: op.stride, dilation: Extent2D(1), op.padding, op.activation)
            o.quantizedBiasType = biasType(input: types.input(2), bias: types.input(3))
        default: break
        }
    }

    /// Runtimes read the multiplier from the shapes; some files leave the option out.
    private static func depthMultiplier(_ types: CodedTypes) -> Int? {
        guard let channels = types.input(0)?.shape.dimensions.last, let filters = types.input(1)?.shape.dimensions.last,
            channels > 0, filters > 0, filters % channels == 0
        else { return nil }
        return filters / channels
    }

    /// With 16-bit activations the accumulator is as wide as the bias, and the option must say so; 0 means int64.
    static func biasType(input: TensorType?, bias: TensorType?) -> Int32 {
        guard input?.elementType == .int16, let bias else { return 0 }
        return bias.elementType.tfliteType
    }

    static func checkBiasType(_ o: CTFLOptions, input: TensorType?, weights: TensorType?, bias: TensorType?) throws {
        guard input?.elementType == .int16 else { return }
        let accumulator = o.quantizedBiasType == 0 ? .int64 : ElementType(tfliteType: o.quantizedBiasType)
        guard let accumulator, accumulator == .int32 || accumulator == .int64 else {
            throw Diagnostic(.badModel, at: "", "a bias type of \(Builtin.typeName(o.quantizedBiasType))")
        }
        if (bias?.elementType ?? .int64) != accumulator {
            throw unsupported(
                "16-bit activations with a bias of \(bias?.elementType.rawValue ?? "none") and a bias type of "
                    + accumulator.rawValue)
        }
    }
}
