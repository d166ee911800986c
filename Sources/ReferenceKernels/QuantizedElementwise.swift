import Operators
import TensorCore

extension ReferenceKernels {
    static func quantizedBinary(_ op: Binary, _ call: Invocation) throws -> Tensor {
        switch try call.input(0).elementType {
        case .int8: return try quantizedBinary(op, Int8.self, call)
        case .uint8: return try quantizedBinary(op, UInt8.self, call)
        case .int16: return try quantizedBinary(op, Int16.self, call)
        default: throw call.unsupported()
        }
    }

    private static func quantizedBinary<C: Code>(_ op: Binary, _: C.Type, _ call: Invocation) throws -> Tensor {
        let type = try call.output()
        guard type.elementType == C.elementType else { throw call.unsupported("a result of \(type)") }
        if op.kind == .maximum || op.kind == .minimum {
            return try zipped(call, C.self, C.self) { op.kind == .maximum ? max($0, $1) : min($0, $1) }
        }
        let (a, b) = (try call.affine(try call.input(0)), try call.affine(try call.input(1)))
        let output = try call.affine(type)
        let range = call.codeRange(op.activation, output, of: C.self)
        let function: (Int32, Int32) throws -> Int32
        switch op.kind {
        case .add, .sub:
            let common = CommonScale(a, b, leftShift: C.self == Int16.self ? 15 : 20)
            let factor = common.outputFactor(output.scale)
            let sign: Int32 = op.kind == .add ? 1 : -1
            function = { x, y in
                FixedPoint.multiply(common.left(x) &+ sign &* common.right(y), by: factor)
            }
        case .mul:
            let factor = QuantizedMultiplier(Double(a.scale * b.scale / output.scale))
            function = { FixedPoint.multiply($0 &* $1, by: factor) }
        case .squaredDifference:
            guard C.self == Int8.self else { throw call.unsupported() }
            let common = CommonScale(a, b, leftShift: 7)
            let factor = common.squareFactor(output.scale)
            function = { x, y in
                let difference = common.left(x) &- common.right(y)
                return FixedPoint.multiply(difference &* difference, by: factor)
            }
        case .div:
            guard C.self != Int16.self else { throw call.unsupported() }
            let factor = QuantizedMultiplier(Double(a.scale / (b.scale * output.scale)))
            function = { x, y in
                guard y != 0 else { throw Diagnostic(.badData, at: call.name, "division by a quantised zero") }
                return quotient(x, y, factor)
            }
        case .maximum, .minimum, .pow, .floorDiv, .floorMod, .atan2: throw call.unsupported()
        }
        return try zipped(call, C.self, C.self) { x, y in
            let result = try function(Int32(x) &- a.zeroPoint, Int32(y) &- b.zeroPoint)
            return range.clamp(result &+ output.zeroPoint, as: C.self)
        }
    }

    /// Source: LiteRT `DivElementwise` (kernels/internal/reference/div.h).
    private static func quotient(_ x: Int32, _ y: Int32, _ factor: QuantizedMultiplier) -> Int32 {
        let (x, y) = y < 0 ? (0 &- x, 0 &- y) : (x, y)
        let (reciprocal, bits) = FixedPointFunctions.reciprocal(y, integerBits: 31)
        let headroom = Int32((x ^ (x >> 31)).leadingZeroBitCount - 1)
        let unscaled = FixedPoint.multiply(x, by: QuantizedMultiplier(multiplier: reciprocal, shift: headroom))
        let shift = factor.shift &- Int32(bits) &- headroom
        // LiteRT shifts by 32 and more, which its compiler leaves undefined; the quotient rounds to 0 there.
        guard shift >= -31 else { return 0 }
        return FixedPoint.multiply(
            unscaled, by: QuantizedMultiplier(multiplier: factor.multiplier, shift: shift))
    }

    /// Both operands are brought to a common unit in 8 more bits, then compared.
    ///
    /// Source: LiteRT `ComparisonQuantized` (kernels/comparisons.cc).
    static func quantizedCompare(_ kind: Comparison, _ call: Invocation) throws -> Tensor {
        let (a, b) = (try call.affine(try call.input(0)), try call.affine(try call.input(1)))
        let (left, right) = (QuantizedMultiplier(Double(a.scale)), QuantizedMultiplier(Double(b.scale)))
        func run<C: Code>(_: C.Type) throws -> Tensor {
            try zipped(call, C.self, Bool.self) { x, y in
                let p = FixedPoint.multiply((Int32(x) &- a.zeroPoint) << 8, by: left)
                let q = FixedPoint.multiply((Int32(y) &- b.zeroPoint) << 8, by: right)
                switch kind {
                case .equal: return p == q
                case .notEqual: return p != q
                case .less: return p < q
                case .lessEqual: return p <= q
                case .greater: return p > q
                case .greaterEqual: return p >= q
                }
            }
        }
        guard try call.output().elementType == .bool else { throw call.unsupported() }
        switch try call.input(0).elementType {
        case .int8: return try run(Int8.self)
        case .uint8: return try run(UInt8.self)
        case .int16: return try run(Int16.self)
        default: throw call.unsupported()
        }
    }
}

/// Two operands in units of a `2^-leftShift`th of twice the larger scale.
///
/// Source: LiteRT `Prepare` of ADD, SUB and SQUARED_DIFFERENCE.
private struct CommonScale {
    private let twiceLargest: Float
    private let leftFactor: QuantizedMultiplier
    private let rightFactor: QuantizedMultiplier
    private let leftShift: Int32

    init(_ a: Affine, _ b: Affine, leftShift: Int32) {
        twiceLargest = 2 * max(a.scale, b.scale)
        leftFactor = QuantizedMultiplier(Double(a.scale) / Double(twiceLargest))
        rightFactor = QuantizedMultiplier(Double(b.scale) / Double(twiceLargest))
        self.leftShift = leftShift
    }

    func left(_ value: Int32) -> Int32 { FixedPoint.multiply(value << leftShift, by: leftFactor) }
    func right(_ value: Int32) -> Int32 { FixedPoint.multiply(value << leftShift, by: rightFactor) }

    func outputFactor(_ scale: Float) -> QuantizedMultiplier {
        QuantizedMultiplier(Double(twiceLargest) / Double(Float(1 << leftShift) * scale))
    }

    func squareFactor(_ scale: Float) -> QuantizedMultiplier {
        QuantizedMultiplier(
            Double(twiceLargest) * Double(twiceLargest) / Double(Float(1 << (2 * leftShift)) * scale))
    }
}
