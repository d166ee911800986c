import GraphIR

/// Where the operators of a file run and why.
package struct DSPPlacement: Sendable {
    /// By operator: every rule that it breaks, the deciding one first; empty for those that the delegate takes.
    package var refusals: [[Refusal]]
    /// The operator because of which the delegate takes nothing at all: the extents of its result are known at run time only.
    package var openShape: Int?
    /// What could run on the DSP, in execution order.
    package var candidates: [Partition]
    /// Indices of the candidates that the delegate takes, the largest first.
    package var chosen: [Int]
    /// What runs, in execution order, once the operators of all other candidates are the CPU's.
    package var partitions: [Partition]

    /// What runs on the DSP, in execution order.
    package var delegated: [Partition] { partitions.filter(\.isDelegated) }
    /// Number of operators on the DSP.
    package var delegatedCount: Int { delegated.reduce(0) { $0 + $1.operators.count } }

    /// Judges every operator and partitions the listing as a delegate with this profile does.
    package init(_ listing: OperatorListing, profile: DSPProfile) {
        self.init(
            listing, refusals: listing.operators.map { profile.refusals(of: $0, in: listing) }, limits: profile.limits,
            openShape: profile.usesLibrary ? listing.firstOpenShape : nil)
    }

    /// Partitions a listing whose operators have been judged.
    ///
    /// Candidates are ordered by their number of operators; of equals the earlier comes first. The largest are taken up to
    /// the limit as long as they are large enough, and the runtime then partitions again with their operators alone.
    ///
    /// Source: delegates/utils.cc, GraphPartitionHelper; utils/simple_delegate.cc, DelegatePrepare; core/subgraph.cc,
    /// ReplaceNodeSubsetsWithDelegateKernels.
    init(_ listing: OperatorListing, refusals: [[Refusal]], limits: PartitionLimits, openShape: Int?) {
        self.refusals = refusals
        self.openShape = openShape
        let candidates = Partitioner.partitions(of: listing, delegated: refusals.map(\.isEmpty))
            .filter(\.isDelegated)
        let bySize = candidates.indices.sorted {
            (candidates[$1].operators.count, $0) < (candidates[$0].operators.count, $1)
        }
        chosen = Array(
            bySize.prefix(limits.partitions).prefix { candidates[$0].operators.count >= limits.nodes })
        var delegated = [Bool](repeating: false, count: refusals.count)
        for index in chosen.flatMap({ candidates[$0].operators }) { delegated[index] = openShape == nil }
        self.candidates = candidates
        partitions = Partitioner.partitions(of: listing, delegated: delegated)
    }
}

extension OperatorListing {
    /// The tensors that cross to or from the DSP at every run: constants go there once.
    package func boundary(of partition: Partition) -> (inputs: [Int], outputs: [Int]) {
        (partition.inputs.filter { self[tensor: $0].constant == nil }, partition.outputs)
    }

    /// Bytes of tensors, as they lie in memory.
    package func byteCount(of tensors: [Int]) -> Int { tensors.reduce(0) { $0 + self[tensor: $1].type.byteCount } }
}
