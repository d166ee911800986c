import GraphIR
import Operators
import TensorCore

/// Lists operators by hand, without a file.
struct ListingBuilder {
    private var operators: [ListedOperator] = []
    private var tensors: [Int: ListedTensor] = [:]
    private var inputs: [Int] = []

    static let code = QuantizationParameters(scale: 0.05, zeroPoint: -3)

    /// A tensor that is fed or computed.
    mutating func tensor(
        _ shape: Shape = [1, 4, 4, 8], _ elementType: ElementType = .int8,
        quantization: QuantizationParameters? = ListingBuilder.code
    ) -> Int {
        add(ListedTensor(name: "t\(tensors.count)", type: TensorType(elementType, shape, quantization: quantization)))
    }

    mutating func input(
        _ shape: Shape = [1, 4, 4, 8], _ elementType: ElementType = .int8,
        quantization: QuantizationParameters? = ListingBuilder.code
    ) -> Int {
        inputs.append(tensor(shape, elementType, quantization: quantization))
        return inputs[inputs.count - 1]
    }

    mutating func constant(_ tensor: Tensor) -> Int {
        add(ListedTensor(name: "c\(tensors.count)", type: tensor.type, constant: tensor))
    }

    /// Adds an operator with the lowest version that the delegate takes, unless another is given; returns its results.
    @discardableResult
    mutating func add(
        _ op: Operator, _ operands: [Int?], version: Int? = nil, results: [Int]
    ) -> [Int] {
        let twos: Set<String> = ["RELU", "RSQRT", "SQUARED_DIFFERENCE"]
        operators.append(
            ListedOperator(
                builtin: op.name, version: version ?? (twos.contains(op.name) ? 2 : 1), op: op, inputs: operands,
                outputs: results))
        return results
    }

    /// An operator that the delegate takes, with one result of the usual type.
    mutating func taken(_ operands: Int...) -> Int {
        let op: Operator = operands.count == 1 ? .unary(.relu) : .binary(Binary(.add))
        return add(op, operands, results: [tensor()])[0]
    }

    /// An operator that the delegate refuses, with one result of the usual type.
    mutating func refused(_ operand: Int) -> Int { add(.gelu(approximate: false), [operand], results: [tensor()])[0] }

    func listing(outputs: [Int]) -> OperatorListing {
        OperatorListing(operators: operators, tensors: tensors, inputs: inputs, outputs: outputs)
    }

    private mutating func add(_ tensor: ListedTensor) -> Int {
        tensors[tensors.count] = tensor
        return tensors.count - 1
    }
}
