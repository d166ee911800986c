import TensorCore

/// How orders of axes go through a RESHAPE: both shapes fall into the same sequence of blocks with equal element counts,
/// and whole blocks may change places. Axes of extent 1 belong to no block and may be anywhere.
struct ReshapeLayout {
    private let from: Shape
    private let to: Shape
    /// For every block its source and its target axes.
    private let blocks: [(from: [Int], to: [Int])]

    init(from: Shape, to: Shape) {
        self.from = from
        self.to = to
        var blocks: [(from: [Int], to: [Int])] = []
        let sources = from.dimensions.indices.filter { from[$0] != 1 }
        let targets = to.dimensions.indices.filter { to[$0] != 1 }
        var (i, j) = (0, 0)
        while i < sources.count || j < targets.count {
            var block: (from: [Int], to: [Int]) = ([], [])
            var (left, right) = (1, 1)
            repeat {
                if left <= right, i < sources.count {
                    left *= from[sources[i]]
                    block.from.append(sources[i])
                    i += 1
                } else if j < targets.count {
                    right *= to[targets[j]]
                    block.to.append(targets[j])
                    j += 1
                } else {
                    left *= i < sources.count ? from[sources[i]] : 1
                    if i < sources.count { block.from.append(sources[i]) }
                    i += 1
                }
            } while left != right && (i < sources.count || j < targets.count)
            blocks.append(block)
        }
        self.blocks = blocks
    }

    /// The order of the target's axes when the source is stored as `stored`; nil when a block would be torn apart.
    func result(for stored: Permutation) -> Permutation? {
        guard from.elementCount > 0 else { return nil }
        let moving = stored.axes.filter { from[$0] != 1 }
        var order: [Int] = []
        var position = 0
        while position < moving.count {
            guard let block = blocks.first(where: { $0.from.first == moving[position] }),
                moving.dropFirst(position).prefix(block.from.count).elementsEqual(block.from)
            else { return nil }
            order.append(contentsOf: block.to)
            position += block.from.count
        }
        // Axes of extent 1 stay behind the axis they follow.
        for axis in to.dimensions.indices where to[axis] == 1 {
            if axis > 0, let before = order.firstIndex(of: axis - 1) {
                order.insert(axis, at: before + 1)
            } else {
                order.insert(axis, at: 0)
            }
        }
        return Permutation(order)
    }
}
