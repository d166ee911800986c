import TensorCore

/// RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR. Operands: input `[N,H,W,C]`, size int32 `[2]` (constant).
/// With neither flag a target position maps to `position * input / output`.
public struct ResizeOptions: Sendable, Hashable {
    public var alignCorners: Bool
    public var halfPixelCenters: Bool
    public init(alignCorners: Bool, halfPixelCenters: Bool) {
        self.alignCorners = alignCorners
        self.halfPixelCenters = halfPixelCenters
    }
}

extension Inference {
    static func resize(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0, rank: 4)
        let size = try operands.integers(1)
        guard size.count == 2, size.allSatisfy({ $0 > 0 }) else { throw mismatch("a size of \(size)") }
        return [input.with(shape: [input.shape[0], size[0], size[1], input.shape[3]])]
    }
}
