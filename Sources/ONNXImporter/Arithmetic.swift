import GraphIR
import Operators
import TensorCore

/// Arithmetic on values, for mappings that put an operator together from others.
extension GraphBuilder {
    // MARK: Element types

    /// The value in the type it is computed in: floating-point types become float32.
    func compute(_ value: ValueID) throws -> ValueID {
        switch elementType(value) {
        case .float16, .float64:
            guard let tensor = constant(of: value) else { return try cast(value, to: .float32) }
            let widened = Tensor(tensor.doubles().map { Float($0) }, shape: tensor.shape)
            return constant(widened, name: graph[value].name)
        default: return value
        }
    }

    /// float32 to a narrower floating-point type, at the border of the graph.
    func narrow(_ value: ValueID, to type: ElementType) throws -> ValueID { try cast(value, to: type) }

    func cast(_ value: ValueID, to type: ElementType) throws -> ValueID {
        elementType(value) == type ? value : try emit1(.cast(to: type), [value])
    }

    /// Computes `body` in one of `native`: operands of other types are converted, and the result back to the first
    /// operand's type when `restores`.
    func widened(
        _ values: [ValueID], native: Set<ElementType>, restores: Bool = true, _ body: ([ValueID]) throws -> ValueID
    ) throws -> ValueID {
        let type = elementType(values[0])
        if native.contains(type) { return try body(values) }
        let wide: ElementType? =
            switch type {
            case .bool, .int4, .int8, .uint8, .int16, .uint16: native.contains(.int32) ? .int32 : .float32
            case .int32, .uint32, .int64, .uint64: native.contains(.int64) ? .int64 : .int32
            default: nil
            }
        guard let wide, native.contains(wide) else {
            throw Diagnostic(.unsupported, at: "", "operands of type \(type.rawValue) are not supported")
        }
        let result = try body(values.map { try cast($0, to: wide) })
        return restores ? try cast(result, to: type) : result
    }

    // MARK: Two operands

    static let arithmeticTypes: Set<ElementType> = [.float32, .int32, .int64]

    func binary(_ kind: Binary.Kind, _ a: ValueID, _ b: ValueID) throws -> ValueID {
        let native: Set<ElementType> =
            switch kind {
            case .add, .sub, .mul, .floorMod, .floorDiv: Self.arithmeticTypes
            case .div: [.float32, .int32, .int64]
            case .maximum, .minimum: [.float32, .int32, .int64, .int8, .uint8, .int16]
            case .pow, .squaredDifference: [.float32, .int32]
            case .atan2: [.float32]
            }
        return try widened([a, b], native: native) { try self.emit1(.binary(Binary(kind)), [$0[0], $0[1]]) }
    }

