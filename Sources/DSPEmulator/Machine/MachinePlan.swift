/// All nodes of a partition with their tiles, and which tensors stay in the vector memory between nodes.
package struct MachinePlan: Sendable {
    package struct Node: Sendable {
        package var work: MachineWork
        package var tiles: TilePlan
        package var isInputResident: Bool
        package var isOutputResident: Bool
        /// Bytes of the vector memory taken while it runs: its tile and the tensors that stay.
        package var vectorMemoryBytes: Int
    }

    package var nodes: [Node]
    /// Bytes that go through the partition's border.
    package var boundaryBytes: Int
    package var budget: Int

    /// - Parameters:
    ///   - works: in execution order.
    ///   - results: positions of the works whose results leave the partition.
    ///   - inputBytes: bytes of the partition's inputs, without the padding of the layout.
    package init(_ works: [MachineWork], results: Set<Int>, inputBytes: Int, on machine: MachineDescription) {
        let budget = machine.tileBudget
        let residents = Residents(works, results: results, budget: budget)
        nodes = works.indices.map { position in
            let work = works[position]
            var places = TensorPlaces(work)
            places.isInputResident = residents.holdsInput(of: work)
            places.isOutputResident = residents.isResident[position]
            places.otherInputBytes = residents.bytesOutside(of: work, works)
            let held = residents.heldBytes[position]
            let tiles = TilePlan.best(work, budget: budget - held, places: places)
            return Node(
                work: work, tiles: tiles, isInputResident: places.isInputResident,
                isOutputResident: places.isOutputResident, vectorMemoryBytes: held + tiles.tileBytes)
        }
        boundaryBytes = inputBytes + results.reduce(0) { $0 + works[$1].output.count }
        self.budget = budget
    }
}

/// Which results stay in the vector memory from the node that computes them to their last reader.
///
/// In execution order, a result stays when at every node of that time the tensors that stay and the node's finest tile fit
/// together. What leaves the partition goes outside.
private struct Residents {
    private(set) var isResident: [Bool]
    /// Bytes of the tensors that stay, at each node.
    private(set) var heldBytes: [Int]

    init(_ works: [MachineWork], results: Set<Int>, budget: Int) {
        var last = Array(works.indices)
        for (position, work) in works.enumerated() {
            for case let producer? in work.reads { last[producer] = max(last[producer], position) }
        }
        let finest = works.map { work in
            TilePlan.make(work, rows: 1, chunkDepth: 32, budget: budget, places: TensorPlaces(work)).tileBytes
        }
        isResident = [Bool](repeating: false, count: works.count)
        heldBytes = [Int](repeating: 0, count: works.count)
        for (position, work) in works.enumerated() where !results.contains(position) && last[position] > position {
            let span = position...last[position]
            if span.allSatisfy({ heldBytes[$0] + finest[$0] + work.output.bytes <= budget }) {
                isResident[position] = true
                for index in span { heldBytes[index] += work.output.bytes }
            }
        }
    }

    func holdsInput(of work: MachineWork) -> Bool {
        guard case let producer?? = work.reads.first else { return false }
        return isResident[producer]
    }

    /// Of the operands other than the first, the bytes that are not in the vector memory.
    func bytesOutside(of work: MachineWork, _ works: [MachineWork]) -> Int {
        let inside = work.reads.dropFirst().reduce(0) { sum, read in
            guard let read, isResident[read] else { return sum }
            return sum + works[read].output.bytes
        }
        return max(0, work.otherInputBytes - inside)
    }
}
