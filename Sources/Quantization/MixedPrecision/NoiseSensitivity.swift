import GraphIR
import Operators
import Runtime
import TensorCore

/// How much one rounding, alone, changes the outputs of a network that computes everything else in float.
public struct NoiseSource: Sendable {
    public enum Kind: String, Sendable, Codable {
        /// The results of an operator become codes.
        case activation
        /// The weights of an operator become codes.
        case weights
        /// What an operator reads becomes 4-bit codes, for it alone.
        case operands
    }

    public var kind: Kind
    /// The value whose rounding it is, or the result of the operator whose weights or operands are rounded, in the float
    /// graph.
    public var value: ValueID
    /// Mean over samples and outputs of the squared change relative to the output's variance.
    public var relativeError: Double

    package init(kind: Kind, value: ValueID, relativeError: Double) {
        self.kind = kind
        self.value = value
        self.relativeError = relativeError
    }
}

/// Measures every rounding of a quantised graph by itself, in the float graph that it was made of.
///
/// Small errors of many independent sources add up in energy, so that these numbers tell what each source's share of the
/// whole error is (measured on the bundled networks: the sum is within 10 % of the error of all together).
struct NoiseSensitivity {
    let reference: Graph
    let quantized: Graph
    let plan: Plan

    init(reference: Graph, quantized: Graph, plan: Plan) {
        self.reference = reference
        self.quantized = quantized
        self.plan = plan
    }

    /// - Parameter samples: inputs of the float graph.
    func measure(
        samples: [[Tensor]], kinds: Set<NoiseSource.Kind>, progress: (Int, Int) -> Void
    ) throws -> [NoiseSource] {
        let replacements = self.replacements().filter { kinds.contains($0.kind) }
        let wanted = try samples.map { try plan.run($0) }
        var result: [NoiseSource] = []
        for (index, candidate) in replacements.enumerated() {
            progress(index, replacements.count)
            var error = OutputError()
            for (sample, reference) in zip(samples, wanted) {
                let changed = try plan.run(sample, replacing: [candidate.value: candidate.replacement])
                error.add(changed, wanted: reference)
            }
            result.append(
                NoiseSource(kind: candidate.kind, value: candidate.value, relativeError: error.relative))
        }
        progress(replacements.count, replacements.count)
        return result
    }

    private struct Candidate {
        var kind: NoiseSource.Kind
        var value: ValueID
        var replacement: ValueReplacement
    }

    /// How a value is rounded.
    private struct Codes: Hashable {
        var parameters: QuantizationParameters
        var lowest: Int64
        var highest: Int64

        /// Of a value of a quantised graph; nil when it is none of activation codes.
        init?(_ value: ValueID, in graph: Graph) {
            let type = graph.type(of: value)
            guard let parameters = type.quantization, !parameters.isPerChannel, type.elementType != .int32,
                let range = type.elementType.integerRange
            else { return nil }
            self.parameters = parameters
            isNarrow = type.elementType == .int4 || NarrowCodes.hold(value, in: graph)
            lowest = type.elementType == .int8 && isNarrow ? Int64(NarrowCodes.lowest) : range.lowerBound
            highest = range.upperBound
        }

        /// True for 4-bit codes.
        var isNarrow: Bool
    }

    private func replacements() -> [Candidate] {
        var codes: [String: [Codes]] = [:]
        for node in quantized.nodes {
            for output in node.outputs {
                // 4-bit codes are the matter of those that read them.
                guard let found = Codes(output, in: quantized), !found.isNarrow else { continue }
                // QUANTIZE nodes are called after the value they round.
                let value = quantized[output]
                let name = node.op.isQuantize ? String(value.name.dropLast("/quantize".count)) : value.name
                if codes[name]?.contains(found) != true { codes[name, default: []].append(found) }
            }
        }
        let integerNodes = Dictionary(
            quantized.nodes.map { ($0.location, $0) }, uniquingKeysWith: { first, _ in first })
        var result: [Candidate] = []
        for node in reference.nodes {
            guard let output = node.outputs.first else { continue }
            if let twin = integerNodes[node.location] {
                result += [weights(of: node, output, twin), operands(of: node, output, twin)].compactMap { $0 }
            }
            guard node.op.rounds else { continue }
            for output in node.outputs {
                guard let roundings = codes[reference[output].name] else { continue }
                result.append(
                    Candidate(kind: .activation, value: output) { _, tensor in
                        roundings.reduce(tensor) { Self.rounded($0, $1) }
                    })
            }
        }
        return result
    }

