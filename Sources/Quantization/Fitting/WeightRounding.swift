import TensorCore

/// How real weights become integer codes.
public enum WeightRounding: String, Sendable, Hashable, CaseIterable {
    /// To the nearest code.
    case nearest
    /// One input after the other, each weight's rounding error taken over by the inputs not yet rounded.
    ///
    /// Source: GPTQ, arXiv 2210.17323; computed as Babai's nearest plane, which gives the same codes with one Cholesky
    /// factor and no inverse.
    case gptq
    /// Up or down for every weight, by the objective of AdaRound (arXiv 2004.10568) on the layer's own statistics, which
    /// coordinate descent lowers until no single weight improves it.
    case adaRound
    /// Codes of all outputs of a layer together, weighting their errors by what the network's loss makes of them
    /// (``FittingOptions/curvature``): nearest plane over the Kronecker lattice, then coordinate descent over all codes. A
    /// layer without curvature has every output count alike.
    case kfac
}

extension WeightRounding {
    /// Rounds `weights` (rows are outputs, columns inputs) to points of `grid` for `objective`; only ``kfac`` minds its G.
    package func round(_ weights: Matrix, grid: WeightGrid, objective: RoundingObjective) -> RoundedWeights {
        switch self {
        case .nearest: return grid.nearest(weights)
        case .gptq: return NearestPlane.round(weights, grid: grid, objective: objective.ofOutputs)
        case .adaRound, .kfac:
            let objective = self == .kfac ? objective : objective.ofOutputs
            let starts = [
                NearestPlane.round(weights, grid: grid, objective: objective), grid.nearest(weights),
            ]
            return best(
                starts.map { improve($0, of: weights, grid: grid, objective: objective) }, of: weights, objective)
        }
    }

    /// Codes on `grid` that serve `objective` at least as well as `start` (on the same grid, and for ``adaRound`` each
    /// next to the weight); `start` for methods that do not search.
    func improve(
        _ start: RoundedWeights, of weights: Matrix, grid: WeightGrid, objective: RoundingObjective
    ) -> RoundedWeights {
        switch self {
        case .nearest, .gptq: start
        case .adaRound, .kfac:
            CoordinateDescent.improve(start, of: weights, grid: grid, objective: objective, isFree: self == .kfac)
        }
    }

    /// The best of several roundings: row by row where rows are problems of their own.
    func best(
        _ candidates: [RoundedWeights], of weights: Matrix, _ objective: RoundingObjective
    ) -> RoundedWeights {
        var result = candidates[0]
        guard candidates.count > 1 else { return result }
        var least = objective.parts(result, of: weights)
        for candidate in candidates.dropFirst() {
            let parts = objective.parts(candidate, of: weights)
            if objective.curvature != nil {
                guard parts.reduce(0, +) < least.reduce(0, +) else { continue }
                (result, least) = (candidate, parts)
                continue
            }
            for row in parts.indices where parts[row] < least[row] {
                let range = row * weights.columns..<(row + 1) * weights.columns
                result.codes.replaceSubrange(range, with: candidate.codes[range])
                result.scales[row] = candidate.scales[row]
                least[row] = parts[row]
            }
        }
        return result
    }
}
