import GraphIR
import Operators
import TensorCore

extension DelegateGraphBuilder {
    /// Functions of two operands. Fused activations have no node: the result's range is all that clamps.
    mutating func lowerBinary(_ item: OperatorLowering, _ kind: Binary.Kind) throws {
        switch kind {
        case .add: try lowerArithmetic(item, .add)
        case .sub: try lowerArithmetic(item, .subtract)
        case .mul: try lowerArithmetic(item, .multiplyTo32)
        case .minimum: try lowerExtremum(item, .minimum)
        case .maximum: try lowerExtremum(item, .maximum)
        case .squaredDifference: try lowerSquaredDifference(item)
        default: throw Diagnostic(.internalError, at: "", "was taken without a builder")
        }
    }

    /// ADD gets the result's range unless its upper end is 0; all three requantise to it.
    ///
    /// Source: hexagon/builders/arithmetic_builder.cc.
    private mutating func lowerArithmetic(_ item: OperatorLowering, _ op: HexagonOperator) throws {
        let output = try item.output()
        let node = reserve(op, source: item.index)
        var operands = try bothOperands(item)
        let range = try range(of: output)
        let ends = [number(range.min), number(range.max)]
        if op == .add, range.max != 0 { operands += ends }
        let isWide = op == .multiplyTo32
        let result = complete(node, operands, shape: shape(of: output), elementSize: isWide ? 4 : 1)
        let requantized = requantize(
            result, to: ends, shape: shape(of: output), op: isWide ? .requantize32To8 : .requantize8To8,
            source: item.index)
        register(output, at: requantized)
    }

    /// Source: hexagon/builders/min_max_builder.cc.
    private mutating func lowerExtremum(_ item: OperatorLowering, _ op: HexagonOperator) throws {
        let output = try item.output()
        let node = reserve(op, source: item.index)
        var operands = try bothOperands(item)
        operands += try rangeConstants(of: output)
        register(output, at: complete(node, operands, shape: shape(of: output))[0])
    }

    /// The difference in a range that the library estimates, multiplied by itself. Source: hexagon/builders/
    /// squared_difference.cc.
    private mutating func lowerSquaredDifference(_ item: OperatorLowering) throws {
        let output = try item.output()
        let node = reserve(.subtract, source: item.index)
        let operands = try bothOperands(item)
        let ends = try rangeConstants(of: output)
        let difference = complete(node, operands, shape: shape(of: output))
        let (codes, range) = (difference[0], Array(difference[1...]))
        let product = complete(
            reserve(.multiply, source: item.index), [codes, codes] + range + range + ends, shape: shape(of: output))
        register(output, at: product[0])
    }

    /// Both data operands and the ranges of both.
    private mutating func bothOperands(_ item: OperatorLowering) throws -> [HexagonReference] {
        let (a, b) = (try item.input(0), try item.input(1))
        var operands = [try home(of: a), try home(of: b)]
        operands += try rangeConstants(of: a)
        operands += try rangeConstants(of: b)
        return operands
    }
}
