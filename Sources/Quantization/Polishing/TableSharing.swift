/// A few codebooks for all channels of a value: those of single channels that together leave the least error, refined to
/// the channels that share each.
///
/// A codebook for every channel costs a file 256 bytes a channel, which is more than 4-bit weights save; a handful of them
/// leaves nearly the same error.
package struct TableSharing {
    package var codebooks: [PolishingCodebook]
    /// The codebook of every channel.
    package var places: [Int]
    /// Expected squared error, weighed by channel.
    package var error: Double

    /// The most codebooks that a value has.
    private static let most = 8
    private static let rounds = 2

    /// - Parameters:
    ///   - candidates: a codebook fitted to every channel.
    ///   - fit: the codebook for some channels together.
    package init(
        _ candidates: [PolishingCodebook], _ distributions: [CodeDistribution], weights: [Double],
        fit: ([Int]) -> PolishingCodebook
    ) {
        func errors(_ codebook: PolishingCodebook) -> [Double] {
            let reals = distributions.first.map { first in codebook.composed.map(first.real) } ?? []
            return zip(distributions, weights).map { $1 * $0.squaredError(reals) }
        }
        let table = candidates.map(errors)
        var least = [Double](repeating: .infinity, count: distributions.count)
        var chosen: [Int] = []
        // One codebook more at a time: the one with which the sum over the channels falls the most.
        while chosen.count < min(Self.most, candidates.count) {
            let sums = table.map { row in zip(row, least).reduce(0) { $0 + min($1.0, $1.1) } }
            guard let next = sums.indices.min(by: { (sums[$0], $0) < (sums[$1], $1) }),
                sums[next] < least.reduce(0, +)
            else { break }
            chosen.append(next)
            least = zip(least, table[next]).map { min($0, $1) }
        }
        var codebooks = chosen.map { candidates[$0] }
        var rows = chosen.map { table[$0] }
        func nearest() -> [Int] {
            distributions.indices.map { channel in
                rows.indices.min { (rows[$0][channel], $0) < (rows[$1][channel], $1) } ?? 0
            }
        }
        var places = nearest()
        for _ in 0..<Self.rounds {
            for index in codebooks.indices {
                let members = places.indices.filter { places[$0] == index }
                guard !members.isEmpty else { continue }
                let refined = fit(members)
                let row = errors(refined)
                if members.reduce(0, { $0 + row[$1] }) < members.reduce(0, { $0 + rows[index][$1] }) {
                    (codebooks[index], rows[index]) = (refined, row)
                }
            }
            places = nearest()
        }
        error = places.indices.reduce(0) { $0 + rows[places[$1]][$1] }
        let used = Set(places).sorted()
        self.codebooks = used.map { codebooks[$0] }
        self.places = places.map { used.firstIndex(of: $0) ?? 0 }
    }
}
