import TensorCore

/// Weights as a convolution multiplies them, and what the library forms from them when a graph is prepared.
struct ConvolutionWeights {
    /// Weights around zero, `[filters][taps]`, with as many zeros after each filter as make its length a multiple of 16.
    let values: [Int16]
    /// Elements from one filter to the next.
    let stride: Int
    /// Sum of each filter as the library holds it: of signed weights, or of unsigned codes with the codes of zero that pad
    /// the depth.
    let sums: [Int32]
    /// What the weights of each filter were multiplied by, 1 or K / 256.
    let scales: [Float]
    /// Whether the zero code lets filters be scaled at all.
    let mayBeScaled: Bool

    static let block = 16

    /// Unsigned weights, whose zero point the kernel takes away by sums of the input.
    ///
    /// Source: nnlib hexagon/src/supernode_procweights.c, `repack_filter_for_d32` with mode 0 (depth padded to 32), and
    /// hexagon/ops/src/op_supernode_new.c, `shortin_rearrange_weights_Ndto4` (depth padded to 4).
    init(unsigned filter: Tensor, zero: Int32, depthMultiple: Int) {
        let (taps, filters) = Self.extents(filter)
        let depth = filter.shape[2]
        let missing = (depth + depthMultiple - 1) / depthMultiple * depthMultiple - depth
        let padding = Int32(truncatingIfNeeded: missing * filter.shape[0] * filter.shape[1]) &* zero
        let stride = (taps + Self.block - 1) / Self.block * Self.block
        var elements = [Int16](repeating: 0, count: filters * stride)
        var totals = [Int32](repeating: padding, count: filters)
        filter.withElements(of: UInt8.self) { codes in
            for tap in 0..<taps {
                for channel in 0..<filters {
                    let code = Int32(codes[tap * filters + channel])
                    totals[channel] &+= code
                    elements[channel * stride + tap] = Int16(truncatingIfNeeded: code &- zero)
                }
            }
        }
        values = elements
        self.stride = stride
        sums = totals
        scales = [Float](repeating: 1, count: filters)
        mayBeScaled = false
    }

    /// Weights in 8 signed bits: codes less the zero point where that fits or nearly fits, else scaled by the largest
    /// K / 256 that fits and rounded.
    ///
    /// Source: nnlib hexagon/src/supernode_procweights.c, `repack_filter_for_d32` with mode 1 and
    /// `do_perlane_weight_scaling`.
    init(signed filter: Tensor, zero: Int32) {
        let (taps, filters) = Self.extents(filter)
        let stride = (taps + Self.block - 1) / Self.block * Self.block
        var elements = [Int16](repeating: 0, count: filters * stride)
        var totals = [Int32](repeating: 0, count: filters)
        var factors = [Float](repeating: 1, count: filters)
        filter.withElements(of: UInt8.self) { codes in
            for channel in 0..<filters {
                var low = zero
                var high = zero
                for tap in 0..<taps {
                    let code = Int32(codes[tap * filters + channel])
                    low = min(low, code)
                    high = max(high, code)
                }
                let scale = Self.scale(zero: zero, low: low, high: high)
                if let scale { factors[channel] = Float(scale) / 256 }
                for tap in 0..<taps {
                    let value = Self.signed(Int32(codes[tap * filters + channel]), zero: zero, scale: scale)
                    elements[channel * stride + tap] = Int16(truncatingIfNeeded: value)
                    totals[channel] &+= value
                }
            }
        }
        values = elements
        self.stride = stride
        sums = totals
        scales = factors
        mayBeScaled = zero < 127 || zero > 129
    }

    /// The numerator K of the scale of a filter whose codes reach from `low` to `high`; nil when it is not scaled. A filter
    /// that exceeds 8 bits by one step is clamped instead.
    static func scale(zero: Int32, low: Int32, high: Int32) -> Int32? {
        if zero >= 130, zero - low >= 130 { return (128 * 256 + 127) / (zero - low) }
        if zero <= 126, high - zero >= 129 { return (127 * 256 + 127) / (high - zero) }
        return nil
    }

    /// A weight in 8 signed bits.
    static func signed(_ code: Int32, zero: Int32, scale: Int32?) -> Int32 {
        guard let scale else { return min(max(code - zero, -128), 127) }
        return ((code * scale + 128 * 256 + 128 - scale * zero) >> 8 & 255) - 128
    }

    private static func extents(_ filter: Tensor) -> (taps: Int, filters: Int) {
        (filter.shape[0] * filter.shape[1] * filter.shape[2], filter.shape[3])
    }
}
