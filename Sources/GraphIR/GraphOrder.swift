import TensorCore

extension Graph {
    /// Puts every node behind the producers of its operands, moving as few nodes as possible.
    ///
    /// - Throws: `Diagnostic` (.internalError) for a cycle.
    mutating func sortTopologically() throws {
        var placed = [Bool](repeating: false, count: nodeSlots.count)
        func isReady(_ node: Node) -> Bool {
            node.inputs.allSatisfy { input in
                guard let input, let producer = self[input].producer else { return true }
                return placed[producer.index]
            }
        }
        var inOrder = true
        for id in order {
            if !isReady(self[id]) {
                inOrder = false
                break
            }
            placed[id.index] = true
        }
        if inOrder { return }

        placed = [Bool](repeating: false, count: nodeSlots.count)
        var sorted: [NodeID] = []
        sorted.reserveCapacity(order.count)
        var open = [Bool](repeating: false, count: nodeSlots.count)
        for root in order where !placed[root.index] {
            var stack = [root]
            while let id = stack.last {
                if placed[id.index] {
                    stack.removeLast()
                    continue
                }
                let waiting = self[id].inputs.compactMap { $0.flatMap { self[$0].producer } }
                    .filter { !placed[$0.index] }
                if waiting.isEmpty {
                    placed[id.index] = true
                    sorted.append(id)
                    stack.removeLast()
                } else {
                    guard !open[id.index] else {
                        throw Diagnostic(.internalError, at: self[id].location, "the graph has a cycle")
                    }
                    open[id.index] = true
                    stack.append(contentsOf: waiting.reversed())
                }
            }
        }
        order = sorted
    }

    /// Removes nodes and constants that no output needs. Graph inputs stay.
    ///
    /// - Returns: how many nodes went.
    @discardableResult
    public mutating func removeUnused() -> Int {
        var needed = Set(outputs.map(\.value))
        var kept: [NodeID] = []
        for id in order.reversed() {
            let node = self[id]
            if node.outputs.contains(where: needed.contains) {
                kept.append(id)
                for case let input? in node.inputs { needed.insert(input) }
            }
        }
        let removed = order.count - kept.count
        let keep = Set(kept)
        for id in order where !keep.contains(id) {
            for output in self[id].outputs { valueSlots[output.index] = nil }
            nodeSlots[id.index] = nil
        }
        order = kept.reversed()
        let live = needed.union(inputs.map(\.value)).union(order.flatMap { self[$0].outputs })
        for index in valueSlots.indices {
            if !live.contains(ValueID(index: index)) { valueSlots[index] = nil }
            userSlots[index].removeAll { !keep.contains($0) }
        }
        return removed
    }
}
