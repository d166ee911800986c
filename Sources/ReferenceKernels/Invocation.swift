import Operators
import TensorCore

/// One call of a kernel: its operands and the types its results must have.
struct Invocation {
    let name: String
    /// Operands by position; nil where an optional one is absent.
    let inputs: [Tensor?]
    let outputs: [TensorType]

    /// The operand at `index`.
    ///
    /// - Throws: `Diagnostic` (.badModel) when it is absent.
    func input(_ index: Int) throws -> Tensor {
        guard index < inputs.count, let tensor = inputs[index] else {
            throw Diagnostic(.badModel, at: name, "operand \(index) is missing")
        }
        return tensor
    }

    /// The operand at `index`, nil when it is absent.
    func optional(_ index: Int) -> Tensor? { index < inputs.count ? inputs[index] : nil }

    /// The type of the result at `index`.
    func output(_ index: Int = 0) throws -> TensorType {
        guard index < outputs.count else {
            throw Diagnostic(.internalError, at: name, "the type of result \(index) is missing")
        }
        return outputs[index]
    }

    /// The whole numbers of a constant operand such as a shape, axes or paddings.
    ///
    /// - Throws: `Diagnostic` (.badModel) when it is absent or of a float type.
    func integers(_ index: Int) throws -> [Int] {
        guard let values = try input(index).integers() else {
            throw Diagnostic(.badModel, at: name, "operand \(index) must hold integers")
        }
        return values
    }

    /// True when an operand is an 8 or 16-bit integer with quantisation parameters.
    var isQuantized: Bool {
        inputs.contains { tensor in
            guard let type = tensor?.type, type.quantization != nil else { return false }
            return type.elementType == .int8 || type.elementType == .uint8 || type.elementType == .int16
        }
    }

    /// The refusal of a combination of element types that has no kernel.
    func unsupported(_ what: String? = nil) -> Diagnostic {
        let types = inputs.map { $0?.elementType.rawValue ?? "nothing" }.joined(separator: ", ")
        return Diagnostic(.unsupported, at: name, "no reference kernel for \(what ?? "operands of \(types)")")
    }
}
