import CKernels
import Operators
import TensorCore

/// A packed convolution, freed with its last step.
final class PackedConvolution {
    let handle: OpaquePointer

    init?(_ handle: OpaquePointer?) {
        guard let handle else { return nil }
        self.handle = handle
    }

    deinit { ck_conv_free(handle) }

    /// Bytes of the weights as the kernels keep them.
    var weightBytes: Int { ck_conv_packed_bytes(handle) }

    /// The step that runs it; `cost` is its number of multiply-accumulates.
    func step(input: Site, output: Site, cost: Int) -> Step {
        let rows = Int(ck_conv_rows(handle))
        // A part recomputes the halo of its first rows, so that it should have a few of them.
        var step = Step(units: rows, grain: 4, cost: cost / 8, scratch: ck_conv_scratch(handle)) {
            [self] range, scratch in
            ck_conv_run(
                handle, input.address, output.address, Int32(range.lowerBound), Int32(range.upperBound), scratch)
        }
        step.weightBytes = weightBytes
        return step
    }
}

extension FastKernels {
    static func convolution(_ op: Conv2D, _ site: KernelSite) -> [Step]? {
        guard let input = site.input(0), let weights = site.input(1), let output = site.outputs.first else {
            return nil
        }
        let (kernelH, kernelW, groupIn) = (weights.shape[1], weights.shape[2], weights.shape[3])
        let groups = input.shape[3] / groupIn
        guard
            var shape = convolutionShape(
                input: input, output: output, kernelH, kernelW, op.stride, op.dilation, op.padding)
        else { return nil }
        shape.groups = Int32(groups)
        let cost = output.count * kernelH * kernelW * groupIn
        if groups > 1, groups == input.shape[3], output.shape[3] == groups {
            // Depthwise kernels want the channel innermost.
            return weights.constant.flatMap { tensor in
                let moved = Tensor(zeros: tensor.type.with(shape: [1, kernelH, kernelW, groups]))
                return packed(
                    shape, input, transposedTaps(tensor, into: moved, taps: kernelH * kernelW, channels: groups),
                    scales: tensor.type.quantization, site.input(2), output, op.activation, ordered: site.ordered)?
                    .step(input: input, output: output, cost: cost)
            }.map { [$0] }
        }
        guard let tensor = weights.constant else { return nil }
        if input.type.elementType == .float32, tensor.elementType == .int8 || tensor.elementType == .int4 {
            return hybrid(
                shape, input, tensor, site.input(2), output, op.activation, transposed: false, cost: cost)
        }
        return packed(
            shape, input, tensor, scales: tensor.type.quantization, site.input(2), output, op.activation,
            ordered: site.ordered
        ).map { [$0.step(input: input, output: output, cost: cost)] }
    }

    static func depthwise(_ op: DepthwiseConv2D, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let weights = site.input(1)?.constant, let output = site.outputs.first,
            op.depthMultiplier == 1,
            var shape = convolutionShape(
                input: input, output: output, weights.shape[1], weights.shape[2], op.stride, op.dilation, op.padding)
        else { return nil }
        let taps = weights.shape[1] * weights.shape[2]
        shape.groups = shape.in_c
        // One channel is an ordinary convolution; its weights are the same bytes.
        return packed(
            shape, input, weights, scales: weights.type.quantization, site.input(2), output, op.activation,
            ordered: site.ordered
        )?.step(input: input, output: output, cost: output.count * taps)
    }

    static func transposed(_ op: TransposeConv, _ site: KernelSite) -> [Step]? {
        guard let weights = site.input(1)?.constant, let input = site.input(2), let output = site.outputs.first,
            var shape = convolutionShape(
                input: input, output: output, weights.shape[1], weights.shape[2], op.stride, Extent2D(1), op.padding)
        else { return nil }
        shape.pad_top = Int32(
            WindowGeometry.transposedBefore(
                output: output.shape[1], input: input.shape[1], window: weights.shape[1], stride: op.stride.height,
                padding: op.padding))
        shape.pad_left = Int32(
            WindowGeometry.transposedBefore(
                output: output.shape[2], input: input.shape[2], window: weights.shape[2], stride: op.stride.width,
                padding: op.padding))
        let cost = input.count * weights.shape[1] * weights.shape[2] * output.shape[3]
        if input.type.elementType == .float32, weights.elementType == .int8 || weights.elementType == .int4 {
            return hybrid(
                shape, input, weights, site.input(3), output, op.activation, transposed: true, cost: cost)
        }
        return packed(
            shape, input, weights, scales: weights.type.quantization, site.input(3), output, op.activation,
            transposed: true, ordered: site.ordered
        ).map { [$0.step(input: input, output: output, cost: cost)] }
    }

