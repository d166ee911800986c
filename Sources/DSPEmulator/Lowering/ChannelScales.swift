import TensorCore

/// The scales of weights with one for every channel, as the library takes them: relative to the largest.
struct ChannelScales {
    var scales: [Float]
    var largest: Float
    /// At least 0.0009766, about 1/1024, which is the least that the kernels can do.
    var relative: [Float]
    /// The node of ``relative``.
    var constant: HexagonReference?

    /// Source: hexagon/builders/conv_2d_helpers.cc, kHexagonMinRelativeScale.
    static let least: Float = 0.0009766
}

/// A bias with a range of its own.
struct RescaledBias {
    var codes: [Int]
    var min: Float
    var max: Float
}

extension DelegateGraphBuilder {
    /// The scales of weights with more than one; nil for those with one.
    ///
    /// Source: hexagon/builders/conv_2d_helpers.cc, ProcessPerChannelQuantizedWeights.
    ///
    /// - Throws: `Diagnostic` for weights without scale, and where all are zero: the delegate then goes on with a range of
    ///   nothing.
    func channelScales(of tensor: Int) throws -> ChannelScales? {
        guard let quantization = listing[tensor: tensor].type.quantization else {
            throw buildFailure("the weights \(listing[tensor: tensor].name) have no scale")
        }
        let scales = quantization.scales
        guard scales.count > 1 else { return nil }
        let largest = scales.reduce(0) { $1 > $0 ? $1 : $0 }
        guard largest > 0 else { throw buildFailure("all scales of the weights are zero") }
        return ChannelScales(
            scales: scales, largest: largest, relative: scales.map { max($0 / largest, ChannelScales.least) })
    }

    /// The node of the relative scales.
    mutating func addScales(_ scales: ChannelScales) -> HexagonReference {
        constant(Tensor(scales.relative, shape: [1, 1, 1, scales.relative.count]))
    }

    /// The bias in a range eight times as wide as its largest value, computed in binary32 and rounded again.
    ///
    /// A bias of zeros divides zero by zero; the conversion of that to an integer gives zero on the processors that the
    /// delegate runs on.
    ///
    /// Source: hexagon/builders/conv_2d_helpers.cc, ProcessPerChannelQuantizedBias.
    func rescaledBias(_ tensor: Int, _ scales: ChannelScales, data: Int) throws -> RescaledBias {
        let codes = try integers(tensor)
        guard codes.count == scales.scales.count else {
            throw buildFailure("\(codes.count) biases and \(scales.scales.count) scales")
        }
        let inputScale = listing[tensor: data].type.quantization?.scale ?? 0
        let real = zip(codes, scales.scales).map { Float($0) * inputScale * $1 }
        let bound = real.reduce(Float(0)) { abs($1) > $0 ? abs($1) : $0 } * 8
        let rounded = real.map { value -> Int in
            let ratio = value / bound
            return ratio.isFinite ? Int((0x1p31 * Double(ratio)).rounded(.toNearestOrAwayFromZero)) : 0
        }
        return RescaledBias(codes: rounded, min: -1 * bound, max: bound)
    }
}