    func add(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.add, a, b) }
    func sub(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.sub, a, b) }
    func mul(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.mul, a, b) }
    func div(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.div, a, b) }
    func maximum(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.maximum, a, b) }
    func minimum(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.minimum, a, b) }

    func add(_ a: ValueID, _ b: Double) throws -> ValueID { try add(a, number(b, like: a)) }
    func sub(_ a: ValueID, _ b: Double) throws -> ValueID { try sub(a, number(b, like: a)) }
    func mul(_ a: ValueID, _ b: Double) throws -> ValueID { try mul(a, number(b, like: a)) }
    func div(_ a: ValueID, _ b: Double) throws -> ValueID { try div(a, number(b, like: a)) }
    func maximum(_ a: ValueID, _ b: Double) throws -> ValueID { try maximum(a, number(b, like: a)) }
    func minimum(_ a: ValueID, _ b: Double) throws -> ValueID { try minimum(a, number(b, like: a)) }

    func compare(_ kind: Comparison, _ a: ValueID, _ b: ValueID) throws -> ValueID {
        let native: Set<ElementType> =
            kind == .equal || kind == .notEqual
            ? [.float32, .int32, .int64, .bool] : [.float32, .int32, .int64]
        return try widened([a, b], native: native, restores: false) { try self.emit1(.compare(kind), [$0[0], $0[1]]) }
    }

    func compare(_ kind: Comparison, _ a: ValueID, _ b: Double) throws -> ValueID {
        try compare(kind, a, number(b, like: a))
    }

    func select(_ condition: ValueID, _ yes: ValueID, _ no: ValueID) throws -> ValueID {
        try emit1(.select, [condition, yes, no])
    }

    // MARK: One operand

    func unary(_ kind: Unary, _ value: ValueID) throws -> ValueID {
        switch kind {
        case .abs:
            if elementType(value) == .int64 { return try maximum(value, negated(value)) }
            if [.uint8, .uint16, .uint32, .uint64].contains(elementType(value)) { return value }
            return try widened([value], native: [.float32, .int32]) { try self.emit1(.unary(.abs), $0) }
        case .neg:
            return try widened([value], native: Self.arithmeticTypes) { try self.emit1(.unary(.neg), $0) }
        case .sign:
            return try widened([value], native: [.float32, .int32]) { try self.emit1(.unary(.sign), $0) }
        case .logicalNot:
            return try emit1(.unary(.logicalNot), [value])
        case .relu where elementType(value) != .float32:
            return try maximum(value, 0)
        default:
            guard elementType(value) == .float32 else {
                throw Diagnostic(
                    .unsupported, at: "", "\(kind.rawValue) of \(elementType(value).rawValue) is not supported")
            }
            return try emit1(.unary(kind), [value])
        }
    }

    func negated(_ value: ValueID) throws -> ValueID { try unary(.neg, value) }
    func reciprocal(_ value: ValueID) throws -> ValueID { try div(number(1, like: value), value) }
    func square(_ value: ValueID) throws -> ValueID { try mul(value, value) }

    /// `value` between two bounds, with the fused forms where the bounds are theirs.
    func clamp(_ value: ValueID, _ lower: Double?, _ upper: Double?) throws -> ValueID {
        let lower = lower == -.infinity ? nil : lower
        let upper = upper == .infinity ? nil : upper
        if elementType(value) == .float32 {
            switch (lower, upper) {
            case (0, nil): return try unary(.relu, value)
            case (0, 6): return try unary(.relu6, value)
            case (-1, 1): return try unary(.reluN1To1, value)
            case (0, 1): return try unary(.relu0To1, value)
            default: break
            }
        }
        var result = value
        if let lower { result = try maximum(result, lower) }
        if let upper { result = try minimum(result, upper) }
        return result
    }

    /// True where it is known that no element is negative.
    func isNonNegative(_ value: ValueID) -> Bool {
        var budget = 64
        return isNonNegative(value, &budget)
    }

    /// `budget` is how many more values may be looked at.
    private func isNonNegative(_ value: ValueID, _ budget: inout Int) -> Bool {
        budget -= 1
        if let tensor = constant(of: value) {
            return tensor.count <= 1 << 16 && tensor.doubles().allSatisfy { $0 >= 0 }
        }
        guard budget > 0, let node = graph.producer(of: value) else {
            return [.uint8, .uint16, .uint32, .uint64, .bool].contains(elementType(value))
        }
        func operand(_ index: Int) -> Bool {
            guard index < node.inputs.count, let input = node.inputs[index] else { return false }
            return isNonNegative(input, &budget)
        }
        switch node.op {
        case .argument, .shape, .oneHot: return true
        case .unary(let kind):
            switch kind {
            case .relu, .relu6, .relu0To1, .logistic, .exp, .abs, .square, .sqrt: return true
            case .floor, .ceil, .round: return operand(0)
            default: return false
            }
        case .softmax: return true
        case .topK: return value == node.outputs.last
        case .binary(let binary):
            switch binary.kind {
            case .maximum: return operand(0) || operand(1)
            case .add, .mul, .minimum, .div, .floorDiv: return operand(0) && operand(1)
            case .floorMod: return operand(1)
            case .squaredDifference: return true
            default: return false
            }
        case .select: return operand(1) && operand(2)
        case .cast, .reshape, .transpose, .slice, .stridedSlice, .tile, .broadcastTo, .expandDims, .squeeze, .gather,
            .gatherND, .unpack, .splitV, .pad, .mirrorPad, .maxPool2D, .averagePool2D, .reverse:
            return operand(0)
        case .split: return operand(1)
        case .concatenation, .pack: return node.inputs.indices.allSatisfy { operand($0) }
        default: return false
        }
    }
}
