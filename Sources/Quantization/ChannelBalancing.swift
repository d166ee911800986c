import GraphIR
import Operators
import TensorCore

/// Evens out the channels of float values before they are quantised for a convolution or matrix product.
///
/// One scale serves all channels of an activation, so a channel of small numbers beside one of large numbers loses its
/// bits. Where such a value is float, each channel is multiplied by a power of two, which is exact, and the weights that
/// read it are divided by it. How far to go is decided by the expected error of activations and weights together
/// (the balance that SmoothQuant strikes with its migration strength, arXiv 2211.10438, section 4).
struct ChannelBalancing {
    let graph: Graph
    /// What is known of the graph's values; grows by the values that balancing makes.
    private(set) var statistics: CalibrationStatistics
    let placements: [NodeID: NodePlacement]

    init(graph: Graph, statistics: CalibrationStatistics, placements: [NodeID: NodePlacement]) {
        self.graph = graph
        self.statistics = statistics
        self.placements = placements
    }

    /// The same function with balanced channels and the statistics of its values, nil when nothing is to gain.
    ///
    /// Multiplying by powers of two moves the bins of a histogram and nothing else, so no second calibration is needed.
    mutating func balanced() throws -> (graph: Graph, statistics: CalibrationStatistics)? {
        var result = graph
        var changed = false
        for node in graph.nodes {
            for value in node.outputs where isNativeFloat(value) {
                if let patch = try balance(value, in: result) {
                    try result.apply(patch)
                    changed = true
                }
            }
            if case .concatenation = node.op, placements[node.id] == .integer,
                let patch = try balanceOperands(of: node, in: result)
            {
                try result.apply(patch)
                changed = true
            }
        }
        return changed ? (result, statistics) : nil
    }

    /// The values whose channels have to be known: those that may be multiplied, and those beside them in a
    /// concatenation, of which only the extremes matter.
    static func observed(_ graph: Graph, _ placements: [NodeID: NodePlacement])
        -> (movable: Set<ValueID>, all: Set<ValueID>)
    {
        let balancing = ChannelBalancing(graph: graph, statistics: CalibrationStatistics(), placements: placements)
        var movable = Set<ValueID>()
        var all = Set<ValueID>()
        for node in graph.nodes {
            for value in node.outputs where balancing.isNativeFloat(value) {
                if balancing.readers(of: value, in: graph) != nil { movable.insert(value) }
            }
            if balancing.joinedReaders(of: node, in: graph) != nil {
                let operands = node.inputs.compactMap { $0 }
                all.formUnion(operands)
                movable.formUnion(operands.filter(balancing.isNativeFloat))
            }
        }
        return (movable, all.union(movable))
    }

    private func isNativeFloat(_ value: ValueID) -> Bool {
        guard graph.type(of: value).elementType == .float32, graph.type(of: value).shape.rank >= 2,
            let producer = graph[value].producer, case .float = placements[producer]
        else { return false }
        return true
    }

    /// A convolution or product whose weights can take the inverse factors of its data operand's channels.
    private struct Reader {
        var node: NodeID
        var weights: ValueID
        var isDepthwise: Bool
    }

    private func reader(_ id: NodeID, of value: ValueID, in current: Graph) -> Reader? {
        guard placements[id] == .integer, current.contains(id) else { return nil }
        let node = current[id]
        guard node.inputs.count > 1, node.inputs[0] == value, let weights = node.inputs[1],
            let constant = current.constant(weights), constant.elementType == .float32
        else { return nil }
        let channels = current.type(of: value).shape[-1]
        switch node.op {
        case .conv2D, .fullyConnected:
            guard constant.shape[-1] == channels else { return nil }
            return Reader(node: id, weights: weights, isDepthwise: false)
        case .depthwiseConv2D(let op):
            guard op.depthMultiplier == 1, constant.shape[-1] == channels else { return nil }
            return Reader(node: id, weights: weights, isDepthwise: true)
        default: return nil
        }
    }

    // MARK: A float value that convolutions read

    /// The convolutions and products that read `value`, when they are the only ones that read its codes.
    private func readers(of value: ValueID, in current: Graph) -> [Reader]? {
        let users = Set(current.users(of: value)).filter { placements[$0] == .integer }
        let readers = users.sorted().compactMap { reader($0, of: value, in: current) }
        return readers.isEmpty || readers.count < users.count ? nil : readers
    }

