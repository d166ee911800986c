import TensorCore

/// Movement of 8-bit elements, which is all that the layout operators do.
enum LayoutMovement {
    /// The tensor whose element at `[i, j, k, l]` is `source` at `[maps[0][i], maps[1][j], maps[2][k], maps[3][l]]`, or
    /// `fill` where one of these is negative.
    ///
    /// Precondition: four extents of one-byte elements, and no index beyond its extent.
    static func mapped(_ source: Tensor, _ maps: [[Int]], fill: UInt8 = 0) -> Tensor {
        let extents = source.shape.dimensions
        let depths = maps[3]
        let isRun = zip(depths, depths.dropFirst()).allSatisfy { $0 + 1 == $1 } && (depths.first ?? 0) >= 0
        var result = [UInt8](repeating: fill, count: maps.reduce(1) { $0 * $1.count })
        source.withElements(of: UInt8.self) { from in
            result.withUnsafeMutableBufferPointer { to in
                var position = 0
                for b in maps[0] {
                    for h in maps[1] {
                        for w in maps[2] {
                            if b >= 0, h >= 0, w >= 0 {
                                let base = ((b * extents[1] + h) * extents[2] + w) * extents[3]
                                if isRun {
                                    let first = base + (depths.first ?? 0)
                                    for i in 0..<depths.count { to[position + i] = from[first + i] }
                                } else {
                                    for (i, d) in depths.enumerated() where d >= 0 { to[position + i] = from[base + d] }
                                }
                            }
                            position += depths.count
                        }
                    }
                }
            }
        }
        return Tensor(result, shape: Shape(maps.map(\.count)))
    }

    /// `source` seen with the extents `split`, its axes put into the order `order`, seen with the extents `shape`.
    ///
    /// Precondition: one-byte elements, and as many of them in all three shapes.
    static func reordered(_ source: Tensor, _ split: [Int], order: [Int], shape: [Int]) -> Tensor {
        let strides = Shape(split).strides
        var extents = order.map { split[$0] }
        var steps = order.map { strides[$0] }
        // The innermost axes that stay behind one another are one run.
        var run = 1
        while let last = steps.last, last == run {
            run *= extents.removeLast()
            steps.removeLast()
        }
        var result = [UInt8](repeating: 0, count: source.count)
        source.withElements(of: UInt8.self) { from in
            result.withUnsafeMutableBufferPointer { to in
                var index = [Int](repeating: 0, count: extents.count)
                var first = 0
                for position in stride(from: 0, to: to.count, by: run) {
                    for i in 0..<run { to[position + i] = from[first + i] }
                    for axis in extents.indices.reversed() {
                        index[axis] += 1
                        first += steps[axis]
                        if index[axis] < extents[axis] { break }
                        first -= index[axis] * steps[axis]
                        index[axis] = 0
                    }
                }
            }
        }
        return Tensor(result, shape: Shape(shape))
    }

    /// The indices of an axis that stays as it is.
    static func whole(_ extent: Int) -> [Int] { Array(0..<extent) }

    /// The indices of an axis with `before` and `after` new elements at its ends.
    static func padded(_ extent: Int, _ before: Int, _ after: Int) -> [Int] {
        [Int](repeating: -1, count: before) + whole(extent) + [Int](repeating: -1, count: after)
    }
}

extension KernelInputs {
    /// The integers of an input, as they lie.
    func integers(_ index: Int) throws -> [Int] {
        try tensor(index, .int32).elements(of: Int32.self).map(Int.init)
    }

    /// The tensor that is moved: 8-bit codes of four extents, none of them 0.
    func codes(_ index: Int) throws -> Tensor {
        let tensor = try tensor(index, .uint8)
        guard tensor.count > 0 else { throw refused("input \(index) is empty") }
        return tensor
    }

    /// `shape` when its elements can be counted in 31 bits, as the library wants.
    func checked(_ shape: [Int]) throws -> [Int] {
        guard let count = Shape(shape).checkedElementCount(), count > 0, count <= Int(Int32.max) else {
            throw refused("would have the extents \(Shape(shape))")
        }
        return shape
    }

    /// An axis counted from the front; negative ones count from the end of four. Source: `handle_negative_axes`.
    func axis(_ index: Int) throws -> Int {
        guard let axis = try integers(index).first, (-4..<4).contains(axis) else {
            throw refused("has an axis outside -4...3")
        }
        return axis < 0 ? axis + 4 : axis
    }
}
