import GraphIR
import Operators
import TensorCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Cross-layer equalisation: channels of small numbers are scaled up to the range of the others, and the weights before
/// and behind them take the factors, so that the function stays what it was and one scale for all channels of an
/// activation loses fewer bits.
///
/// After arXiv 1906.04721, section 4.1, with four differences. Factors pass through pooling, resizing, concatenation and
/// skips (``ChannelClasses``), not only from layer to layer. They also pass ReLU6, as far as the channel stays below 6
/// (samples that go beyond what calibration saw are clipped there, as codes clip them). Weights have a scale for every result channel, so that the
/// factors before an activation cost nothing and only those behind it do. How far to go, from not at all to equal ranges,
/// is decided by the expected error of activations and weights together.
struct CrossLayerEqualization {
    let graph: Graph
    let statistics: CalibrationStatistics
    private let classes: ChannelClasses
    private let layers: [ScaledWeights]
    private let isFloat: (Node) -> Bool

    /// Factors move ranges by at most this much.
    static let largestFactor: Float = 4096
    /// What of the expected error of the layers that read a group of channels must be left for factors to be worth it.
    static let worthwhile = 0.97

    /// - Parameter isFloat: the layers that will compute in float, whose weights are not rounded.
    init(graph: Graph, statistics: CalibrationStatistics, isFloat: @escaping (Node) -> Bool = { _ in false }) {
        self.graph = graph
        self.statistics = statistics
        self.isFloat = isFloat
        classes = ChannelClasses(graph)
        layers = graph.nodes.compactMap { ScaledWeights($0, in: graph) }
    }

    /// The values whose channel extrema ``equalized()`` looks at.
    static func scalableValues(_ graph: Graph) -> Set<ValueID> {
        let classes = ChannelClasses(graph)
        var result = Set(classes.scalableValues)
        for node in graph.nodes { if ScaledWeights(node, in: graph) != nil { result.formUnion(node.outputs) } }
        return result
    }

    /// The same function with equalised channels, nil when nothing is to gain. Groups of channels that share no value's
    /// scale with others are decided each for itself.
    func equalized() throws -> Graph? {
        let limits = classLimits()
        var readers: [Int: [ScaledWeights]] = [:]
        for layer in layers {
            guard let operand = graph[layer.node].inputs[layer.data], let ids = classes.classes(of: operand) else {
                continue
            }
            for group in Set(ids.compactMap { limits[$0]?.group }).sorted() {
                readers[group, default: []].append(layer)
            }
        }
        var chosen: [Int: Float] = [:]
        for (group, layers) in readers.sorted(by: { $0.key < $1.key }) {
            let members = limits.filter { $0.value.group == group }
            var best = (error: expectedError(of: layers, [:]) * Self.worthwhile, factors: [Int: Float]())
            for strength in [0.5, 0.75, 1] as [Float] {
                let factors = members.compactMapValues { limit -> Float? in
                    guard limit.range > 0 else { return nil }
                    let factor = min(
                        max(power(limit.range / limit.target, strength), 1 / Self.largestFactor), Self.largestFactor)
                    return max(factor, limit.least)
                }
                let error = expectedError(of: layers, factors)
                if error < best.error { best = (error, factors) }
            }
            chosen.merge(best.factors) { $1 }
        }
        return chosen.values.contains { $0 != 1 } ? try scaled(by: chosen) : nil
    }

    /// What is known of a class that may be scaled.
    private struct Limit {
        /// The largest magnitude over all values that have the class.
        var range: Float
        /// The smallest factor: 0, or what keeps a clipped channel below the bound.
        var least: Float
        /// The range that equalisation aims at.
        var target: Float
        /// Classes that lie in one value have the same group.
        var group: Int
    }

    /// Channels that come closer than this to the bound of their activation are clipped, and are not scaled.
    private static let nearBound: Float = 0.98

    private func classLimits() -> [Int: Limit] {
        var ranges: [Int: Float] = [:]
        var joined: [Int: Int] = [:]
        func root(_ id: Int) -> Int {
            var id = id
            while let parent = joined[id] { id = parent }
            return id
        }
        for (value, ids) in classes.all {
            guard let magnitudes = statistics.channels[value]?.magnitudes, magnitudes.count == ids.count else {
                continue
            }
            for (id, magnitude) in zip(ids, magnitudes) { ranges[id] = max(ranges[id] ?? 0, magnitude) }
            // Channels that lie in one value share its scale.
            for id in ids where root(id) != root(ids[0]) { joined[root(id)] = root(ids[0]) }
        }
        var least: [Int: Float] = [:]
        var clipped = Set<Int>()
        for layer in layers {
            guard let bound = layer.bound else { continue }
            for id in classes.classes(of: graph[layer.node].outputs[0]) ?? [] {
                guard let range = ranges[id] else { continue }
                if range > bound * Self.nearBound { clipped.insert(id) }
                least[id] = max(least[id] ?? 0, range / (bound * Self.nearBound))
            }
        }
        // The widest channel that cannot be scaled sets the range, else the bound of an activation.
        var targets: [Int: Float] = [:]
        for (id, range) in ranges where !classes.isFree(id) || clipped.contains(id) {
            targets[root(id)] = max(targets[root(id)] ?? 0, range)
        }
        var bounds: [Int: Float] = [:]
        for id in least.keys { bounds[root(id)] = 6 * Self.nearBound }
        var result: [Int: Limit] = [:]
        for (id, range) in ranges where classes.isFree(id) && !clipped.contains(id) {
            let target = targets[root(id)] ?? bounds[root(id)] ?? 1
            guard target > 0 else { continue }
            result[id] = Limit(range: range, least: least[id] ?? 0, target: target, group: root(id))
        }
        return result
    }

