import TensorCore

/// A reduction. Operands: input, axes int32 `[n]` (constant).
public struct Reduction: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case mean = "MEAN"
        case sum = "SUM"
        case max = "REDUCE_MAX"
        case min = "REDUCE_MIN"
        case product = "REDUCE_PROD"
        case any = "REDUCE_ANY"
        case all = "REDUCE_ALL"
    }
    public var kind: Kind
    public var keepDimensions: Bool
    public init(_ kind: Kind, keepDimensions: Bool) {
        self.kind = kind
        self.keepDimensions = keepDimensions
    }
}

/// ARG_MAX and ARG_MIN: the index of the first extremum. Operands: input, axis int32 scalar (constant).
public struct ArgumentReduction: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case max = "ARG_MAX"
        case min = "ARG_MIN"
    }
    public var kind: Kind
    /// int32 or int64.
    public var outputType: ElementType
    public init(_ kind: Kind, outputType: ElementType) {
        self.kind = kind
        self.outputType = outputType
    }
}

extension Inference {
    static func reduce(_ op: Reduction, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let axes = try operands.axes(1, rank: input.shape.rank)
        return [TensorType(input.elementType, reduced(input.shape, axes, keep: op.keepDimensions))]
    }

    static func argument(_ op: ArgumentReduction, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let axes = try operands.axes(1, rank: input.shape.rank)
        guard axes.count == 1 else { throw mismatch("one axis, not \(axes.count)") }
        return [TensorType(op.outputType, reduced(input.shape, axes, keep: false))]
    }

    static func topK(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let k = try operands.scalar(1)
        guard input.shape.rank >= 1, k >= 0, k <= input.shape[-1] else {
            throw mismatch("\(k) largest of \(input.shape)")
        }
        let shape = Shape(input.shape.dimensions.dropLast() + [k])
        return [input.with(shape: shape), TensorType(.int32, shape)]
    }

    static func reduced(_ shape: Shape, _ axes: Set<Int>, keep: Bool) -> Shape {
        Shape(shape.dimensions.indices.compactMap { axes.contains($0) ? (keep ? 1 : nil) : shape[$0] })
    }
}
