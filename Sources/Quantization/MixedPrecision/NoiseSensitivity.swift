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
    }

    public var kind: Kind
    /// The value whose rounding it is, or the result of the operator whose weights are rounded, in the float graph.
    public var value: ValueID
    /// Mean over samples and outputs of the squared change relative to the output's variance.
    public var relativeError: Double
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
    func measure(samples: [[Tensor]], progress: (Int, Int) -> Void) throws -> [NoiseSource] {
        let replacements = self.replacements()
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

    private func replacements() -> [Candidate] {
        var codes: [String: [QuantizationParameters]] = [:]
        for node in quantized.nodes {
            for output in node.outputs {
                let value = quantized[output]
                guard let parameters = value.type.quantization, value.type.elementType != .int32 else { continue }
                // QUANTIZE nodes are called after the value they round.
                let name = node.op.isQuantize ? String(value.name.dropLast("/quantize".count)) : value.name
                codes[name, default: []].append(parameters)
            }
        }
        let integerNodes = Dictionary(
            quantized.nodes.map { ($0.location, $0) }, uniquingKeysWith: { first, _ in first })
        var result: [Candidate] = []
        for node in reference.nodes {
            guard let output = node.outputs.first else { continue }
            if let twin = integerNodes[node.location], let candidate = weights(of: node, output, twin) {
                result.append(candidate)
            }
            guard node.op.rounds else { continue }
            for output in node.outputs {
                guard let parameters = codes[reference[output].name],
                    let type = quantized.nodes.lazy.flatMap({ quantized.outputTypes(of: $0) }).first(where: {
                        $0.quantization == parameters[0]
                    })?.elementType
                else { continue }
                let unique = parameters.reduce(into: [QuantizationParameters]()) {
                    if !$0.contains($1) { $0.append($1) }
                }
                result.append(
                    Candidate(kind: .activation, value: output) { _, tensor in
                        unique.reduce(tensor) { Self.rounded($0, $1, type) }
                    })
            }
        }
        return result
    }

    private func weights(of node: Node, _ output: ValueID, _ twin: Node) -> Candidate? {
        guard node.inputs.count > 1, node.op.multipliesAndAccumulates, let float = reference.constant(node.inputs[1]),
            let codes = quantized.constant(twin.inputs[1]), float.elementType == .float32,
            let parameters = codes.type.quantization, codes.elementType == .int8
        else { return nil }
        let real = Self.dequantized(codes, parameters)
        // The function of the node with its own float bias and the reals behind the codes.
        let types = reference.outputTypes(of: node)
        let operation = node.op
        return Candidate(kind: .weights, value: output) { operands, result in
            var single = Graph(name: node.location)
            var inputs: [ValueID?] = []
            var sources: [Tensor] = []
            for (index, operand) in operands.enumerated() {
                guard let operand else {
                    inputs.append(nil)
                    continue
                }
                if index == 1 {
                    inputs.append(single.addConstant(real, name: "weights"))
                } else if self.reference.constant(node.inputs[index]) != nil {
                    inputs.append(single.addConstant(operand, name: "constant \(index)"))
                } else {
                    inputs.append(single.addInput("operand \(index)", operand.type))
                    sources.append(operand)
                }
            }
            let added = try single.addNode(
                operation, inputs, names: ["result"], location: node.location, quantization: types.map(\.quantization))
            single.addOutput(added[0])
            let changed = try Plan(single, options: self.plan.options).run(sources)[0]
            return Self.withMeans(of: result, changed)
        }
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

    private static func dequantized(_ codes: Tensor, _ parameters: QuantizationParameters) -> Tensor {
        let axis = parameters.axis ?? 0
        let inner = codes.shape.dimensions.dropFirst(axis + 1).reduce(1, *)
        let channels = parameters.scales.count
        let values = codes.elements(of: Int8.self).enumerated().map { index, code in
            Float(code) * parameters.scales[channels == 1 ? 0 : index / inner % channels]
        }
        return Tensor(values, shape: codes.shape)
    }

    /// The reals behind the codes of `tensor`.
    private static func rounded(_ tensor: Tensor, _ parameters: QuantizationParameters, _ type: ElementType) -> Tensor {
        guard let codes = type.integerRange else { return tensor }
        var result = tensor
        let inverse = 1 / parameters.scale
        let lowest = Float(Int(codes.lowerBound) - Int(parameters.zeroPoint))
        let highest = Float(Int(codes.upperBound) - Int(parameters.zeroPoint))
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
