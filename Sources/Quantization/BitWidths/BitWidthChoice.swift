import GraphIR
import Operators
import TensorCore

/// The layers of a 4-bit graph that keep 8 bits, and what that promises.
public struct BitWidthChoice: Sendable, Hashable {
    /// Locations of the nodes whose weights keep 8 bits.
    public var weights: Set<String> = []
    /// Locations of the nodes whose operands keep 8 bits.
    public var operands: Set<String> = []
    /// Expected squared error of the outputs, relative to that with 8 bits at both ends of the graph alone.
    public var expectedError = 1.0
    /// Share of the multiply-accumulates with 8-bit weights or operands, and share of the weights with 8 bits, beyond both
    /// ends.
    public var multiplyAccumulateShare = 0.0
    public var weightShare = 0.0
    /// What was chosen, in its order, one line each.
    public var steps: [String] = []
}

extension BitWidths {
    /// Gains below this share of all noise are not worth their place.
    fileprivate static let leastGain = 0.001
    /// Layers that the search starts from.
    private static let largestStarts = 32

    /// Which layers keep 8-bit weights, operands or both so that the expected error of the outputs falls the most, beyond
    /// those at both ends of the graph (``GraphIR/Graph/endLayers()``), which always do.
    ///
    /// Noise of independent sources adds up in energy, so that a choice removes the sum of what it names. A layer costs its
    /// multiply-accumulates once (where layers have 4-bit operands), and its weights where these keep 8 bits; neither may
    /// exceed `share` of the graph's. Layers
    /// are taken by what they remove for their cost, from every first layer that fits; the best of these is the choice.
    ///
    /// - Parameters:
    ///   - graph: the float graph.
    ///   - noise: of a graph with 4-bit weights or operands wherever they are allowed, see ``Quantizer/noise(of:reference:plan:samples:progress:)``.
    ///   - share: of the multiply-accumulates, and of the weights, 0.1 for 10 %.
    public static func choose(_ graph: Graph, noise: [NoiseSource], share: Double) -> BitWidthChoice {
        let ends = graph.endLayers()
        var result = BitWidthChoice()
        for end in ends {
            result.weights.insert(graph[end].location)
            result.operands.insert(graph[end].location)
        }
        let search = WidthSearch(graph, noise: noise, ends: ends, share: share)
        let total = search.total
        guard total > 0 else { return result }
        var best = search.run(startingWith: nil)
        for first in search.options.indices.prefix(largestStarts) {
            let found = search.run(startingWith: first)
            if found.gain > best.gain * (1 + 1e-12) { best = found }
        }
        for index in best.taken {
            let option = search.options[index]
            let node = graph[option.node]
            if option.kind == .weights { result.weights.insert(node.location) }
            if option.kind == .operands { result.operands.insert(node.location) }
            result.expectedError -= option.gain / total
            result.steps.append(
                "8-bit \(option.kind.rawValue) of \(node.location): \(percent(option.gain / total)) of the noise, "
                    + "\(percent(option.products)) of the multiply-accumulates, \(percent(option.weights)) of the weights"
            )
        }
        result.multiplyAccumulateShare = search.products(of: best.taken)
        result.weightShare = search.weights(of: best.taken)
        return result
    }

    private static func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
}

/// Weights or operands of layers to choose from.
private struct WidthSearch {
    struct Option {
        var node: NodeID
        var kind: NoiseSource.Kind
        var gain: Double
        /// Shares of the graph's multiply-accumulates and weights.
        var products: Double
        var weights: Double
    }

    /// Those with the largest gain first.
    let options: [Option]
    /// All noise that the ends do not remove.
    let total: Double
    private let share: Double

    init(_ graph: Graph, noise: [NoiseSource], ends: Set<NodeID>, share: Double) {
        func products(_ node: Node) -> Double {
            Double(
                Cost.multiplyAccumulates(
                    of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node)))
        }
        func weights(_ node: Node) -> Double {
            LayerOperands(node, in: graph).map { Double(graph.type(of: $0.weights).shape.elementCount) } ?? 0
        }
        let nodes = graph.nodes.filter { $0.op.multipliesAndAccumulates }
        let allProducts = max(nodes.reduce(0) { $0 + products($1) }, 1)
        let allWeights = max(nodes.reduce(0) { $0 + weights($1) }, 1)
        // Where operands have 8 bits, 8-bit weights take room and no time.
        let hasNarrowOperands = noise.contains { $0.kind == .operands }
        var total = 0.0
        var options: [Option] = []
        for source in noise where source.relativeError > 0 {
            guard source.kind != .activation, let producer = graph.producer(of: source.value) else {
                total += source.relativeError
                continue
            }
            if ends.contains(producer.id) { continue }
            total += source.relativeError
            options.append(
                Option(
                    node: producer.id, kind: source.kind, gain: source.relativeError,
                    products: hasNarrowOperands ? products(producer) / allProducts : 0,
                    weights: source.kind == .weights ? weights(producer) / allWeights : 0))
        }
        self.options = options.filter { $0.gain >= BitWidths.leastGain * total }.sorted {
            ($1.gain, $0.node) < ($0.gain, $1.node)
        }
        (self.total, self.share) = (total, share)
    }

    func products(of taken: [Int]) -> Double {
        var seen = Set<NodeID>()
        return taken.reduce(0) { seen.insert(options[$1].node).inserted ? $0 + options[$1].products : $0 }
    }

    func weights(of taken: [Int]) -> Double { taken.reduce(0) { $0 + options[$1].weights } }

    /// Takes options by gain for cost as long as they fit.
    func run(startingWith first: Int?) -> (taken: [Int], gain: Double) {
        var taken: [Int] = []
        var nodes = Set<NodeID>()
        var left = (products: share, weights: share)
        var gain = 0.0
        func cost(_ option: Option) -> (products: Double, weights: Double) {
            (nodes.contains(option.node) ? 0 : option.products, option.weights)
        }
        var open = Set(options.indices)
        func best() -> Int? {
            if taken.isEmpty, let first { return first }
            return open.max { a, b in
                func rate(_ index: Int) -> Double {
                    let cost = cost(options[index])
                    return options[index].gain / max(cost.products, cost.weights, 1e-9)
                }
                return (rate(a), b) < (rate(b), a)
            }
        }
        while let next = best() {
            open.remove(next)
            let price = cost(options[next])
            guard price.products <= left.products, price.weights <= left.weights else {
                if taken.isEmpty, first == next { break }
                continue
            }
            left.products -= price.products
            left.weights -= price.weights
            nodes.insert(options[next].node)
            taken.append(next)
            gain += options[next].gain
        }
        return (taken, gain)
    }
}
