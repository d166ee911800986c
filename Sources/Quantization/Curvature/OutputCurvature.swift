import GraphIR
import Operators
import Runtime
import TensorCore

/// How ``OutputCurvature`` is estimated.
public struct CurvatureOptions: Sendable, Hashable {
    /// Whose change counts.
    public enum Scope: String, Sendable, Hashable, CaseIterable {
        /// The network's outputs.
        case network
        /// The outputs of the block that the layer belongs to (``GraphBlock``), as in BRECQ (arXiv 2102.05426).
        case block
    }

    public var scope: Scope
    /// Random sign fields for every layer, each on another sample as long as there are any; fewer, but two, where the
    /// budget is short.
    public var draws = 4
    /// Multiply-accumulates of all partial runs together.
    public var budget = 2.5e11
    /// Layers whose share of the budget allows fewer directions than this (and than channels) get no factor.
    public var leastDirections = 8
    /// Changed outputs are summed with random signs to as many numbers at most.
    public var sketchSize = 8192
    /// Size of the perturbation of a channel in its standard deviations.
    public var step = 1.0 / 32
    public var seed: UInt64 = 1

    public init(scope: Scope = .network) { self.scope = scope }
}

/// For every weighted layer of a float graph the Gauss-Newton factor G of the outputs' error: when the layer's results
/// (before a fused activation) get errors with covariance E, independent from position to position, the outputs' squared
/// error relative to their variance is tr(G E). G = sum over output positions p of J_pᵀ J_p, with J_p the derivatives of
/// the outputs, each divided by the square root of its variance and count, by the layer's results at p.
///
/// This is the first factor of QuartDepth's Fisher matrix (arXiv 2503.16709, F = G ⊗ A), of the squared output error.
/// It is measured without derivatives: random signs r over positions times a direction v over channels, added to the
/// results, change the outputs by J (r v); the products of two such changes with the same r have the expectation v G v'.
package enum OutputCurvature {
    /// - Parameters:
    ///   - graph: a float graph.
    ///   - samples: inputs of `graph`.
    ///   - progress: told how many of how many layers are done.
    /// - Returns: G by the name of the layer's result, symmetric and positive definite. Layers that cost more than their
    ///   share of the budget, and those whose results no output depends on, are missing: there the identity is to be taken.
    package static func estimate(
        graph: Graph, samples: [[Tensor]], run: RunOptions, options: CurvatureOptions = CurvatureOptions(),
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [String: Matrix] {
        guard !samples.isEmpty else { return [:] }
        let layers = suffixes(of: graph, scope: options.scope)
        let whole = LayerSuffix.cost(of: graph)
        let efforts = Effort.distribute(layers, whole: whole, options: options)
        let plan = try Plan(graph, options: run)
        var result: [String: Matrix] = [:]
        for (index, (layer, effort)) in zip(layers, efforts).enumerated() {
            progress(index, layers.count)
            guard let effort else { continue }
            result[layer.name] = try factor(layer, effort, plan, samples, options)
        }
        progress(layers.count, layers.count)
        return result
    }

    private static func suffixes(of graph: Graph, scope: CurvatureOptions.Scope) -> [LayerSuffix] {
        let outputs = graph.outputs.map(\.value)
        var goals: [NodeID: [ValueID]] = [:]
        if scope == .block {
            for block in GraphBlock.blocks(of: graph) {
                for node in block.nodes { goals[node] = block.outputs }
            }
        }
        return graph.nodes.compactMap { LayerSuffix($0, in: graph, towards: goals[$0.id] ?? outputs) }
    }

    private static func factor(
        _ layer: LayerSuffix, _ effort: Effort, _ plan: Plan, _ samples: [[Tensor]], _ options: CurvatureOptions
    ) throws -> Matrix? {
        let suffix = try layer.run(options: plan.options)
        let seed = options.seed ^ layer.name.utf8.fnv1a
        let directions = Directions(count: effort.directions, channels: layer.channels, seed: seed)
        var factor: CurvatureFactor?
        for draw in 0..<effort.draws {
            let point = try suffix.point(sample: samples[draw % samples.count], plan)
            var random = SplitMix64(seed: seed &+ UInt64(draw + 1) &* 0x9E37_79B9_7F4A_7C15)
            let signs = (0..<point.positions).map { _ in random.next() & 1 == 0 ? Float(1) : -1 }
            let scales = factor?.scales ?? point.deviations
            var next = factor ?? CurvatureFactor(directions: directions, scales: scales)
            let sketch = Sketch(
                outputs: point.outputs, among: layer.goalCount, size: options.sketchSize, random: &random)
            var changes = [Double](repeating: 0, count: sketch.size * directions.count)
            for index in 0..<directions.count {
                let step = directions[index].indices.map { Float(directions[index][$0] * scales[$0] * options.step) }
                let changed = try suffix.outputs(at: point, results: point.moved(signs: signs, step: step))
                for (i, sum) in sketch.sums(changed).enumerated() {
                    changes[i * directions.count + index] = sum / options.step
                }
            }
            next.add(changes, count: sketch.size)
            factor = next
        }
        return factor?.matrix
    }
}

/// How much work a layer's factor may cost.
struct Effort: Hashable {
    var draws: Int
    var directions: Int

    /// Equal shares of the budget for all layers; what one does not need goes to the others. Nil for a layer whose share is
    /// too small.
    static func distribute(_ layers: [LayerSuffix], whole: Double, options: CurvatureOptions) -> [Effort?] {
        func cost(_ layer: LayerSuffix, _ effort: Effort) -> Double {
            Double(effort.draws) * (whole + Double(effort.directions + 1) * layer.cost)
        }
        let draws = max(options.draws, 1)
        let wishes = layers.map { cost($0, Effort(draws: draws, directions: $0.channels)) }
        var level = Double.infinity
        var left = options.budget
        for (taken, wish) in wishes.sorted().enumerated() {
            level = left / Double(wishes.count - taken)
            if wish > level { break }
            left -= wish
            level = .infinity
        }
        return layers.map { layer in
            for count in stride(from: draws, through: min(draws, 2), by: -1) {
                let effort = Effort(draws: count, directions: layer.channels)
                if cost(layer, effort) <= level { return effort }
            }
            let count = min(draws, 2)
            let affordable = (level / Double(count) - whole) / max(layer.cost, 1) - 1
            guard affordable >= Double(min(options.leastDirections, layer.channels)) else { return nil }
            return Effort(draws: count, directions: min(Int(affordable), layer.channels))
        }
    }
}
