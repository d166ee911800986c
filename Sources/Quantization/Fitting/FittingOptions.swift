/// What ``LayerFitting`` is asked to do.
public struct FittingOptions: Sendable, Hashable {
    public var rounding: WeightRounding
    /// Before rounding, moves the weights to where they give the float layer's results best from quantised inputs.
    public var compensation: Bool
    /// Rows of statistics for every weight of an output, at least ``leastRows``.
    public var rowsPerInput = 2
    public var leastRows = 4096
    /// Rows on which dampings are compared and on which new weights must prove better than the old.
    public var heldOutRows = 1024
    /// Ridge towards the float weights in shares of the covariance's mean diagonal; held-out rows choose.
    public var dampings = [1e-3, 1e-2, 1e-1]
    /// Damping of the covariance where only rounding uses it.
    public var roundingDamping = 0.01
    /// Layers with more weights than this for every output keep what they have: their covariance needs 8 bytes times its
    /// square, three times.
    public var largestWidth = 4608
    public var seed: UInt64 = 1

    public init(rounding: WeightRounding = .gptq, compensation: Bool = true) {
        self.rounding = rounding
        self.compensation = compensation
    }
}

/// What fitting did to a layer.
public struct LayerFit: Sendable, Hashable {
    /// The node's location.
    public var location: String
    /// Weights of one output, and outputs.
    public var width: Int
    public var outputs: Int
    /// Rows behind the statistics.
    public var rows: Int
    /// Mean squared difference to the float layer's results (before a fused activation) on held-out rows, relative to
    /// their variance.
    public var before: Double
    public var after: Double
    /// The ridge chosen, in shares of the covariance's mean diagonal; nil without compensation.
    public var damping: Double?
    /// True when the new weights were better and the layer has them.
    public var isKept: Bool
}
