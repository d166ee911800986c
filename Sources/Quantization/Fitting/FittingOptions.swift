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
    /// G of the objective tr(G (Ŵ - W) H (Ŵ - W)ᵀ) that ``WeightRounding/kfac`` lowers, by the name of a layer's result:
    /// one row and column for every output channel, symmetric positive semidefinite, in any unit. Of a grouped layer, only
    /// the blocks on the diagonal count. Compensation does without: the real weights at which the gradient
    /// G (W H - C) is zero are the same for every invertible G, only rounding has to choose between outputs.
    package var curvature: [String: Matrix] = [:]
    /// What is added to G's diagonal, in shares of its mean.
    public var curvatureDamping = 0.01
    /// Weights of a group with a scale of its own, in the order of patches (channels innermost, then columns, then rows of
    /// the window); nil for one scale a row. Only layers with `int4` weights and rows longer than a group have groups:
    /// every group gets an integer factor m of 1 to 18, weights become `int8` codes m * k with k in [-7, 7], and the row's
    /// scale stays the only one, so that sums remain sums of integers and any int8 kernel runs the result.
    public var groupSize: Int?
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
    /// their variance; both weighted by G where ``WeightRounding/kfac`` has it.
    public var before: Double
    public var after: Double
    /// The ridge chosen, in shares of the covariance's mean diagonal; nil without compensation.
    public var damping: Double?
    /// Weights of a group with a factor of its own; nil when the layer has none.
    public var groupSize: Int?
    /// What made the rows poor evidence (constant inputs, fewer rows than inputs, a singular covariance), in words; nil
    /// when nothing did. The damping keeps such layers near their float weights.
    public var warning: String?
    /// True when the new weights were better and the layer has them.
    public var isKept: Bool
}
