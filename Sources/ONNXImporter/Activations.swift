import GraphIR
import Operators
import TensorCore

/// Functions of one operand, element by element.
enum Activations {
    static let mappings: [String: Mapping] = builtin.mapValues(one)
        .merging(composed) { first, _ in first }
        .merging(trigonometric) { first, _ in first }

    /// Operators that are one builtin operator.
    private static let builtin: [String: Unary] = [
        "Abs": .abs, "Neg": .neg, "Exp": .exp, "Log": .log, "Sqrt": .sqrt, "Sin": .sin, "Cos": .cos, "Floor": .floor,
        "Ceil": .ceil, "Round": .round, "Sign": .sign, "Not": .logicalNot, "Relu": .relu, "Sigmoid": .logistic,
        "Tanh": .tanh, "HardSwish": .hardSwish,
    ]

    private static func one(_ kind: Unary) -> Mapping {
        { node, builder in [try builder.unary(kind, node.input(0))] }
    }

    private static let trigonometric: [String: Mapping] = [
        "Tan": { node, builder in
            let x = try node.input(0)
            return [try builder.div(builder.unary(.sin, x), builder.unary(.cos, x))]
        },
        "Atan": { node, builder in
            let x = try node.input(0)
            // LiteRT's ATAN2 does not broadcast.
            let ones = try builder.fill(builder.shape(x), with: builder.number(1, like: x))
            return [try builder.binary(.atan2, x, ones)]
        },
        "Sinh": hyperbolicSine,
        "Cosh": hyperbolicCosine,
        "Asin": arcSine,
        "Acos": arcCosine,
        "Asinh": areaSine,
        "Acosh": areaCosine,
        "Atanh": areaTangent,
    ]

    private static let composed: [String: Mapping] = [
        "Reciprocal": { node, builder in [try builder.reciprocal(node.input(0))] },
        "Erf": { node, builder in [try builder.errorFunction(node.input(0))] },
        "Identity": { node, _ in [try node.input(0)] },
        "Softplus": { node, builder in [try softplus(node.input(0), builder)] },
        "Softsign": { node, builder in
            let x = try node.input(0)
            return [try builder.div(x, builder.add(builder.unary(.abs, x), 1))]
        },
        "Mish": { node, builder in
            let x = try node.input(0)
            return [try builder.mul(x, builder.unary(.tanh, softplus(x, builder)))]
        },
        "LeakyRelu": { node, builder in
            let alpha = try node.float("alpha", default: 0.01)
            return [try builder.emit1(.leakyRelu(alpha: alpha), [node.input(0)])]
        },
        "Elu": { node, builder in
            [try elu(node.input(0), builder, alpha: node.float("alpha", default: 1))]
        },
        "Celu": celu,
        "Selu": selu,
        "HardSigmoid": hardSigmoid,
        "ThresholdedRelu": thresholdedRelu,
        "Gelu": gelu,
        "Swish": swish,
        "Shrink": shrink,
        "Clip": clip,
        "IsNaN": isNaN,
        "IsInf": isInfinite,
        "Dropout": dropout,
    ]

    /// log(1 + exp(x)) without overflow: max(x, 0) + log(1 + exp(-|x|)).
    private static func softplus(_ x: ValueID, _ builder: GraphBuilder) throws -> ValueID {
        let decay = try builder.unary(.exp, builder.negated(builder.unary(.abs, x)))
        return try builder.add(builder.unary(.relu, x), builder.unary(.log, builder.add(decay, 1)))
    }

    private static func elu(_ x: ValueID, _ builder: GraphBuilder, alpha: Float) throws -> ValueID {
        if alpha == 1 { return try builder.unary(.elu, x) }
        let negative = try builder.mul(builder.unary(.elu, builder.minimum(x, 0)), Double(alpha))
        return try builder.add(builder.unary(.relu, x), negative)
    }

    private static func celu(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let alpha = Double(try node.float("alpha", default: 1))
        let scaled = try builder.mul(builder.minimum(x, 0), 1 / alpha)
        let negative = try builder.mul(builder.unary(.elu, scaled), alpha)
        return [try builder.add(builder.unary(.relu, x), negative)]
    }

    private static func selu(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let alpha = try node.float("alpha", default: 1.673_263_2)
        let gamma = try node.float("gamma", default: 1.050_701)
        return [try builder.mul(elu(node.input(0), builder, alpha: alpha), Double(gamma))]
    }

    /// max(0, min(1, alpha x + beta)) as a sixth of RELU6, which has an integer kernel.
    private static func hardSigmoid(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let alpha = Double(try node.float("alpha", default: 0.2))
        let beta = Double(try node.float("beta", default: 0.5))
        let line = try builder.add(builder.mul(node.input(0), 6 * alpha), 6 * beta)
        return [try builder.mul(builder.unary(.relu6, line), 1.0 / 6)]
    }

    private static func thresholdedRelu(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let above = try builder.compare(.greater, x, Double(node.float("alpha", default: 1)))
        return [try builder.select(above, x, builder.number(0, like: x))]
    }

