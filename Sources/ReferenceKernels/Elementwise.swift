import Operators
import TensorCore

extension ReferenceKernels {
    static func binary(_ op: Binary, _ call: Invocation) throws -> Tensor {
        try call.inSinglePrecision { call in
            let type = try call.input(0).elementType
            guard let result = try withNumber(type, BinaryKernel(op: op, call: call)) else { throw call.unsupported() }
            return result
        }
    }

    private struct BinaryKernel: NumberKernel {
        let op: Binary
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> Tensor {
            let apply = try function(T.self)
            let (lower, upper) = (op.activation.bounds.lower, op.activation.bounds.upper)
            guard lower != nil || upper != nil else { return try ReferenceKernels.zipped(call, T.self, T.self, apply) }
            let (least, most) = (lower.map { T(Int32($0)) }, upper.map { T(Int32($0)) })
            return try ReferenceKernels.zipped(call, T.self, T.self) { a, b in
                var value = try apply(a, b)
                if let least, value < least { value = least }
                if let most, most < value { value = most }
                return value
            }
        }

        private func function<T: Number>(_: T.Type) throws -> (T, T) throws -> T {
            let zeroDivisor = Diagnostic(.badData, at: call.name, "an integer is divided by 0")
            switch op.kind {
            case .add: return { $0.adding($1) }
            case .sub: return { $0.subtracting($1) }
            case .mul: return { $0.multiplying($1) }
            case .maximum: return { $0 > $1 ? $0 : $1 }
            case .minimum: return { $0 < $1 ? $0 : $1 }
            case .squaredDifference:
                return { a, b in
                    let difference = a.subtracting(b)
                    return difference.multiplying(difference)
                }
            case .div:
                return { a, b in
                    guard let quotient = a.dividing(b) else { throw zeroDivisor }
                    return quotient
                }
            case .floorDiv:
                return { a, b in
                    guard let quotient = a.floorDividing(b) else { throw zeroDivisor }
                    return quotient
                }
            case .floorMod:
                return { a, b in
                    guard let remainder = a.floorRemainder(b) else { throw zeroDivisor }
                    return remainder
                }
            case .pow:
                let negative = Diagnostic(.badData, at: call.name, "an integer is raised to a negative power")
                return { a, b in
                    guard let power = a.raised(to: b) else { throw negative }
                    return power
                }
            case .atan2:
                if T.self == Float.self, let result = arcTangent(Float.self) as? (T, T) -> T { return result }
                if T.self == Double.self, let result = arcTangent(Double.self) as? (T, T) -> T { return result }
                throw call.unsupported()
            }
        }

        private func arcTangent<T: RealNumber>(_: T.Type) -> (T, T) -> T { { T.arcTangent($0, $1) } }
    }

    /// Applies `function` to two operands that broadcast to the result's shape.
    static func zipped<T: TensorElement, R: TensorElement>(
        _ call: Invocation, _: T.Type, _: R.Type, _ function: (T, T) throws -> R
    ) throws -> Tensor {
        let (left, right) = (try call.input(0), try call.input(1))
        var result = Tensor(zeros: try call.output())
        let shape = result.shape
        guard left.elementType == right.elementType, Shape.broadcast(left.shape, right.shape) == shape else {
            throw call.unsupported()
        }
        let walk = RowWalk(
            shape.dimensions,
            strides: [
                shape.strides, left.shape.broadcastStrides(to: shape), right.shape.broadcastStrides(to: shape),
            ])
        let (count, leftStep, rightStep) = (walk.rowLength, walk.step(1), walk.step(2))
        try left.withElements(of: T.self) { a in
            try right.withElements(of: T.self) { b in
                try result.withMutableElements(of: R.self) { output in
                    try walk.forEachRow { offsets in
                        for index in 0..<count {
                            output[offsets[0] + index] = try function(
                                a[offsets[1] + index * leftStep], b[offsets[2] + index * rightStep])
                        }
                    }
                }
            }
        }
        return result
    }

    /// Applies `function` to every element of the first operand.
    static func mapped<T: TensorElement, R: TensorElement>(
        _ call: Invocation, _: T.Type, _: R.Type, _ function: (T) throws -> R
    ) throws -> Tensor {
        let input = try call.input(0)
        var result = Tensor(zeros: try call.output())
        guard input.count == result.count else { throw call.unsupported() }
        try input.withElements(of: T.self) { source in
            try result.withMutableElements(of: R.self) { output in
                for index in output.indices { output[index] = try function(source[index]) }
            }
        }
        return result
    }

    static func compare(_ kind: Comparison, _ call: Invocation) throws -> Tensor {
        try call.inSinglePrecision { call in
            let type = try call.input(0).elementType
            if type == .bool, kind == .equal || kind == .notEqual {
                return try zipped(call, UInt8.self, UInt8.self) { ($0 != 0) == ($1 != 0) ? yes(kind) : 1 - yes(kind) }
            }
            guard let result = try withNumber(type, CompareKernel(kind: kind, call: call)) else {
                throw call.unsupported()
            }
            return result
        }
    }

    /// The answer to two equal bools.
    private static func yes(_ kind: Comparison) -> UInt8 { kind == .equal ? 1 : 0 }

    private struct CompareKernel: NumberKernel {
        let kind: Comparison
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> Tensor {
            let holds: (T, T) -> Bool =
                switch kind {
                case .equal: { $0 == $1 }
                case .notEqual: { $0 != $1 }
                case .less: { $0 < $1 }
                case .lessEqual: { $0 <= $1 }
                case .greater: { $0 > $1 }
                case .greaterEqual: { $0 >= $1 }
                }
            return try ReferenceKernels.zipped(call, T.self, UInt8.self) { holds($0, $1) ? 1 : 0 }
        }
    }

    static func logical(_ kind: Logical, _ call: Invocation) throws -> Tensor {
        guard try call.input(0).elementType == .bool else { throw call.unsupported() }
        switch kind {
        case .and: return try zipped(call, UInt8.self, UInt8.self) { $0 != 0 && $1 != 0 ? 1 : 0 }
        case .or: return try zipped(call, UInt8.self, UInt8.self) { $0 != 0 || $1 != 0 ? 1 : 0 }
        }
    }

    /// SELECT_V2: every operand broadcasts.
    static func select(_ call: Invocation) throws -> Tensor {
        let (condition, yes, no) = (try call.input(0), try call.input(1), try call.input(2))
        let type = try call.output()
        guard condition.elementType == .bool, yes.elementType == no.elementType, yes.elementType == type.elementType
        else { throw call.unsupported() }
        var result = Tensor(zeros: type)
        let shape = type.shape
        var chosen = Tensor(zeros: TensorType(.bool, shape))
        chosen.copy(
            shape.dimensions, to: StridedView(strides: shape.strides), from: condition,
            StridedView(strides: condition.shape.broadcastStrides(to: shape)))
        result.copy(
            shape.dimensions, to: StridedView(strides: shape.strides), from: no,
            StridedView(strides: no.shape.broadcastStrides(to: shape)))
        var other = Tensor(zeros: type)
        other.copy(
            shape.dimensions, to: StridedView(strides: shape.strides), from: yes,
            StridedView(strides: yes.shape.broadcastStrides(to: shape)))
        let size = type.elementType.byteCount
        chosen.withElements(of: UInt8.self) { flags in
            other.withUnsafeBytes { source in
                result.withUnsafeMutableBytes { output in
                    for index in flags.indices where flags[index] != 0 {
                        for byte in index * size..<(index + 1) * size { output[byte] = source[byte] }
                    }
                }
            }
        }
        return result
    }
}
