import DSPEmulator
import GraphIR
import Operators
import TensorCore
import Testing

@Suite("Partitions of the delegate")
struct PartitionTests {
    /// A chain of runs of taken operators of the given lengths, with one refused operator between two of them.
    private func chain(_ lengths: [Int]) -> OperatorListing {
        var builder = ListingBuilder()
        var last = builder.input()
        for (index, length) in lengths.enumerated() {
            if index > 0 { last = builder.refused(last) }
            for _ in 0..<length { last = builder.taken(last) }
        }
        return builder.listing(outputs: [last])
    }

    private func sizes(_ partitions: [Partition]) -> [Int] { partitions.map(\.operators.count) }

    @Test("the largest are taken, of equals the earlier, not more than the limit")
    func largestFirst() {
        let placement = DSPPlacement(chain([2, 3, 2, 5, 3, 2]), profile: .hexagonDelegate)
        #expect(sizes(placement.candidates) == [2, 3, 2, 5, 3, 2])
        #expect(placement.chosen == [3, 1, 4, 0])
        #expect(sizes(placement.delegated) == [2, 3, 5, 3])
        #expect(placement.delegatedCount == 13)
        // The rejected runs join the refused operators around them.
        #expect(sizes(placement.partitions) == [2, 1, 3, 4, 5, 1, 3, 3])
    }

    @Test(
        "limits",
        arguments: [
            (0, 0, [0, 1, 2, 3]), (2, 2, [0, 1]), (5, 3, [0, 1]), (17, 1, [0, 1, 2, 3, 4]), (16, 2, [0, 1, 2, 3]),
        ])
    func limits(partitions: Int, nodes: Int, chosen: [Int]) {
        var profile = DSPProfile.hexagonDelegate
        profile.limits = PartitionLimits(partitions: partitions, nodes: nodes)
        #expect(DSPPlacement(chain([4, 3, 2, 2, 1]), profile: profile).chosen == chosen)
    }

    @Test("more than 16 partitions cannot be asked for")
    func hardLimit() {
        var profile = DSPProfile.hexagonDelegate
        profile.limits = PartitionLimits(partitions: 40, nodes: 2)
        let placement = DSPPlacement(chain([Int](repeating: 2, count: 20)), profile: profile)
        #expect(placement.chosen == Array(0..<16))
    }

    @Test("nothing is taken when every run is too short")
    func minimumSize() {
        let placement = DSPPlacement(chain([1, 1, 1]), profile: .hexagonDelegate)
        #expect(placement.candidates.count == 3)
        #expect(placement.chosen.isEmpty)
        #expect(sizes(placement.partitions) == [5])
    }

    /// Both branches leave `a`; one of them has a refused operator. The other joins the partition of `a`, though it comes
    /// later in the file.
    @Test("branches that do not wait join the earlier partition")
    func diamond() {
        var builder = ListingBuilder()
        let input = builder.input()
        let a = builder.taken(input)
        let left = builder.taken(builder.refused(a))
        let right = builder.taken(builder.taken(a))
        let joined = builder.taken(left, right)
        let listing = builder.listing(outputs: [joined, right])
        let placement = DSPPlacement(listing, profile: .hexagonDelegate)
        #expect(placement.partitions.map(\.operators) == [[0, 3, 4], [1], [2, 5]])
        #expect(placement.partitions[0].inputs == [input])
        #expect(placement.partitions[0].outputs == [a, right])
        #expect(placement.partitions[2].outputs == [joined])
        let boundary = listing.boundary(of: placement.partitions[2])
        #expect(listing.byteCount(of: boundary.inputs) == 2 * 128)
    }

    @Test("a refused first operator starts with a partition of the CPU")
    func refusedFirst() {
        var builder = ListingBuilder()
        let input = builder.input()
        let other = builder.input()
        let slow = builder.refused(input)
        let fast = builder.taken(builder.taken(other))
        let joined = builder.taken(slow, fast)
        let listing = builder.listing(outputs: [joined])
        let placement = DSPPlacement(listing, profile: .hexagonDelegate)
        #expect(placement.partitions.map(\.isDelegated) == [false, true])
        #expect(placement.partitions.map(\.operators) == [[0], [1, 2, 3]])
    }

    @Test("constants are read, but do not cross at every run")
    func constants() {
        var builder = ListingBuilder()
        let input = builder.input()
        let constant = builder.constant(
            Tensor(zeros: TensorType(.int8, [1, 4, 4, 8], quantization: ListingBuilder.code)))
        let sum = builder.taken(builder.taken(input, constant), constant)
        let listing = builder.listing(outputs: [sum])
        let placement = DSPPlacement(listing, profile: .hexagonDelegate)
        #expect(placement.delegated.map(\.inputs) == [[input, constant]])
        #expect(listing.boundary(of: placement.delegated[0]).inputs == [input])
    }

    @Test("hints name what would merge partitions")
    func hints() {
        let listing = chain([3, 2, 2])
        let placement = DSPPlacement(listing, profile: .hexagonDelegate)
        let hints = placement.hints(listing, limits: PartitionLimits())
        #expect(hints.map(\.operators) == [[3, 6], [3], [6]])
        #expect(hints.map(\.merged) == [[[0, 1, 2]], [[0, 1]], [[1, 2]]])
        #expect(hints.map(\.delegatedAfter) == [9, 8, 8])
        #expect(hints.allSatisfy { $0.delegatedBefore == 7 && $0.builtin == "GELU" && $0.code == .operatorKind })
    }
}

extension PartitionTests {
    /// The new shape is that of the input, in one case by way of an operator that the runtime computes beforehand, in the
    /// other by way of one that it does not.
    @Test("extents that are open until run time keep everything on the CPU", arguments: [true, false])
    func openShapes(isBeforehand: Bool) {
        var builder = ListingBuilder()
        let input = builder.input()
        let index = { (builder: inout ListingBuilder) in builder.tensor([4], .int32, quantization: nil) }
        let shape = builder.add(.shape(.int32), [input], results: [index(&builder)])[0]
        let op: Operator = isBeforehand ? .concatenation(axis: 0, activation: .none) : .pack(axis: 0, count: 1)
        let target = builder.add(op, [shape], results: [index(&builder)])[0]
        let same = builder.add(.reshape, [input, target], results: [builder.tensor()])[0]
        let last = builder.taken(same)
        let placement = DSPPlacement(builder.listing(outputs: [last]), profile: .hexagonDelegate)
        #expect(placement.openShape == (isBeforehand ? nil : 2))
        #expect(placement.candidates.map(\.operators) == [[2, 3]])
        #expect(placement.delegatedCount == (isBeforehand ? 2 : 0))
    }
}