    private func factors(of value: ValueID, _ factors: [Int: Float]) -> [Float]? {
        classes.classes(of: value)?.map { factors[$0] ?? 1 }
    }

    /// Expected error of the layers' results relative to the results' energy, as a geometric mean over the layers, when
    /// the channels of every class are divided by its factor: rounding of the activations times the weights' energy, and
    /// the weights' own rounding times the activations' energy.
    private func expectedError(of layers: [ScaledWeights], _ all: [Int: Float]) -> Double {
        var logarithm = 0.0
        for layer in layers {
            let node = graph[layer.node]
            guard let operand = node.inputs[layer.data], let extrema = statistics.channels[operand],
                let results = statistics.channels[node.outputs[0]], let scales = factors(of: operand, all),
                extrema.magnitudes.count == scales.count, results.magnitudes.count > 0
            else { continue }
            let magnitudes = zip(extrema.magnitudes, scales).map { Double($0) / Double($1) }
            let lowest = zip(extrema.minima, scales).map { Double($0) / Double($1) }.min() ?? 0
            let highest = zip(extrema.maxima, scales).map { Double($0) / Double($1) }.max() ?? 0
            let step = (max(highest, 0) - min(lowest, 0)) / 255
            let share = energyShare(operand, extrema.magnitudes)
            let outputs = results.magnitudes.count
            let roundsWeights = !isFloat(node)
            var largest = [Double](repeating: 0, count: outputs)
            var errors = [Double](repeating: 0, count: outputs)
            layer.weights.withElements(of: Float.self) { elements in
                layer.forEach(results: outputs) { index, operand, result in
                    let weight = Double(elements[index]) * Double(scales[operand])
                    largest[result] = max(largest[result], abs(weight))
                    errors[result] += step * step / 12 * weight * weight
                }
                guard roundsWeights else { return }
                layer.forEach(results: outputs) { index, operand, result in
                    let weightStep = largest[result] / 127
                    guard weightStep > 0 else { return }
                    let weight = Double(elements[index]) * Double(scales[operand])
                    let rounding = (weight / weightStep).rounded() * weightStep - weight
                    errors[result] += rounding * rounding * magnitudes[operand] * magnitudes[operand] * share
                }
            }
            var relative = 0.0
            for result in 0..<outputs where results.magnitudes[result] > 0 {
                let signal = Double(results.magnitudes[result])
                relative += errors[result] / (signal * signal)
            }
            if relative > 0 { logarithm += log(relative / Double(outputs)) }
        }
        return exp(logarithm / Double(max(layers.count, 1)))
    }

    /// The mean square of a value over the mean square of its channels' magnitudes.
    private func energyShare(_ value: ValueID, _ magnitudes: [Float]) -> Double {
        let squares = magnitudes.reduce(0) { $0 + Double($1) * Double($1) } / Double(max(magnitudes.count, 1))
        guard let range = statistics.ranges[value], squares > 0 else { return 1.0 / 3 }
        return min(range.meanSquare / squares, 1)
    }

    /// The graph whose channels are divided by their factors.
    private func scaled(by all: [Int: Float]) throws -> Graph {
        var patch = GraphPatch("equalise channels", on: graph)
        for layer in layers {
            let node = graph[layer.node]
            guard let operand = node.inputs[layer.data], let before = factors(of: operand, all),
                let behind = factors(of: node.outputs[0], all), let id = node.inputs[1]
            else { continue }
            guard before.contains(where: { $0 != 1 }) || behind.contains(where: { $0 != 1 }) else { continue }
            var weights = layer.weights
            weights.withMutableElements(of: Float.self) { elements in
                layer.forEach(results: behind.count) { index, operand, result in
                    elements[index] *= before[operand] / behind[result]
                }
            }
            patch.setOperand(1, of: layer.node, to: patch.addConstant(weights, name: graph[id].name))
            if node.inputs.count > layer.bias, let id = node.inputs[layer.bias], var bias = graph.constant(id) {
                guard bias.count == behind.count else { continue }
                bias.withMutableElements(of: Float.self) { elements in
                    for i in elements.indices { elements[i] /= behind[i] }
                }
                patch.setOperand(layer.bias, of: layer.node, to: patch.addConstant(bias, name: graph[id].name))
            }
        }
        var result = graph
        try result.apply(patch)
        return result
    }

    /// `base` to the power of 0.5, 0.75 or 1, by square roots, which every machine computes alike.
    private func power(_ base: Float, _ strength: Float) -> Float {
        switch strength {
        case 0.5: return base.squareRoot()
        case 0.75: return (base * base * base).squareRoot().squareRoot()
        default: return base
        }
    }
}
