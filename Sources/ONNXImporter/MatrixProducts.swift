import GraphIR
import Operators
import TensorCore

/// Matrix products: FULLY_CONNECTED where the right side is a constant matrix, else BATCH_MATMUL.
enum MatrixProducts {
    static let mappings: [String: Mapping] = [
        "MatMul": { try [product($0.input(0), $0.input(1), $1)] },
        "Gemm": gemm,
        "MatMulInteger": integerProduct,
        "Einsum": Einsum.mapping,
    ]

    /// A product by NumPy's rules for any rank.
    static func product(_ left: ValueID, _ right: ValueID, _ builder: GraphBuilder) throws -> ValueID {
        let (a, b) = (builder.shape(left), builder.shape(right))
        guard a.rank >= 1, b.rank >= 1, a[-1] == (b.rank == 1 ? b[0] : b[-2]) else {
            throw Diagnostic(.badModel, at: "", "\(a) times \(b)")
        }
        if builder.elementType(left) != .float32 {
            let type = builder.elementType(left)
            let result = try product(
                builder.cast(left, to: .float32), builder.cast(right, to: .float32), builder)
            builder.assume("integer matrix products are computed in float32, exact below 2^24")
            return try builder.cast(result, to: type)
        }
        if a[-1] == 0 { return try zeroProduct(a, b, builder) }
        if b.rank == 2, builder.isWeight(right) {
            let flat = a.rank == 1 ? try builder.reshape(left, [1, a[0]]) : left
            let weights = try builder.transpose(right, [1, 0])
            let result = try fullyConnected(flat, weights, nil, builder)
            return a.rank == 1 ? try builder.reshape(result, [b[1]]) : result
        }
        let wideLeft = a.rank == 1 ? try builder.reshape(left, [1, a[0]]) : left
        let wideRight = b.rank == 1 ? try builder.reshape(right, [b[0], 1]) : right
        let result = try builder.emit1(.batchMatMul(BatchMatMul()), [wideLeft, wideRight])
        var dimensions = builder.shape(result).dimensions
        if b.rank == 1 { dimensions.removeLast() }
        if a.rank == 1 { dimensions.remove(at: dimensions.count - (b.rank == 1 ? 1 : 2)) }
        return try builder.reshape(result, dimensions)
    }

    private static func zeroProduct(_ a: Shape, _ b: Shape, _ builder: GraphBuilder) throws -> ValueID {
        guard
            let outer = Shape.broadcast(
                Shape(Array(a.dimensions.dropLast(2))), Shape(Array(b.dimensions.dropLast(2))))
        else { throw Diagnostic(.badModel, at: "", "\(a) times \(b)") }
        let inner = (a.rank > 1 ? [a[-2]] : []) + (b.rank > 1 ? [b[-1]] : [])
        return try builder.fill(Shape(outer.dimensions + inner), with: builder.number(0, .float32))
    }

    static func fullyConnected(
        _ input: ValueID, _ weights: ValueID, _ bias: ValueID?, _ builder: GraphBuilder
    ) throws -> ValueID {
        let op = FullyConnected(keepDimensions: builder.shape(input).rank != 2)
        return try builder.emit1(.fullyConnected(op), [input, weights, bias])
    }

    /// alpha A' B' + beta C.
    private static func gemm(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        var left = try node.input(0)
        var right = try node.input(1)
        let type = builder.elementType(left)
        guard builder.shape(left).rank == 2, builder.shape(right).rank == 2 else {
            throw node.bad("its operands must be matrices")
        }
        left = try builder.cast(left, to: .float32)
        right = try builder.cast(right, to: .float32)
        if try node.int("transA", default: 0) != 0 { left = try builder.transpose(left, [1, 0]) }
        let transposed = try node.int("transB", default: 0) != 0
        let alpha = Double(try node.float("alpha", default: 1))
        let beta = Double(try node.float("beta", default: 1))
        let isConstant = builder.constant(of: right) != nil
        if alpha != 1, isConstant { right = try builder.mul(right, alpha) }
        var bias = try node.optional(2).map { try builder.cast($0, to: .float32) }
        if let addend = bias, beta != 1 { bias = try builder.mul(addend, beta) }
        guard beta != 0 else { return [try gemmProduct(left, right, transposed, alpha, nil, builder)] }
        let columns = builder.shape(right)[transposed ? 0 : 1]
        if let addend = bias, isConstant, builder.constant(of: addend) != nil, builder.shape(addend).rank > 0,
            builder.shape(addend).elementCount == columns, builder.shape(addend)[-1] == columns || columns == 1
        {
            bias = try builder.reshape(addend, [columns])
            return [try gemmProduct(left, right, transposed, alpha, bias, builder)]
        }
        var result = try gemmProduct(left, right, transposed, alpha, nil, builder)
        if let bias { result = try builder.add(result, bias) }
        return [try builder.cast(result, to: type)]
    }

    private static func gemmProduct(
        _ left: ValueID, _ right: ValueID, _ transposed: Bool, _ alpha: Double, _ bias: ValueID?,
        _ builder: GraphBuilder
    ) throws -> ValueID {
        if builder.constant(of: right) != nil {
            let weights = transposed ? right : try builder.transpose(right, [1, 0])
            return try fullyConnected(left, weights, bias, builder)
        }
        let result = try builder.emit1(.batchMatMul(BatchMatMul(adjointRight: transposed)), [left, right])
        return alpha == 1 ? result : try builder.mul(result, alpha)
    }

    /// Products of 8-bit codes without their zero points, exact in float32 up to 2^24.
    private static func integerProduct(_ node: NodeContext, _ builder: GraphBuilder) throws -> [ValueID?] {
        node.resultTypes[0] = .int32
        func shifted(_ index: Int, rows: Bool) throws -> ValueID {
            let value = try builder.cast(Quantization.raw(node.input(index), builder), to: .float32)
            guard let zeroPoint = node.optional(index + 2) else { return value }
            var offset = try builder.cast(zeroPoint, to: .float32)
            if rows, builder.shape(offset).rank == 1, builder.shape(offset)[0] > 1 {
                offset = try builder.reshape(offset, [builder.shape(offset)[0], 1])
            }
            return try builder.sub(value, offset)
        }
        let result = try product(shifted(0, rows: true), shifted(1, rows: false), builder)
        return [try builder.cast(result, to: .int32)]
    }
}
