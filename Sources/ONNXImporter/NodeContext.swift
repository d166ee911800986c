import GraphIR
import TensorCore

extension ONNXNode {
    var isDefaultDomain: Bool { domain.isEmpty || domain == "ai.onnx" }
}

/// One source node with its operands resolved: what a mapping reads.
final class NodeContext {
    let node: ONNXNode
    let inputs: [ValueID?]
    let opset: Int
    /// The operands' types in the source, where they are known.
    let inputTypes: [ONNXElementType?]
    /// The results' types in the source, where they are not the first operand's.
    var resultTypes: [Int: ONNXElementType] = [:]

    init(node: ONNXNode, inputs: [ValueID?], opset: Int, inputTypes: [ONNXElementType?]) {
        self.node = node
        self.inputs = inputs
        self.opset = opset
        self.inputTypes = inputTypes
    }

    func resultType(_ index: Int) -> ONNXElementType? { resultTypes[index] ?? inputTypes.first ?? nil }

    // MARK: Operands and results

    func input(_ index: Int) throws -> ValueID {
        guard let value = optional(index) else { throw bad("operand \(index) is missing") }
        return value
    }

    func optional(_ index: Int) -> ValueID? { index < inputs.count ? inputs[index] : nil }

    /// All operands, for operators of any number of them.
    func allInputs() throws -> [ValueID] {
        guard !inputs.isEmpty else { throw bad("it has no operands") }
        return try inputs.indices.map(input)
    }

    /// True when something reads result `index`.
    func wants(_ index: Int) -> Bool { index < node.outputs.count && !node.outputs[index].isEmpty }

    // MARK: Attributes

    func has(_ name: String) -> Bool { node.attributes[name] != nil }

    func int(_ name: String) throws -> Int? {
        switch node.attributes[name] {
        case nil: return nil
        case .int(let value): return value
        default: throw bad("attribute \(name) must be an integer")
        }
    }

    func int(_ name: String, default value: Int) throws -> Int { try int(name) ?? value }

    func ints(_ name: String) throws -> [Int]? {
        switch node.attributes[name] {
        case nil: return nil
        case .ints(let values): return values
        case .int(let value): return [value]
        default: throw bad("attribute \(name) must be a list of integers")
        }
    }

    func float(_ name: String) throws -> Float? {
        switch node.attributes[name] {
        case nil: return nil
        case .float(let value): return value
        case .int(let value): return Float(value)
        default: throw bad("attribute \(name) must be a number")
        }
    }

    func float(_ name: String, default value: Float) throws -> Float { try float(name) ?? value }

    func floats(_ name: String) throws -> [Float]? {
        switch node.attributes[name] {
        case nil: return nil
        case .floats(let values): return values
        case .ints(let values) where values.isEmpty: return []
        default: throw bad("attribute \(name) must be a list of numbers")
        }
    }

    func string(_ name: String, default value: String) throws -> String {
        switch node.attributes[name] {
        case nil: return value
        case .string(let text): return text
        default: throw bad("attribute \(name) must be text")
        }
    }

    // MARK: Refusals

    func bad(_ message: String) -> Diagnostic { Diagnostic(.badModel, at: "", message) }

    func unsupported(_ message: String, suggestion: String? = nil) -> Diagnostic {
        Diagnostic(.unsupported, at: "", message, suggestion: suggestion)
    }
}
