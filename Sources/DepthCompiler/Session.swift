import GraphIR
import Runtime
import TensorCore

/// A loaded model made ready to run on named arrays.
public struct Session: Sendable {
    public let graph: Graph
    private let plan: Plan

    /// Prepares the model's canonical graph with its ports as they are in the file.
    public init(_ model: Model, options: RunOptions = RunOptions()) throws {
        let graph = try Converter.canonical(model.graph, keepLayout: true, approximate: false)
        self.graph = graph
        plan = try Plan(graph, options: options)
    }

    /// Runs on arrays given by input name, the rest by position. Float arrays for quantised inputs are quantised.
    ///
    /// - Throws: `Diagnostic` (.usage for missing or unknown inputs, .badData for wrong types).
    public func run(named: [String: Tensor], positional: [Tensor] = []) throws -> [(name: String, tensor: Tensor)] {
        var rest = positional[...]
        let known = Set(graph.inputs.map(\.sourceName))
        let inputs = try graph.inputs.map { port -> Tensor in
            guard let tensor = named[port.sourceName] ?? rest.popFirst() else {
                throw Diagnostic(
                    .usage, at: "input \(port.sourceName)", "is missing",
                    suggestion: "--input \(port.sourceName)=FILE.npy of \(graph.type(of: port.value))")
            }
            return try adapt(tensor, to: graph.type(of: port.value), name: port.sourceName)
        }
        guard rest.isEmpty else {
            throw Diagnostic(.usage, at: "--input", "gives more arrays than the model's \(graph.inputs.count) inputs")
        }
        _ = known
        return zip(graph.outputs, try plan.run(inputs)).map { ($0.sourceName, $1) }
    }

    private func adapt(_ tensor: Tensor, to type: TensorType, name: String) throws -> Tensor {
        if tensor.elementType == .float32, let parameters = type.quantization, tensor.shape == type.shape {
            return try QuantizedInput.codes(tensor, parameters, type.elementType)
        }
        return tensor
    }

    /// A port's name as a file name: slashes and colons become underscores.
    public static func fileName(_ port: String) -> String {
        String(port.map { $0 == "/" || $0 == ":" ? "_" : $0 })
    }
}

/// Float arrays for integer inputs.
enum QuantizedInput {
    /// Codes of a float32 array, rounded half away from zero and saturated, as LiteRT's QUANTIZE does.
    static func codes(_ tensor: Tensor, _ parameters: QuantizationParameters, _ type: ElementType) throws -> Tensor {
        guard let range = type.integerRange else {
            throw Diagnostic(.badData, at: "", "\(type.rawValue) holds no codes")
        }
        let codes = tensor.elements(of: Float.self).map { x in
            let code = saturatingInteger(
                Double((x / parameters.scale).rounded(.toNearestOrAwayFromZero)), as: Int64.self)
            return min(max(code + Int64(parameters.zeroPoint), range.lowerBound), range.upperBound)
        }
        switch type {
        case .int8: return Tensor(codes.map { Int8($0) }, shape: tensor.shape, quantization: parameters)
        case .uint8: return Tensor(codes.map { UInt8($0) }, shape: tensor.shape, quantization: parameters)
        case .int16: return Tensor(codes.map { Int16($0) }, shape: tensor.shape, quantization: parameters)
        default: throw Diagnostic(.unsupported, at: "", "inputs of \(type.rawValue) codes")
        }
    }
}