    /// Sizes as the kernels take them; nil when a product of them could overflow 32 bits.
    private static func convolutionShape(
        input: Site, output: Site, _ kernelH: Int, _ kernelW: Int, _ stride: Extent2D, _ dilation: Extent2D,
        _ padding: Padding
    ) -> ck_conv_shape? {
        let h = WindowGeometry(
            input: input.shape[1], window: kernelH, stride: stride.height, dilation: dilation.height, padding: padding)
        let w = WindowGeometry(
            input: input.shape[2], window: kernelW, stride: stride.width, dilation: dilation.width, padding: padding)
        let limit = 1 << 28
        let reach = ((kernelH - 1) * dilation.height + stride.height) + h.before
        let width = max(output.shape[2] * stride.width, input.shape[2]) + (kernelW - 1) * dilation.width + 2
        let channels = max(input.shape[3], output.shape[3])
        guard input.count < limit, output.count < limit, kernelH * kernelW < 1 << 16, width < 1 << 24, reach < 1 << 16,
            channels < 1 << 20, (reach * 4).multipliedReportingOverflow(by: width * channels).partialValue < 1 << 26,
            kernelH * kernelW * channels < 1 << 26
        else { return nil }
        return ck_conv_shape(
            batch: Int32(input.shape[0]), in_h: Int32(input.shape[1]), in_w: Int32(input.shape[2]),
            in_c: Int32(input.shape[3]), kernel_h: Int32(kernelH), kernel_w: Int32(kernelW),
            stride_h: Int32(stride.height), stride_w: Int32(stride.width), dilation_h: Int32(dilation.height),
            dilation_w: Int32(dilation.width), pad_top: Int32(h.before), pad_left: Int32(w.before),
            out_h: Int32(output.shape[1]), out_w: Int32(output.shape[2]), out_c: Int32(output.shape[3]), groups: 1)
    }

    private static func transposedTaps(_ weights: Tensor, into moved: Tensor, taps: Int, channels: Int) -> Tensor {
        var result = moved
        let size = weights.elementType.byteCount
        weights.withUnsafeBytes { from in
            result.withUnsafeMutableBytes { to in
                for channel in 0..<channels {
                    for tap in 0..<taps {
                        for byte in 0..<size {
                            to[(tap * channels + channel) * size + byte] = from[(channel * taps + tap) * size + byte]
                        }
                    }
                }
            }
        }
        return result
    }

    /// Packs the weights of a float or 8-bit convolution, int4 weights two to a byte; nil for other types or a bias that
    /// is not constant.
    static func packed(
        _ shape: ck_conv_shape, _ input: Site, _ weights: Tensor, scales: QuantizationParameters?, _ bias: Site?,
        _ output: Site, _ activation: Activation, transposed: Bool = false, roundedOnce: Bool = false,
        ordered: Bool = false
    ) -> PackedConvolution? {
        if let bias, bias.constant == nil { return nil }
        var shape = shape
        if input.type.elementType == .float32, weights.elementType == .float32, output.type.elementType == .float32 {
            if let bias, bias.type.elementType != .float32 { return nil }
            return weights.withElements(of: Float.self) { w in
                let create = transposed ? ck_deconv_f32_create : ck_conv_f32_create
                return PackedConvolution(
                    create(
                        &shape, w.baseAddress, bias?.elements(Float.self), floatActivation(activation), ordered ? 1 : 0)
                )
            }
        }
        guard let inputQ = input.type.quantization, let weightQ = scales, let outputQ = output.type.quantization,
            Requantization.isCode(input.type), Requantization.isCode(output.type),
            [.int4, .int8, .uint8].contains(weights.elementType),
            weightQ.zeroPoints.allSatisfy({ $0 == weightQ.zeroPoint && -128...255 ~= $0 }),
            weights.elementType == .uint8 || weightQ.zeroPoint == 0
                || (roundedOnce && weights.elementType == .int8),
            let range = Requantization.range(activation, output.type),
            let factors = Requantization.factors(
                input: inputQ, weights: weightQ, output: outputQ, channels: Int(shape.out_c),
                roundedProduct: weights.elementType == .uint8 && !roundedOnce)
        else { return nil }
        if let bias, bias.type.elementType != .int32 { return nil }
        let multipliers = factors.map { QuantizedMultiplier($0) }
        let multiplier = multipliers.map(\.multiplier)
        let shift = multipliers.map(\.shift)
        return withChannels(multiplier, shift, factors) { multiplier, shift, real in
            var quantization = ck_quantization(
                in_zero: inputQ.zeroPoint, weight_zero: weightQ.zeroPoint, out_zero: outputQ.zeroPoint,
                lowest: range.lowerBound, highest: range.upperBound,
                in_unsigned: input.type.elementType == .uint8 ? 1 : 0,
                out_unsigned: output.type.elementType == .uint8 ? 1 : 0,
                weight_unsigned: weights.elementType == .uint8 ? 1 : 0,
                weight_four_bit: weights.elementType == .int4 ? 1 : 0, multiplier: multiplier, shift: shift,
                real: roundedOnce ? real : nil)
            return weights.withFileBytes { w in
                let create = transposed ? ck_deconv_i8_create : ck_conv_i8_create
                return PackedConvolution(create(&shape, w.baseAddress, bias?.elements(Int32.self), &quantization))
            }
        }
    }

    private static func withChannels<R>(
        _ multiplier: [Int32], _ shift: [Int32], _ real: [Double],
        _ body: (UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafePointer<Double>?) -> R
    ) -> R {
        multiplier.withUnsafeBufferPointer { multiplier in
            shift.withUnsafeBufferPointer { shift in
                real.withUnsafeBufferPointer { body(multiplier.baseAddress, shift.baseAddress, $0.baseAddress) }
            }
        }
    }
}
