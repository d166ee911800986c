/// The extents of a tensor, outermost first; `[]` is a scalar. Every extent is fixed and at least 0: importers resolve
/// symbolic dimensions before a shape is made.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
    public var dimensions: [Int]

    public init(_ dimensions: [Int]) { self.dimensions = dimensions }
    public init(arrayLiteral elements: Int...) { dimensions = elements }

    public var rank: Int { dimensions.count }

    /// Product of the extents; 1 for a scalar. Use ``checkedElementCount()`` on shapes that come from a file.
    public var elementCount: Int { dimensions.reduce(1, *) }

    /// Product of the extents, or nil when an extent is negative or the product exceeds `Int.max / 16`.
    public func checkedElementCount() -> Int? {
        var product = 1
        for dimension in dimensions {
            guard dimension >= 0 else { return nil }
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            guard !overflow, next <= Int.max / 16 else { return nil }
            product = next
        }
        return product
    }

    /// Extent of `axis`; negative axes count from the end.
    public subscript(axis: Int) -> Int {
        get { dimensions[axis < 0 ? axis + rank : axis] }
        set { dimensions[axis < 0 ? axis + rank : axis] = newValue }
    }

    /// Row-major strides in elements.
    public var strides: [Int] {
        var strides = [Int](repeating: 1, count: rank)
        for axis in stride(from: rank - 2, through: 0, by: -1) {
            strides[axis] = strides[axis + 1] * dimensions[axis + 1]
        }
        return strides
    }

    /// `axis` counted from the front, or nil when it is outside `-rank ..< rank`.
    public func normalizedAxis(_ axis: Int) -> Int? {
        guard axis >= -rank, axis < rank else { return nil }
        return axis < 0 ? axis + rank : axis
    }

    /// The shape both operands broadcast to by the NumPy rule (right-aligned, extents equal or 1), or nil.
    public static func broadcast(_ a: Shape, _ b: Shape) -> Shape? {
        let rank = max(a.rank, b.rank)
        var result = [Int](repeating: 1, count: rank)
        for i in 0..<rank {
            let x = i < rank - a.rank ? 1 : a.dimensions[i - (rank - a.rank)]
            let y = i < rank - b.rank ? 1 : b.dimensions[i - (rank - b.rank)]
            if x == y || y == 1 { result[i] = x } else if x == 1 { result[i] = y } else { return nil }
        }
        return Shape(result)
    }

    public var description: String {
        dimensions.isEmpty ? "scalar" : dimensions.map(String.init).joined(separator: "x")
    }
}
