import TensorCore

/// FULLY_CONNECTED. Operands: input `[..., K]`, weights `[N, K]`, optional bias `[N]`.
public struct FullyConnected: Sendable, Hashable {
    /// True keeps the input's outer extents; false flattens them into one.
    public var keepDimensions: Bool
    public var activation: Activation
    /// Dynamic-range models only: activations are quantised with a zero point.
    public var asymmetricQuantizeInputs: Bool
    public init(keepDimensions: Bool, activation: Activation = .none, asymmetricQuantizeInputs: Bool = false) {
        self.keepDimensions = keepDimensions
        self.activation = activation
        self.asymmetricQuantizeInputs = asymmetricQuantizeInputs
    }
}

/// BATCH_MATMUL. Operands: `[..., M, K]` and `[..., K, N]`, either one transposed in its last two axes on request; outer
/// axes broadcast.
public struct BatchMatMul: Sendable, Hashable {
    public var adjointLeft: Bool
    public var adjointRight: Bool
    public var asymmetricQuantizeInputs: Bool
    public init(adjointLeft: Bool = false, adjointRight: Bool = false, asymmetricQuantizeInputs: Bool = false) {
        self.adjointLeft = adjointLeft
        self.adjointRight = adjointRight
        self.asymmetricQuantizeInputs = asymmetricQuantizeInputs
    }
}

extension Inference {
    static func fullyConnected(_ op: FullyConnected, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let weights = try operands.type(1, rank: 2)
        let (outer, inner) = (weights.shape[0], weights.shape[1])
        guard inner > 0, input.shape.elementCount % inner == 0 else {
            throw mismatch("weights \(weights.shape) do not fit input \(input.shape)")
        }
        try operands.checkBias(2, count: outer)
        if op.keepDimensions {
            guard input.shape.rank > 0, input.shape[-1] == inner else {
                throw mismatch("weights \(weights.shape) do not fit input \(input.shape)")
            }
            return [TensorType(input.elementType, Shape(input.shape.dimensions.dropLast() + [outer]))]
        }
        return [TensorType(input.elementType, [input.shape.elementCount / inner, outer])]
    }

    static func batchMatMul(_ op: BatchMatMul, _ operands: Operands) throws -> [TensorType] {
        let left = try operands.type(0)
        let right = try operands.type(1)
        guard left.shape.rank >= 2, right.shape.rank >= 2 else { throw mismatch("matrices have at least two axes") }
        let (m, k) = op.adjointLeft ? (left.shape[-1], left.shape[-2]) : (left.shape[-2], left.shape[-1])
        let (k2, n) = op.adjointRight ? (right.shape[-1], right.shape[-2]) : (right.shape[-2], right.shape[-1])
        guard k == k2,
            let batch = Shape.broadcast(
                Shape(Array(left.shape.dimensions.dropLast(2))), Shape(Array(right.shape.dimensions.dropLast(2))))
        else { throw mismatch("\(left.shape) times \(right.shape)") }
        return [TensorType(left.elementType, Shape(batch.dimensions + [m, n]))]
    }
}