    private func weights(of node: Node, _ output: ValueID, _ twin: Node) -> Candidate? {
        guard node.inputs.count > 1, node.op.multipliesAndAccumulates, let float = reference.constant(node.inputs[1]),
            let codes = quantized.constant(twin.inputs[1]), float.elementType == .float32,
            codes.type.quantization != nil, [.int8, .int4].contains(codes.elementType)
        else { return nil }
        let real = Tensor(codes.realValues().map { Float($0) }, shape: codes.shape)
        // The function of the node with its own float bias and the reals behind the codes.
        let arguments = node.inputs.enumerated().map { index, input in
            index == 1 ? SingleNode.Operand.constant(real) : input.map { .value($0) }
        }
        return Candidate(kind: .weights, value: output) { operands, result in
            try self.results(of: node, arguments, operands, result)
        }
    }

    /// What `node` alone makes of 4-bit operands.
    private func operands(of node: Node, _ output: ValueID, _ twin: Node) -> Candidate? {
        guard node.op.multipliesAndAccumulates else { return nil }
        var roundings: [Int: Codes] = [:]
        for (index, input) in twin.inputs.enumerated() where index < node.inputs.count {
            guard let input, quantized.constant(input) == nil, reference.constant(node.inputs[index]) == nil,
                let codes = Codes(input, in: quantized), codes.isNarrow
            else { continue }
            roundings[index] = codes
        }
        guard !roundings.isEmpty else { return nil }
        let arguments = node.inputs.map { $0.map(SingleNode.Operand.value) }
        return Candidate(kind: .operands, value: output) { operands, result in
            let rounded = operands.enumerated().map { index, tensor in
                tensor.map { tensor in roundings[index].map { Self.rounded(tensor, $0) } ?? tensor }
            }
            return try self.results(of: node, arguments, rounded, result)
        }
    }

    /// The results of `node` on other operands, with the channel means of `result`.
    private func results(
        of node: Node, _ arguments: [SingleNode.Operand?], _ operands: [Tensor?], _ result: Tensor
    ) throws -> Tensor {
        let single = try SingleNode(node, reference, operands: arguments, options: plan.options)
        let changed = try single.run { source in
            guard let index = node.inputs.firstIndex(of: source), let tensor = operands[index] else {
                throw Diagnostic(.internalError, at: node.location, "an operand is missing")
            }
            return tensor
        }[0]
        return Self.withMeans(of: result, changed)
    }

    /// `changed` with the channel means of `wanted`: what bias correction makes of it.
    private static func withMeans(of wanted: Tensor, _ changed: Tensor) -> Tensor {
        let channels = max(wanted.shape.dimensions.last ?? 1, 1)
        var shift = [Double](repeating: 0, count: channels)
        let rows = Double(max(wanted.count / channels, 1))
        wanted.withElements(of: Float.self) { wanted in
            changed.withElements(of: Float.self) { changed in
                for i in wanted.indices { shift[i % channels] += Double(wanted[i]) - Double(changed[i]) }
            }
        }
        let means = shift.map { Float($0 / rows) }
        var result = changed
        result.withMutableElements(of: Float.self) { elements in
            for i in elements.indices { elements[i] += means[i % channels] }
        }
        return result
    }

    /// The reals behind the codes of `tensor`.
    private static func rounded(_ tensor: Tensor, _ rounding: Codes) -> Tensor {
        let parameters = rounding.parameters
        var result = tensor
        let inverse = 1 / parameters.scale
        let lowest = Float(Int(rounding.lowest) - Int(parameters.zeroPoint))
        let highest = Float(Int(rounding.highest) - Int(parameters.zeroPoint))
        result.withMutableElements(of: Float.self) { elements in
            for i in elements.indices {
                elements[i] = min(max((elements[i] * inverse).rounded(), lowest), highest) * parameters.scale
            }
        }
        return result
    }
}

extension Operator {
    fileprivate var isQuantize: Bool { if case .quantize = self { true } else { false } }

    /// True when the integer kernel rounds its results; operators that pass codes on do not.
    fileprivate var rounds: Bool {
        if movesData { return false }
        switch self {
        case .maxPool2D, .resizeNearestNeighbor, .select: return false
        case .binary(let op): return op.kind != .maximum && op.kind != .minimum
        case .reduce(let op): return op.kind == .mean || op.kind == .sum
        default: return true
        }
    }
}
