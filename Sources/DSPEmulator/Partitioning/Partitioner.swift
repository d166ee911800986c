import GraphIR

/// Operators that run together, on the DSP or on the CPU.
package struct Partition: Sendable, Hashable {
    /// True for the DSP.
    package var isDelegated: Bool
    /// Indices of operators in the order in which the partition took them.
    package var operators: [Int]
    /// Indices of the tensors that it reads from elsewhere, constants too, in ascending order.
    package var inputs: [Int]
    /// Indices of the tensors that others read or the graph returns, in ascending order.
    package var outputs: [Int]
}

/// Cuts the operators of a file into partitions as the runtime does.
enum Partitioner {
    /// Alternating partitions of the DSP and the CPU in execution order.
    ///
    /// The first operator that is ready decides for whom a partition is; every operator of that kind that is ready, or
    /// gets ready by those already in it, joins. So an operator runs in the earliest partition that it can join, and
    /// branches that do not wait for each other share one.
    ///
    /// Source: core/graph_info.cc, PartitionGraphIntoIndependentNodeSubsets, clustering greedily.
    ///
    /// - Parameter delegated: for every operator whether the DSP may have it.
    static func partitions(of listing: OperatorListing, delegated: [Bool]) -> [Partition] {
        var search = Search(listing: listing, delegated: delegated)
        return search.run()
    }

    private struct Search {
        let listing: OperatorListing
        let delegated: [Bool]
        /// The partition that computes a tensor; nil for those that wait. Tensors that nothing computes are not in here.
        var home: [Int: Int?] = [:]
        var waiting: [Int]
        var partitions: [Partition] = []

        init(listing: OperatorListing, delegated: [Bool]) {
            self.listing = listing
            self.delegated = delegated
            waiting = Array(listing.operators.indices)
            for entry in listing.operators {
                for output in entry.outputs { home[output] = .some(nil) }
            }
        }

        mutating func run() -> [Partition] {
            while !waiting.isEmpty {
                guard addPartition() else { break }
            }
            for output in listing.outputs {
                if let partition = home[output], let partition { partitions[partition].outputs.append(output) }
            }
            for index in partitions.indices {
                partitions[index].inputs = Set(partitions[index].inputs).sorted()
                partitions[index].outputs = Set(partitions[index].outputs).sorted()
            }
            return partitions
        }

        /// False when no operator is ready, which only a graph with a cycle does.
        private mutating func addPartition() -> Bool {
            guard let first = waiting.first(where: isReady) else { return false }
            partitions.append(Partition(isDelegated: delegated[first], operators: [], inputs: [], outputs: []))
            var count = 0
            repeat {
                count = waiting.count
                var rest: [Int] = []
                for index in waiting {
                    if delegated[index] == delegated[first], isReady(index) { take(index) } else { rest.append(index) }
                }
                waiting = rest
            } while waiting.count < count
            return true
        }

        private func isReady(_ index: Int) -> Bool {
            listing.operators[index].inputs.allSatisfy { input in
                guard let input, let computed = home[input] else { return true }
                return computed != nil
            }
        }

        private mutating func take(_ index: Int) {
            let current = partitions.count - 1
            partitions[current].operators.append(index)
            for output in listing.operators[index].outputs { home[output] = .some(current) }
            for case let input? in listing.operators[index].inputs {
                let origin = home[input] ?? nil
                guard origin != current else { continue }
                partitions[current].inputs.append(input)
                if let origin { partitions[origin].outputs.append(input) }
            }
        }
    }
}
