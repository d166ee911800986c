import GraphIR

/// What would become of the partitions if the delegate took operators that it refuses.
package struct PartitionHint: Sendable, Hashable {
    /// The refused operators, all with the same builtin and the same deciding rule.
    package var operators: [Int]
    package var builtin: String
    package var code: ReasonCode
    /// Candidates, by their index, that would become one; every group has at least two.
    package var merged: [[Int]]
    /// Operators on the DSP as it is.
    package var delegatedBefore: Int
    /// Operators on the DSP if these were taken.
    package var delegatedAfter: Int
}

extension DSPPlacement {
    /// What changing refused operators would do, the largest gain first: each alone, and all of one builtin and one deciding
    /// rule together. Changes that neither merge partitions nor put more operators on the DSP than themselves are left out.
    package func hints(_ listing: OperatorListing, limits: PartitionLimits) -> [PartitionHint] {
        let refused = refusals.indices.filter { !refusals[$0].isEmpty }
        var sets = refused.map { [$0] }
        let groups = Dictionary(grouping: refused) { Kind(listing.operators[$0].builtin, refusals[$0][0].code) }
        sets += groups.values.filter { $0.count > 1 }
        let hints = sets.compactMap { hint(for: $0, listing, limits: limits) }
        return hints.sorted {
            ($1.delegatedAfter, $0.operators.count, $0.operators[0])
                < ($0.delegatedAfter, $1.operators.count, $1.operators[0])
        }
    }

    private struct Kind: Hashable {
        var builtin: String
        var code: ReasonCode

        init(_ builtin: String, _ code: ReasonCode) {
            self.builtin = builtin
            self.code = code
        }
    }

    private func hint(for operators: [Int], _ listing: OperatorListing, limits: PartitionLimits) -> PartitionHint? {
        guard let first = operators.first, let code = refusals[first].first?.code else { return nil }
        var changed = refusals
        for index in operators { changed[index] = [] }
        let placement = DSPPlacement(listing, refusals: changed, limits: limits, openShape: openShape)
        let merged = placement.candidates.map { partition in
            let members = Set(partition.operators)
            return candidates.indices.filter { candidates[$0].operators.allSatisfy(members.contains) }
        }.filter { $0.count > 1 }
        guard !merged.isEmpty || placement.delegatedCount > delegatedCount + operators.count else { return nil }
        return PartitionHint(
            operators: operators, builtin: listing.operators[first].builtin, code: code, merged: merged,
            delegatedBefore: delegatedCount, delegatedAfter: placement.delegatedCount)
    }
}
