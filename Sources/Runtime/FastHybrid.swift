import CKernels
import Operators
import TensorCore

extension FastKernels {
    /// Float activations and int8 or int4 weights: every image is quantised by its own range, the sums are integers.
    ///
    /// CONV_2D with per-tensor weights and no groups takes symmetric codes, all others asymmetric ones.
    /// Source: LiteRT `EvalHybrid` and `EvalHybridPerChannel` (kernels/conv.cc, transpose_conv.cc).
    static func hybrid(
        _ shape: ck_conv_shape, _ input: Site, _ weights: Tensor, _ bias: Site?, _ output: Site,
        _ activation: Activation, transposed: Bool, cost: Int
    ) -> [Step]? {
        guard input.type.elementType == .float32, output.type.elementType == .float32,
            weights.elementType == .int8 || weights.elementType == .int4,
            let quantization = weights.type.quantization, quantization.zeroPoints.allSatisfy({ $0 == 0 }),
            quantization.scales.count == 1 || quantization.scales.count == Int(shape.out_c),
            quantization.scales.allSatisfy({ $0.isFinite && $0 >= 0 }), shape.batch > 0
        else { return nil }
        if let bias, bias.constant == nil || bias.type.elementType != .float32 { return nil }
        var shape = shape
        let scales = (0..<Int(shape.out_c)).map { quantization.scales[quantization.scales.count == 1 ? 0 : $0] }
        let symmetric = !transposed && shape.groups == 1 && scales.allSatisfy { $0 == scales.first }
        let handle = weights.withFileBytes { bytes in
            let create = transposed ? ck_deconv_hybrid_create : ck_conv_hybrid_create
            return create(
                &shape, bytes.baseAddress, weights.elementType == .int4 ? 1 : 0, scales, bias?.elements(Float.self),
                floatActivation(activation))
        }
        guard let packed = PackedConvolution(handle) else { return nil }
        return steps(
            packed, DynamicRange(images: Int(shape.batch), elements: input.count / Int(shape.batch)), input, output,
            symmetric: symmetric, cost: cost)
    }

    private static func steps(
        _ packed: PackedConvolution, _ range: DynamicRange, _ input: Site, _ output: Site, symmetric: Bool, cost: Int
    ) -> [Step] {
        let find = Step(units: range.images * DynamicRange.parts, cost: input.count) { units, _ in
            for unit in units { range.measure(unit, input.elements(Float.self)) }
        }
        let choose = Step(units: 1, cost: 1) { _, _ in range.choose(symmetric: symmetric) }
        let quantize = Step(units: range.images * DynamicRange.parts, cost: input.count) { units, _ in
            for unit in units { range.quantize(unit, input.elements(Float.self), symmetric: symmetric) }
        }
        let rows = Int(ck_conv_rows(packed.handle))
        var multiply = Step(units: rows, grain: 4, cost: cost / 8, scratch: ck_conv_scratch(packed.handle)) {
            units, scratch in
            ck_conv_hybrid_run(
                packed.handle, range.codes, range.zeros, range.scales, output.elements(Float.self),
                Int32(units.lowerBound), Int32(units.upperBound), scratch)
        }
        multiply.weightBytes = packed.weightBytes
        return [find, choose, quantize, multiply]
    }
}

/// Activations of a dynamic-range operator, quantised to int8 image by image.
///
/// Source: LiteRT `PortableSymmetricQuantizeFloats` and `PortableAsymmetricQuantizeFloats`
/// (kernels/internal/reference/portable_tensor_utils.cc).
private final class DynamicRange {
    /// Every image is measured and quantised in this many parts.
    static let parts = 16

    let images: Int
    private let elements: Int
    private let lowest: OwnedMemory
    private let highest: OwnedMemory
    private let inverses: OwnedMemory
    private let scaleMemory: OwnedMemory
    private let zeroMemory: OwnedMemory
    private let codeMemory: OwnedMemory

    var codes: UnsafeMutablePointer<Int8> { codeMemory.address.assumingMemoryBound(to: Int8.self) }
    var zeros: UnsafeMutablePointer<Int32> { zeroMemory.address.assumingMemoryBound(to: Int32.self) }
    var scales: UnsafeMutablePointer<Float> { scaleMemory.address.assumingMemoryBound(to: Float.self) }
    private var inverse: UnsafeMutablePointer<Float> { inverses.address.assumingMemoryBound(to: Float.self) }
    private var low: UnsafeMutablePointer<Float> { lowest.address.assumingMemoryBound(to: Float.self) }
    private var high: UnsafeMutablePointer<Float> { highest.address.assumingMemoryBound(to: Float.self) }

    init(images: Int, elements: Int) {
        self.images = images
        self.elements = elements
        lowest = OwnedMemory(byteCount: images * DynamicRange.parts * 4)
        highest = OwnedMemory(byteCount: images * DynamicRange.parts * 4)
        inverses = OwnedMemory(byteCount: images * 4)
        scaleMemory = OwnedMemory(byteCount: images * 4)
        zeroMemory = OwnedMemory(byteCount: images * 4)
        codeMemory = OwnedMemory(byteCount: images * elements)
    }

    private func stretch(_ unit: Int) -> Range<Int> {
        let (image, part) = unit.quotientAndRemainder(dividingBy: DynamicRange.parts)
        let first = image * elements
        return first + part * elements / DynamicRange.parts..<first + (part + 1) * elements / DynamicRange.parts
    }

    func measure(_ unit: Int, _ values: UnsafeMutablePointer<Float>) {
        let range = stretch(unit)
        ck_range_f32(values + range.lowerBound, Int64(range.count), low + unit, high + unit)
    }

    func choose(symmetric: Bool) {
        for image in 0..<images {
            let units = image * DynamicRange.parts..<(image + 1) * DynamicRange.parts
            let least = units.reduce(Float.infinity) { min($0, low[$1]) }
            let most = units.reduce(-Float.infinity) { max($0, high[$1]) }
            (scales[image], inverse[image], zeros[image]) =
                symmetric
                ? DynamicRange.symmetric(least, most)
                : DynamicRange.asymmetric(Double(min(0, least)), Double(max(0, most)))
        }
    }

    private static func symmetric(_ least: Float, _ most: Float) -> (Float, Float, Int32) {
        let range = max(abs(least), abs(most))
        return range > 0 && range.isFinite ? (range / 127, 127 / range, 0) : (1, 0, 0)
    }

    private static func asymmetric(_ low: Double, _ high: Double) -> (Float, Float, Int32) {
        guard low < high, (high - low).isFinite else { return (1, 0, 0) }
        let scale = (high - low) / 255
        let fromLow = -128 - low / scale
        let fromHigh = 127 - high / scale
        let exact = 128 + abs(low / scale) < 127 + abs(high / scale) ? fromLow : fromHigh
        let rounded = saturatingInteger(exact.rounded(.toNearestOrAwayFromZero), as: Int32.self)
        return (Float(scale), 1 / Float(scale), max(-128, min(127, rounded)))
    }

    func quantize(_ unit: Int, _ values: UnsafeMutablePointer<Float>, symmetric: Bool) {
        let range = stretch(unit)
        let image = unit / DynamicRange.parts
        ck_quantize_dynamic(
            inverse[image], Float(zeros[image]), symmetric ? -127 : -128, values + range.lowerBound,
            codes + range.lowerBound, Int64(range.count))
    }
}
