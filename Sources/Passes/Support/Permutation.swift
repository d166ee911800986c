import TensorCore

/// An order of axes: axis i of the permuted tensor is axis `axes[i]` of the original one.
struct Permutation: Hashable, Sendable {
    let axes: [Int]

    /// Precondition: every number from 0 up to the count occurs once.
    init(_ axes: [Int]) { self.axes = axes }

    /// nil unless every number from 0 up to the count occurs once; negative axes count from the end.
    init?(checking axes: [Int]) {
        let positive = axes.map { $0 < 0 ? $0 + axes.count : $0 }
        guard positive.sorted() == Array(0..<axes.count) else { return nil }
        self.init(positive)
    }

    static func identity(_ rank: Int) -> Permutation { Permutation(Array(0..<rank)) }

    var rank: Int { axes.count }
    var isIdentity: Bool { axes.indices.allSatisfy { axes[$0] == $0 } }

    subscript(index: Int) -> Int { axes[index] }

    var inverse: Permutation {
        var result = axes
        for (i, axis) in axes.enumerated() { result[axis] = i }
        return Permutation(result)
    }

    /// Where original axis `axis` is in the permuted tensor.
    func position(of axis: Int) -> Int { axes.firstIndex(of: axis) ?? axis }

    /// This permutation, and then `next` on its result.
    func then(_ next: Permutation) -> Permutation { Permutation(next.axes.map { axes[$0] }) }

    func apply<T>(_ values: [T]) -> [T] { axes.map { values[$0] } }
    func apply(_ shape: Shape) -> Shape { Shape(apply(shape.dimensions)) }

    /// The permutation among the remaining axes when original axes `removed` go.
    func removing(_ removed: Set<Int>) -> Permutation {
        let kept = axes.filter { !removed.contains($0) }
        let sorted = kept.sorted()
        return Permutation(kept.map { axis in sorted.firstIndex(of: axis) ?? 0 })
    }

    /// True when this permutation leaves the order of the elements in memory as it is: only axes of extent 1 move.
    func keepsMemoryOrder(of shape: Shape) -> Bool {
        let moving = axes.filter { shape[$0] != 1 }
        return moving == moving.sorted()
    }
}

extension Tensor {
    /// The tensor with its axes in another order; per-channel parameters follow their axis.
    func permuted(by permutation: Permutation) -> Tensor {
        if permutation.isIdentity { return self }
        var type = type.with(shape: permutation.apply(shape))
        if let axis = type.quantization?.axis { type.quantization?.axis = permutation.position(of: axis) }
        if permutation.keepsMemoryOrder(of: shape) { return retyped(type) }
        var result = Tensor(zeros: type)
        let size = elementType.byteCount
        let strides = permutation.apply(shape.strides)
        let extents = type.shape.dimensions
        let inner = extents.last ?? 1
        let innerStride = (strides.last ?? 1) * size
        withUnsafeBytes { source in
            result.withUnsafeMutableBytes { target in
                guard let from = source.baseAddress, let to = target.baseAddress, source.count > 0 else { return }
                var index = [Int](repeating: 0, count: extents.count)
                var written = 0
                while written < target.count {
                    var base = 0
                    for axis in extents.indices.dropLast() { base += index[axis] * strides[axis] }
                    for i in 0..<inner {
                        (to + written).copyMemory(from: from + base * size + i * innerStride, byteCount: size)
                        written += size
                    }
                    for axis in extents.indices.dropLast().reversed() {
                        index[axis] += 1
                        if index[axis] < extents[axis] { break }
                        index[axis] = 0
                    }
                }
            }
        }
        return result
    }

    /// The tensor seen with leading axes of extent 1, `rank` axes in all.
    func expanded(toRank rank: Int) -> Tensor {
        guard shape.rank < rank else { return self }
        var type = type
        let added = rank - shape.rank
        type.shape = Shape([Int](repeating: 1, count: added) + shape.dimensions)
        if let axis = type.quantization?.axis { type.quantization?.axis = axis + added }
        return retyped(type)
    }
}