    private mutating func balance(_ value: ValueID, in current: Graph) throws -> GraphPatch? {
        guard let readers = readers(of: value, in: current), let extrema = statistics.channels[value],
            let distributions = statistics.channelRanges[value],
            distributions.count == current.type(of: value).shape[-1]
        else { return nil }
        let factors = bestFactors(
            magnitudes: extrema.magnitudes, movable: extrema.magnitudes.map { _ in true },
            weights: readers.filter { !$0.isDepthwise }.compactMap { current.constant($0.weights) })
        guard let factors else { return nil }
        var patch = GraphPatch("balance channels", on: current)
        let scaled = try multiply(value, by: factors, in: current, &patch)
        statistics.ranges[scaled] = .joining(Self.scaled(distributions, by: factors))
        statistics.channels[scaled] = extrema.scaled(byPowersOfTwo: factors.map { Int($0.exponent) })
        for reader in readers {
            patch.setOperand(0, of: reader.node, to: scaled)
            divideWeights(of: reader, by: factors, in: current, &patch)
        }
        return patch
    }

    // MARK: Float operands of an integer concatenation

    /// The convolutions and products behind a concatenation of channels on integers, some of them from float values,
    /// when nothing else reads it.
    private func joinedReaders(of node: Node, in current: Graph) -> [Reader]? {
        guard case .concatenation(let axis, _) = node.op, placements[node.id] == .integer else { return nil }
        let joined = node.outputs[0]
        let shape = current.type(of: joined).shape
        guard shape.rank >= 2, shape.normalizedAxis(axis) == shape.rank - 1, !current.isOutput(joined),
            node.inputs.contains(where: { $0.map(isNativeFloat) ?? false })
        else { return nil }
        let users = Set(current.users(of: joined))
        let readers = users.sorted().compactMap { reader($0, of: joined, in: current) }
        return readers.isEmpty || readers.count < users.count ? nil : readers
    }

    private mutating func balanceOperands(of node: Node, in current: Graph) throws -> GraphPatch? {
        guard let readers = joinedReaders(of: node, in: current) else { return nil }
        let joined = node.outputs[0]
        var magnitudes: [Float] = []
        var movable: [Bool] = []
        for case let input? in current[node.id].inputs {
            let channels = current.type(of: input).shape[-1]
            guard let extrema = statistics.channels[input], extrema.magnitudes.count == channels else { return nil }
            magnitudes += extrema.magnitudes
            let canMove = isNativeFloat(input) && statistics.channelRanges[input]?.count == channels
            movable += [Bool](repeating: canMove, count: channels)
        }
        guard movable.contains(true),
            let factors = bestFactors(
                magnitudes: magnitudes, movable: movable,
                weights: readers.filter { !$0.isDepthwise }.compactMap { current.constant($0.weights) })
        else { return nil }
        var patch = GraphPatch("balance channels", on: current)
        var first = 0
        var ranges: [RangeStatistics] = []
        var extrema: [ChannelStatistics] = []
        for (index, input) in current[node.id].inputs.enumerated() {
            guard let input, let known = statistics.ranges[input], let channels = statistics.channels[input] else {
                return nil
            }
            let part = Array(factors[first..<first + channels.minima.count])
            first += part.count
            guard part.contains(where: { $0 != 1 }), let distributions = statistics.channelRanges[input] else {
                ranges.append(known)
                extrema.append(channels)
                continue
            }
            let scaled = try multiply(input, by: part, in: current, &patch)
            let range = RangeStatistics.joining(Self.scaled(distributions, by: part))
            ranges.append(range)
            extrema.append(channels.scaled(byPowersOfTwo: part.map { Int($0.exponent) }))
            statistics.ranges[scaled] = range
            statistics.channels[scaled] = extrema.last
            patch.setOperand(index, of: node.id, to: scaled)
        }
        statistics.ranges[joined] = .joining(ranges)
        statistics.channels[joined] = .joining(extrema)
        for reader in readers { divideWeights(of: reader, by: factors, in: current, &patch) }
        return patch
    }

