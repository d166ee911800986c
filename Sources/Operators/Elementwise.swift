import TensorCore

/// An arithmetic operator of two operands that broadcast.
public struct Binary: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case add = "ADD"
        case sub = "SUB"
        case mul = "MUL"
        case div = "DIV"
        case maximum = "MAXIMUM"
        case minimum = "MINIMUM"
        case pow = "POW"
        case squaredDifference = "SQUARED_DIFFERENCE"
        case floorDiv = "FLOOR_DIV"
        case floorMod = "FLOOR_MOD"
        case atan2 = "ATAN2"
    }
    public var kind: Kind
    /// Only ADD, SUB, MUL and DIV have one.
    public var activation: Activation
    public init(_ kind: Kind, activation: Activation = .none) {
        self.kind = kind
        self.activation = activation
    }
}

public enum Comparison: String, Sendable, Hashable, CaseIterable {
    case equal = "EQUAL"
    case notEqual = "NOT_EQUAL"
    case less = "LESS"
    case lessEqual = "LESS_EQUAL"
    case greater = "GREATER"
    case greaterEqual = "GREATER_EQUAL"
}

public enum Logical: String, Sendable, Hashable, CaseIterable {
    case and = "LOGICAL_AND"
    case or = "LOGICAL_OR"
}

/// A function of one operand, element by element.
public enum Unary: String, Sendable, Hashable, CaseIterable {
    case abs = "ABS"
    case neg = "NEG"
    case exp = "EXP"
    case log = "LOG"
    case sqrt = "SQRT"
    case rsqrt = "RSQRT"
    case sin = "SIN"
    case cos = "COS"
    case floor = "FLOOR"
    case ceil = "CEIL"
    case round = "ROUND"
    case square = "SQUARE"
    case sign = "SIGN"
    case logicalNot = "LOGICAL_NOT"
    case relu = "RELU"
    case relu6 = "RELU6"
    case reluN1To1 = "RELU_N1_TO_1"
    case relu0To1 = "RELU_0_TO_1"
    case logistic = "LOGISTIC"
    case tanh = "TANH"
    case hardSwish = "HARD_SWISH"
    case elu = "ELU"
}

extension Inference {
    static func broadcast(_ op: Operator, _ operands: Operands, result: ElementType? = nil) throws -> [TensorType] {
        let left = try operands.type(0)
        let right = try operands.type(1)
        guard let shape = Shape.broadcast(left.shape, right.shape) else {
            throw mismatch("\(left.shape) and \(right.shape) do not broadcast")
        }
        let common = try commonType(left, right, of: op)
        return [TensorType(result ?? common, shape)]
    }

    /// The operand's bytes as `type`. A wider type takes up the last axis, which must have as many elements as make one
    /// of it; a narrower one gets an axis more behind the last; bytes of an element are little-endian (TFLite BITCAST).
    static func bitcast(to type: ElementType, _ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let (from, to) = (input.elementType.byteCount, type.byteCount)
        guard input.elementType != .int4, type != .int4, input.elementType != .bool, type != .bool else {
            throw mismatch("\(input.elementType.rawValue) read as \(type.rawValue)")
        }
        if from == to { return [TensorType(type, input.shape)] }
        if from > to { return [TensorType(type, Shape(input.shape.dimensions + [from / to]))] }
        guard input.shape.dimensions.last == to / from else {
            throw mismatch("the last axis of \(input.shape) does not make one \(type.rawValue)")
        }
        return [TensorType(type, Shape(Array(input.shape.dimensions.dropLast())))]
    }

    static func prelu(_ operands: Operands) throws -> [TensorType] {
        let input = try operands.type(0)
        let alpha = try operands.type(1)
        guard Shape.broadcast(input.shape, alpha.shape) == input.shape else {
            throw mismatch("slopes \(alpha.shape) do not broadcast to \(input.shape)")
        }
        return [TensorType(input.elementType, input.shape)]
    }

    static func select(_ operands: Operands) throws -> [TensorType] {
        let condition = try operands.type(0)
        let yes = try operands.type(1)
        let no = try operands.type(2)
        guard let values = Shape.broadcast(yes.shape, no.shape), let shape = Shape.broadcast(condition.shape, values)
        else { throw mismatch("\(condition.shape), \(yes.shape) and \(no.shape) do not broadcast") }
        guard condition.elementType == .bool, yes.elementType == no.elementType else {
            throw mismatch("the condition is bool and both choices have one type")
        }
        return [yes.with(shape: shape)]
    }
}
