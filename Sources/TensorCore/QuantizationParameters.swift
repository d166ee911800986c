/// Affine quantisation: `real = scale * (code - zeroPoint)`, for a whole tensor or for every slice of one axis.
///
/// Source: the TFLite 8-bit quantisation specification. Scales are binary32 as they are in the file.
public struct QuantizationParameters: Sendable, Hashable {
    /// One scale (per tensor) or one for every index of ``axis`` (per channel).
    public var scales: [Float]
    /// As many as ``scales``.
    public var zeroPoints: [Int32]
    /// The channel axis of per-channel parameters; nil per tensor.
    public var axis: Int?

    public init(scale: Float, zeroPoint: Int32) {
        scales = [scale]
        zeroPoints = [zeroPoint]
        axis = nil
    }

    public init(scales: [Float], zeroPoints: [Int32], axis: Int) {
        self.scales = scales
        self.zeroPoints = zeroPoints
        self.axis = axis
    }

    public var isPerChannel: Bool { axis != nil }
    /// The first scale: the only one of per-tensor parameters.
    public var scale: Float { scales.first ?? 0 }
    /// The first zero point: the only one of per-tensor parameters.
    public var zeroPoint: Int32 { zeroPoints.first ?? 0 }
}
