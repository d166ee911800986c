import GraphIR
import Operators
import TensorCore

extension DelegateGraphBuilder {
    /// Functions of one operand. Source: hexagon/builders/activation_builder.cc, hardswish_builder.cc, neg_op_builder.cc,
    /// rsqrt_builder.cc.
    mutating func lowerUnary(_ item: OperatorLowering, _ kind: Unary) throws {
        switch kind {
        case .relu: try lowerFunction(item, .relu)
        case .relu6: try lowerFunction(item, .reluX) { builder in [builder.number(6)] }
        case .tanh: try lowerFunction(item, .tanh)
        case .logistic: try lowerFunction(item, .sigmoid)
        case .neg: try lowerFunction(item, .negate)
        case .hardSwish:
            let output = try item.output()
            try lowerFunction(item, .hardSwish) { builder in try builder.rangeConstants(of: output) }
        case .rsqrt: try lowerReciprocalSquareRoot(item)
        default: throw Diagnostic(.internalError, at: "", "was taken without a builder")
        }
    }

    /// Source: hexagon/builders/softmax_builder.cc.
    mutating func lowerSoftmax(_ item: OperatorLowering, beta: Float) throws {
        try lowerFunction(item, .softmax) { builder in [builder.number(beta)] }
    }

    /// Source: hexagon/builders/quantize_builder.cc.
    mutating func lowerQuantize(_ item: OperatorLowering) throws {
        let output = try item.output()
        try lowerFunction(item, .requantize8To8) { builder in try builder.rangeConstants(of: output) }
    }

    /// A node of data, its range and what `more` adds.
    private mutating func lowerFunction(
        _ item: OperatorLowering, _ op: HexagonOperator,
        more: (inout DelegateGraphBuilder) throws -> [HexagonReference] = { _ in [] }
    ) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(op, source: item.index)
        var operands = [try home(of: input)]
        operands += try rangeConstants(of: input)
        operands += try more(&self)
        register(output, at: complete(node, operands, shape: shape(of: output))[0])
    }

    /// One divided by the square root. The division needs both operands flat, and the one is a tensor of the code 0 in the
    /// range from 1 to 1.
    private mutating func lowerReciprocalSquareRoot(_ item: OperatorLowering) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(.squareRoot, source: item.index)
        let count = shape(of: input).reduce(1, *)
        let flat = [1, 1, 1, count]
        let ends = try rangeConstants(of: input)
        let root = complete(node, [try home(of: input)] + ends, shape: shape(of: input))
        let flatShape = integers(flat, shape: [1, 1, 1, 4])
        let flatRoot = complete(
            reserve(.reshape, source: item.index), [root[0], flatShape], [HexagonOutput(flat, elementSize: 1)])[0]
        let one = constant(Tensor(zeros: TensorType(.uint8, Shape(flat))))
        let (oneMin, oneMax) = (number(1), number(1))
        let outputEnds = try rangeConstants(of: output)
        let quotient = complete(
            reserve(.divide, source: item.index), [one, flatRoot, oneMin, oneMax, root[1], root[2]] + outputEnds,
            shape: flat)[0]
        let outputShape = integers(shape(of: output), shape: [1, 1, 1, 4])
        let result = complete(
            reserve(.reshape, source: item.index), [quotient, outputShape],
            [HexagonOutput(shape(of: output), elementSize: 1)])[0]
        register(output, at: result)
    }
}