    private static func scaled(_ channels: [RangeStatistics], by factors: [Float]) -> [RangeStatistics] {
        zip(channels, factors).map { $0.scaled(byPowerOfTwo: Int($1.exponent)) }
    }

    // MARK: Factors

    /// Powers of two by channel, nil when leaving the channels alone is as good.
    ///
    /// - Parameters:
    ///   - magnitudes: largest magnitude of every channel.
    ///   - movable: false for channels that are on integers already.
    ///   - weights: constants whose last axis are the channels.
    private func bestFactors(magnitudes: [Float], movable: [Bool], weights: [Tensor]) -> [Float]? {
        let floor = (magnitudes.max() ?? 0) * 1e-6
        guard floor > 0 else { return nil }
        let fixedLimit = zip(magnitudes, movable).reduce(0 as Float) { $1.1 ? $0 : max($0, $1.0) }
        let target = fixedLimit > 0 ? fixedLimit : magnitudes.max() ?? 1
        func factors(_ strength: Float) -> [Float] {
            zip(magnitudes, movable).map { magnitude, canMove in
                guard canMove, magnitude > floor else { return 1 }
                let exponent = strength * (target / magnitude).logBase2
                return Float(sign: .plus, exponent: Int(exponent.rounded()), significand: 1)
            }
        }
        let unchanged = [Float](repeating: 1, count: magnitudes.count)
        var best = unchanged
        var least = expectedError(unchanged, magnitudes, weights)
        for strength in [0.25, 0.5, 0.75, 1] as [Float] {
            let candidate = factors(strength)
            let error = expectedError(candidate, magnitudes, weights)
            if error < least * 0.95 {
                least = error
                best = candidate
            }
        }
        return best == unchanged ? nil : best
    }

    /// Expected squared error of the products, up to a constant: rounding of the activations times the weights' energy,
    /// and rounding of the weights times the activations' energy (taken as magnitude^2 / 3).
    private func expectedError(_ factors: [Float], _ magnitudes: [Float], _ weights: [Tensor]) -> Double {
        let scaled = zip(factors, magnitudes).map { Double($0) * Double($1) }
        let step = 2 * (scaled.max() ?? 0) / 255
        let energy = scaled.reduce(0) { $0 + $1 * $1 / 3 }
        guard !weights.isEmpty else {
            // Depthwise weights have a scale for every channel and do not mind.
            return factors.reduce(0) { $0 + (step / Double($1)) * (step / Double($1)) }
        }
        var error = 0.0
        for constant in weights {
            constant.withElements(of: Float.self) { elements in
                let channels = factors.count
                let rowLength = elements.count / max(constant.shape[0], 1)
                for row in stride(from: 0, to: elements.count, by: max(rowLength, 1)) {
                    var largest = 0.0
                    var squares = 0.0
                    for i in 0..<rowLength {
                        let w = Double(elements[row + i]) / Double(factors[i % channels])
                        largest = max(largest, abs(w))
                        squares += w * w
                    }
                    let weightStep = largest / 127
                    let taps = Double(rowLength / channels)
                    error += step * step / 12 * squares + weightStep * weightStep / 12 * energy * taps
                }
            }
        }
        return error
    }

    // MARK: Patches

    private func multiply(
        _ value: ValueID, by factors: [Float], in current: Graph, _ patch: inout GraphPatch
    ) throws -> ValueID {
        let name = current[value].name
        let constant = patch.addConstant(Tensor(factors, shape: [factors.count]), name: "\(name)/balance")
        return try patch.addNode(
            .binary(Binary(.mul)), [value, constant], in: current, names: ["\(name)/balanced"],
            location: "\(name)/balanced")[0]
    }

    private func divideWeights(
        of reader: Reader, by factors: [Float], in current: Graph, _ patch: inout GraphPatch
    ) {
        guard var weights = current.constant(reader.weights) else { return }
        weights.withMutableElements(of: Float.self) { elements in
            for i in elements.indices { elements[i] /= factors[i % factors.count] }
        }
        patch.setOperand(
            1, of: reader.node, to: patch.addConstant(weights, name: current[reader.weights].name))
    }
}

extension Float {
    /// Binary logarithm of a positive number, exact at powers of two, linear between them: all that is needed to choose
    /// a power of two.
    var logBase2: Float { Float(exponent) + (significand - 1) }
}
