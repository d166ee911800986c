import TensorCore

/// AVERAGE_POOL_2D and MAX_POOL_2D. Operand: input `[N,H,W,C]`. Averages leave padded positions out.
public struct Pool2D: Sendable, Hashable {
    public var window: Extent2D
    public var stride: Extent2D
    public var padding: Padding
    public var activation: Activation
    public init(window: Extent2D, stride: Extent2D, padding: Padding, activation: Activation = .none) {
        self.window = window
        self.stride = stride
        self.padding = padding
        self.activation = activation
    }
}

extension Inference {
    static func pool2D(_ op: Pool2D, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0, rank: 4)
        try positive(op.stride, op.window)
        let h = try window(input.shape[1], op.window.height, op.stride.height, 1, op.padding)
        let w = try window(input.shape[2], op.window.width, op.stride.width, 1, op.padding)
        return [input.with(shape: [input.shape[0], h, w, input.shape[3]])]
    }
}
