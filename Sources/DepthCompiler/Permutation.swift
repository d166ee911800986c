import TensorCore

extension Tensor {
    /// Axis i of the result is axis `permutation[i]` of this tensor. Precondition: a permutation of its axes.
    public func permuted(_ permutation: [Int]) -> Tensor {
        precondition(permutation.sorted() == Array(0..<shape.rank), "\(permutation) for \(shape)")
        let shape = Shape(permutation.map { self.shape.dimensions[$0] })
        var result = Tensor(zeros: type.with(shape: shape))
        let size = elementType.byteCount
        let sourceStrides = self.shape.strides
        let strides = permutation.map { sourceStrides[$0] }
        let count = shape.elementCount
        withUnsafeBytes { source in
            result.withUnsafeMutableBytes { target in
                var index = [Int](repeating: 0, count: shape.rank)
                var offset = 0
                for position in 0..<count {
                    for byte in 0..<size { target[position * size + byte] = source[offset * size + byte] }
                    var axis = shape.rank - 1
                    while axis >= 0 {
                        index[axis] += 1
                        offset += strides[axis]
                        if index[axis] < shape.dimensions[axis] { break }
                        offset -= strides[axis] * shape.dimensions[axis]
                        index[axis] = 0
                        axis -= 1
                    }
                }
            }
        }
        return result
    }

    /// Undoes ``permuted(_:)``.
    public func unpermuted(_ permutation: [Int]) -> Tensor {
        var inverse = [Int](repeating: 0, count: permutation.count)
        for (position, axis) in permutation.enumerated() { inverse[axis] = position }
        return permuted(inverse)
    }
}