    private static func gelu(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let approximate = try node.string("approximate", default: "none") == "tanh"
        return [try builder.emit1(.gelu(approximate: approximate), [node.input(0)])]
    }

    private static func swish(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let alpha = try node.float("alpha", default: 1)
        let scaled = alpha == 1 ? x : try builder.mul(x, Double(alpha))
        return [try builder.mul(x, builder.unary(.logistic, scaled))]
    }

    private static func shrink(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let lambda = Double(try node.float("lambd", default: 0.5))
        let bias = Double(try node.float("bias", default: 0))
        let zero = try builder.number(0, like: x)
        let below = try builder.select(builder.compare(.less, x, -lambda), builder.add(x, bias), zero)
        return [try builder.select(builder.compare(.greater, x, lambda), builder.sub(x, bias), below)]
    }

    /// Bounds are attributes up to operator set 10 and operands from 11 on.
    private static func clip(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        var x = try node.input(0)
        guard node.opset >= 11 else {
            return [
                try builder.clamp(x, node.float("min").map(Double.init), node.float("max").map(Double.init))
            ]
        }
        let bounds = [node.optional(1), node.optional(2)]
        let known = bounds.map { bound in bound.flatMap { builder.constant(of: $0)?.doubles().first } }
        if builder.elementType(x) == .float32, zip(bounds, known).allSatisfy({ $0 == nil || $1 != nil }) {
            return [try builder.clamp(x, known[0], known[1])]
        }
        if let lower = bounds[0] { x = try builder.maximum(x, lower) }
        if let upper = bounds[1] { x = try builder.minimum(x, upper) }
        return [x]
    }

    private static func isNaN(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        node.resultTypes[0] = .bool
        return [try builder.compare(.notEqual, node.input(0), node.input(0))]
    }

    private static func isInfinite(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        node.resultTypes[0] = .bool
        let x = try node.input(0)
        let positive = try node.int("detect_positive", default: 1) != 0
        let negative = try node.int("detect_negative", default: 1) != 0
        switch (positive, negative) {
        case (true, true): return [try builder.compare(.equal, builder.unary(.abs, x), .infinity)]
        case (true, false): return [try builder.compare(.equal, x, .infinity)]
        case (false, true): return [try builder.compare(.equal, x, -.infinity)]
        case (false, false): return [try builder.compare(.less, builder.unary(.abs, x), -1)]
        }
    }

    /// Outside training the values pass through, and the mask, if wanted, is true everywhere.
    private static func dropout(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        if let training = node.optional(2) {
            let ratio = try node.optional(1).map { try builder.constantTensor($0, "the dropout ratio").doubles().first }
            let trains = try builder.constantTensor(training, "the training mode").doubles().first != 0
            if trains, (ratio ?? 0.5) != 0 { throw node.unsupported("dropout in training mode is not supported") }
        }
        guard node.wants(1) else { return [x] }
        node.resultTypes[1] = .bool
        return [x, try builder.fill(builder.shape(x), with: builder.number(1, .bool))]
    }

    // MARK: Trigonometry

    private static func hyperbolicSine(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let rising = try builder.unary(.exp, x)
        let falling = try builder.unary(.exp, builder.negated(x))
        return [try builder.mul(builder.sub(rising, falling), 0.5)]
    }

    private static func hyperbolicCosine(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let rising = try builder.unary(.exp, x)
        let falling = try builder.unary(.exp, builder.negated(x))
        return [try builder.mul(builder.add(rising, falling), 0.5)]
    }

    /// sqrt((1 - x)(1 + x)), exact near both ends.
    private static func cosineOfArcSine(_ x: ValueID, _ builder: GraphBuilder) throws -> ValueID {
        let one = try builder.number(1, like: x)
        return try builder.unary(.sqrt, builder.mul(builder.sub(one, x), builder.add(x, one)))
    }

    private static func arcSine(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        return [try builder.binary(.atan2, x, cosineOfArcSine(x, builder))]
    }

    private static func arcCosine(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        return [try builder.binary(.atan2, cosineOfArcSine(x, builder), x)]
    }

    /// sign(x) log(|x| + sqrt(x^2 + 1)).
    private static func areaSine(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let magnitude = try builder.unary(.abs, x)
        let root = try builder.unary(.sqrt, builder.add(builder.square(x), 1))
        return [try builder.mul(builder.unary(.sign, x), builder.unary(.log, builder.add(magnitude, root)))]
    }

    private static func areaCosine(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let root = try builder.unary(.sqrt, builder.mul(builder.sub(x, 1), builder.add(x, 1)))
        return [try builder.unary(.log, builder.add(x, root))]
    }

    private static func areaTangent(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        let x = try node.input(0)
        let one = try builder.number(1, like: x)
        let ratio = try builder.div(builder.add(x, one), builder.sub(one, x))
        return [try builder.mul(builder.unary(.log, ratio), 0.5)]
    }
}
