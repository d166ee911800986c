import Operators
import TensorCore

/// Rescaling of sums of products: one factor per output channel.
struct ChannelFactors {
    let factors: [QuantizedMultiplier]

    /// `input * weight / output` scales in double precision; for uint8 the product of the first two is rounded to
    /// binary32 first.
    ///
    /// Source: LiteRT `PopulateConvolutionQuantizationParams`, `GetQuantizedConvolutionMultipler`
    /// (kernels/kernel_util.cc).
    init(input: Affine, weights: Tensor, output: Affine, count: Int, call: Invocation) throws {
        let scales = try call.weightScales(weights, count: count)
        factors = scales.map { scale in
            let product =
                weights.elementType == .uint8 ? Double(input.scale * scale) : Double(input.scale) * Double(scale)
            return QuantizedMultiplier(product / Double(output.scale))
        }
    }
}

extension Invocation {
    /// Scales of weights for `count` output channels.
    ///
    /// - Throws: `Diagnostic` (.badModel) when there is neither one nor one for every channel.
    func weightScales(_ weights: Tensor, count: Int) throws -> [Float] {
        guard let scales = weights.type.quantization?.scales, scales.count == 1 || scales.count == count,
            scales.allSatisfy({ $0.isFinite && $0 >= 0 })
        else {
            throw Diagnostic(.badModel, at: name, "weights need one scale or \(count)")
        }
        return scales.count == count ? scales : [Float](repeating: scales[0], count: count)
    }

    /// The zero point of weights: that of uint8, 0 for every other type.
    func weightZeroPoint(_ weights: Tensor) throws -> Int32 {
        let zeroPoints = weights.type.quantization?.zeroPoints ?? []
        if weights.elementType == .uint8 { return zeroPoints.first ?? 0 }
        guard zeroPoints.allSatisfy({ $0 == 0 }) else {
            throw Diagnostic(.badModel, at: name, "signed weights must have zero point 0")
        }
        return 0
    }
}

extension ReferenceKernels {
    /// Source: LiteRT reference_integer_ops `ConvPerChannel`, `DepthwiseConvPerChannel`, `TransposeConv` and
    /// reference_ops `Conv`, `DepthwiseConv` (uint8).
    static func quantizedSlide<C: Code, A: IntegerAccumulator>(
        _ work: SlidingWindow, _: C.Type, _: A.Type, _ call: Invocation
    ) throws -> Tensor {
        let type = try call.output()
        let (input, output) = (try call.affine(work.input), try call.affine(type))
        let factors = try ChannelFactors(
            input: input, weights: work.weights, output: output, count: work.results, call: call
        ).factors
        let bias = try call.integerBias(work.biasIndex, count: work.results, as: A.self)
        let range = call.codeRange(work.activation, output, of: C.self)
        let codes = try call.centered(work.input, zeroPoint: input.zeroPoint, as: A.self)
        let weights = try call.centered(
            work.weights, zeroPoint: try call.weightZeroPoint(work.weights), as: A.self)
        return try call.codes(type, of: C.self) { result in
            work.forEachPixel(input: codes, weights: weights) { _, start, sums in
                for r in 0..<sums.count {
                    let scaled = (sums[r] &+ bias[r]).scaled(by: factors[r])
                    result[start + r] = range.clamp(scaled &+ output.zeroPoint, as: C.self)
                }
            }
        }
    }

    /// Float activations and int8 weights: every batch's activations are quantised, the sums are integers.
    ///
    /// Per-tensor weights of CONV_2D take symmetric activations, all others asymmetric ones.
    /// Source: LiteRT `EvalHybrid` and `EvalHybridPerChannel` (kernels/conv.cc, depthwise_conv.cc, transpose_conv.cc).
    static func hybridSlide(_ work: SlidingWindow, _ call: Invocation) throws -> Tensor {
        let scales = try call.weightScales(work.weights, count: work.results)
        let bias = try call.floatBias(work.biasIndex, count: work.results)
        let perTensor = scales.allSatisfy { $0 == scales.first } && work.channels == work.weights.shape[3]
        let symmetric = work.kind == .dense && perTensor
        let batches = DynamicCodes(
            work.input.elements(of: Float.self), batches: work.geometry.batches, asymmetric: !symmetric)
        let weights = try call.centered(
            work.weights, zeroPoint: try call.weightZeroPoint(work.weights), as: Int32.self)
        return try floatResult(call) { output in
            work.forEachPixel(input: batches.centered, weights: weights) { batch, start, sums in
                for r in 0..<sums.count {
                    let real: Float =
                        switch work.kind {
                        case .dense where symmetric: Float(sums[r]) * (batches.scales[batch] * scales[r])
                        case .depthwise: Float(sums[r]) * (scales[r] * batches.scales[batch])
                        default: Float(sums[r]) * scales[r] * batches.scales[batch]
                        }
                    output[start + r] = work.activation.apply(real + bias[r])
                }
            }
        }
    }
}

/// Activations of a dynamic-range operator, quantised to int8 batch by batch.
///
/// Source: LiteRT `PortableSymmetricQuantizeFloats` and `PortableAsymmetricQuantizeFloats`
/// (kernels/internal/reference/portable_tensor_utils.cc).
struct DynamicCodes {
    /// Codes minus the zero point of their batch.
    private(set) var centered: [Int32]
    private(set) var scales: [Float]
    /// All zero with symmetric codes.
    private(set) var zeroPoints: [Int32]

    init(_ values: [Float], batches: Int, asymmetric: Bool) {
        centered = []
        scales = []
        zeroPoints = []
        centered.reserveCapacity(values.count)
        let size = batches > 0 ? values.count / batches : 0
        for batch in 0..<batches {
            let slice = values[batch * size..<(batch + 1) * size]
            asymmetric ? addAsymmetric(slice) : addSymmetric(slice)
        }
    }

    private mutating func addSymmetric(_ values: ArraySlice<Float>) {
        let range = max(abs(values.min() ?? 0), abs(values.max() ?? 0))
        zeroPoints.append(0)
        guard range > 0, range.isFinite else {
            scales.append(1)
            centered += values.map { _ in 0 }
            return
        }
        scales.append(range / 127)
        let inverse = 127 / range
        centered += values.map { min(127, max(-127, roundedInteger($0 * inverse))) }
    }

    private mutating func addAsymmetric(_ values: ArraySlice<Float>) {
        let low = Double(min(0, values.min() ?? 0))
        let high = Double(max(0, values.max() ?? 0))
        guard low < high, (high - low).isFinite else {
            scales.append(1)
            zeroPoints.append(0)
            centered += values.map { _ in 0 }
            return
        }
        let scale = (high - low) / 255
        let fromLow = -128 - low / scale
        let fromHigh = 127 - high / scale
        let exact = 128 + abs(low / scale) < 127 + abs(high / scale) ? fromLow : fromHigh
        let zeroPoint: Int32 =
            exact <= -128
            ? -128 : exact >= 127 ? 127 : saturatingInteger(exact.rounded(.toNearestOrAwayFromZero), as: Int32.self)
        scales.append(Float(scale))
        zeroPoints.append(zeroPoint)
        let inverse = 1 / Float(scale)
        centered += values.map {
            min(127, max(-128, roundedInteger(Float(zeroPoint) + $0 * inverse))) &- zeroPoint
        }
    }
}
