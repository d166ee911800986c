import GraphIR
import Operators
import TensorCore

/// Arithmetic, comparisons and logic of several operands.
enum Elementwise {
    static let mappings: [String: Mapping] = [
        "Add": { try [$1.add($0.input(0), $0.input(1))] },
        "Sub": { try [$1.sub($0.input(0), $0.input(1))] },
        "Mul": { try [$1.mul($0.input(0), $0.input(1))] },
        "Div": { try [$1.div($0.input(0), $0.input(1))] },
        "Pow": power,
        "Mod": remainder,
        "Max": { try [variadic($0, $1, .maximum)] },
        "Min": { try [variadic($0, $1, .minimum)] },
        "Sum": { try [variadic($0, $1, .add)] },
        "Mean": { try [$1.mul(variadic($0, $1, .add), 1 / Double(max(1, $0.inputs.count)))] },
        "Equal": { try comparison($0, $1, .equal) },
        "Less": { try comparison($0, $1, .less) },
        "LessOrEqual": { try comparison($0, $1, .lessEqual) },
        "Greater": { try comparison($0, $1, .greater) },
        "GreaterOrEqual": { try comparison($0, $1, .greaterEqual) },
        "And": { try logical($0, $1) { try $0.emit1(.logical(.and), [$1, $2]) } },
        "Or": { try logical($0, $1) { try $0.emit1(.logical(.or), [$1, $2]) } },
        "Xor": { try logical($0, $1) { try $0.compare(.notEqual, $1, $2) } },
        "Where": choose,
        "PRelu": parametricRelu,
        "BitShift": shift,
    ]

    private static func variadic(_ node: NodeContext, _ builder: GraphBuilder, _ kind: Binary.Kind) throws -> ValueID {
        let values = try node.allInputs()
        return try values.dropFirst().reduce(values[0]) { try builder.binary(kind, $0, $1) }
    }

    private static func comparison(
        _ node: NodeContext, _ builder: GraphBuilder, _ kind: Comparison
    ) throws -> [ValueID?] {
        node.resultTypes[0] = .bool
        return [try builder.compare(kind, node.input(0), node.input(1))]
    }

    private static func logical(
        _ node: NodeContext, _ builder: GraphBuilder, _ body: (GraphBuilder, ValueID, ValueID) throws -> ValueID
    ) throws -> [ValueID?] {
        let (a, b) = (try node.input(0), try node.input(1))
        guard builder.elementType(a) == .bool, builder.elementType(b) == .bool else {
            throw node.bad("its operands must be bool")
        }
        return [try body(builder, a, b)]
    }

    /// The result has the base's type; known small exponents become products and roots.
    private static func power(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let base = try node.input(0)
        var exponent = try node.input(1)
        let type = builder.elementType(base)
        if type == .float32, let tensor = builder.constant(of: exponent), tensor.count == 1,
            Shape.broadcast(builder.shape(base), tensor.shape) == builder.shape(base)
        {
            switch tensor.doubles()[0] {
            case 1: return [base]
            case 2: return [try builder.square(base)]
            case 3: return [try builder.mul(builder.square(base), base)]
            case 0.5: return [try builder.unary(.sqrt, base)]
            case -0.5: return [try builder.unary(.rsqrt, base)]
            case -1: return [try builder.reciprocal(base)]
            default: break
            }
        }
        if type == .float32 {
            exponent = try builder.cast(exponent, to: .float32)
            return [try builder.binary(.pow, base, exponent)]
        }
        if builder.elementType(exponent) == .float32 {
            let power = try builder.binary(.pow, builder.cast(base, to: .float32), exponent)
            return [try builder.cast(power, to: type)]
        }
        exponent = try builder.cast(exponent, to: type)
        return [try builder.binary(.pow, base, exponent)]
    }

    /// `fmod` takes the dividend's sign, `Mod` without it the divisor's.
    private static func remainder(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let (a, b) = (try node.input(0), try node.input(1))
        guard try node.int("fmod", default: 0) != 0 else { return [try builder.binary(.floorMod, a, b)] }
        let magnitude = try builder.binary(.floorMod, builder.unary(.abs, a), builder.unary(.abs, b))
        let negative = try builder.compare(.less, a, 0)
        return [try builder.select(negative, builder.negated(magnitude), magnitude)]
    }

    private static func choose(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        node.resultTypes[0] = node.inputTypes.count > 1 ? node.inputTypes[1] : nil
        return [try builder.select(node.input(0), node.input(1), node.input(2))]
    }

    /// Slopes that broadcast from the left, as old models have them, are given the input's rank.
    private static func parametricRelu(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let input = try node.input(0)
        var slope = try node.input(1)
        let (shape, slopes) = (builder.shape(input), builder.shape(slope))
        if Shape.broadcast(shape, slopes) != shape, slopes.rank == 1, shape.rank > 1, slopes[0] == shape[1] {
            slope = try builder.reshape(slope, [slopes[0]] + [Int](repeating: 1, count: shape.rank - 2))
        }
        guard builder.elementType(input) == .float32 else {
            let product = try builder.mul(input, slope)
            return [try builder.select(builder.compare(.less, input, 0), product, input)]
        }
        return [try builder.emit1(.prelu, [input, slope])]
    }

    /// Shifts of unsigned integers as products and quotients with powers of two.
    private static func shift(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let (value, count) = (try node.input(0), try node.input(1))
        let type = builder.elementType(value)
        guard type == .uint8 || type == .uint16 else {
            throw node.unsupported("shifts of \(type.rawValue) are not supported")
        }
        let wide = try builder.cast(value, to: .int32)
        let two = try builder.number(2, .int32)
        let factor = try builder.binary(.pow, two, builder.cast(count, to: .int32))
        switch try node.string("direction", default: "") {
        case "LEFT": return [try builder.cast(builder.mul(wide, factor), to: type)]
        case "RIGHT": return [try builder.cast(builder.div(wide, factor), to: type)]
        default: throw node.bad("its direction must be LEFT or RIGHT")
        }
    }
}
