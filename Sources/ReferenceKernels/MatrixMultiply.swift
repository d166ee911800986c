import Operators
import TensorCore

extension ReferenceKernels {
    static func fullyConnected(_ op: FullyConnected, _ call: Invocation) throws -> Tensor {
        let (input, weights, output) = (try call.input(0), try call.input(1), try call.output())
        guard weights.shape.rank == 2, weights.shape[1] > 0, input.count % weights.shape[1] == 0 else {
            throw call.badShape()
        }
        let product = MatrixProduct(
            rows: input.count / weights.shape[1], depth: weights.shape[1], columns: weights.shape[0])
        guard output.shape.elementCount == product.rows * product.columns else { throw call.badShape() }
        switch (input.elementType, weights.elementType) {
        case (.float32, .float32):
            let bias = try call.floatBias(2, count: product.columns)
            return try floatResult(call) { result in
                product.run(input.elements(of: Float.self), product.transposed(weights.elements())) { row, sums in
                    for c in 0..<sums.count {
                        result[row * product.columns + c] = op.activation.apply(sums[c] + bias[c])
                    }
                }
            }
        case (.float32, .int8): return try hybridFullyConnected(op, product, call)
        case (.int8, .int8): return try quantizedFullyConnected(op, product, Int8.self, Int32.self, call)
        case (.uint8, .uint8): return try quantizedFullyConnected(op, product, UInt8.self, Int32.self, call)
        case (.int16, .int8):
            if call.optional(2)?.elementType == .int32 {
                return try quantizedFullyConnected(op, product, Int16.self, Int32.self, call)
            }
            return try quantizedFullyConnected(op, product, Int16.self, Int64.self, call)
        default: throw call.unsupported()
        }
    }

    static func batchMatMul(_ op: BatchMatMul, _ call: Invocation) throws -> Tensor {
        let (left, right) = (try call.input(0), try call.input(1))
        let batches = try BatchedProduct(op, left.shape, right.shape, try call.output().shape, call)
        switch (left.elementType, right.elementType) {
        case (.float32, .float32):
            return try floatResult(call) { result in
                batches.run(left.elements(of: Float.self), right.elements()) { _, start, sums in
                    for c in 0..<sums.count { result[start + c] = sums[c] }
                }
            }
        case (.float32, .int8): return try hybridBatchMatMul(op, batches, call)
        case (.int8, .int8): return try quantizedBatchMatMul(batches, Int8.self, Int32.self, call)
        case (.int16, .int16), (.int16, .int8): return try quantizedBatchMatMul(batches, Int16.self, Int64.self, call)
        default: throw call.unsupported()
        }
    }
}

/// `[rows, depth]` times `[depth, columns]`.
struct MatrixProduct {
    let rows: Int
    let depth: Int
    let columns: Int

    /// `[columns, depth]` as `[depth, columns]`.
    func transposed<T>(_ values: [T]) -> [T] {
        (0..<depth).flatMap { k in (0..<columns).map { values[$0 * depth + k] } }
    }

    func run<A: Accumulator>(
        _ left: [A], _ right: [A], finish: (_ row: Int, _ sums: UnsafeBufferPointer<A>) -> Void
    ) {
        left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in
                ConvolutionLoops.matrixProduct(
                    left, right, rows: rows, depth: depth, columns: columns, finish: finish)
            }
        }
    }
}

/// Matrix products over broadcast outer axes.
struct BatchedProduct {
    let product: MatrixProduct
    let op: BatchMatMul
    /// For every product the index of its left and right matrix.
    private(set) var pairs: [(left: Int, right: Int)] = []

    init(_ op: BatchMatMul, _ left: Shape, _ right: Shape, _ output: Shape, _ call: Invocation) throws {
        guard left.rank >= 2, right.rank >= 2 else { throw call.badShape() }
        let (m, k) = op.adjointLeft ? (left[-1], left[-2]) : (left[-2], left[-1])
        let (k2, n) = op.adjointRight ? (right[-1], right[-2]) : (right[-2], right[-1])
        let outerLeft = Shape(Array(left.dimensions.dropLast(2)))
        let outerRight = Shape(Array(right.dimensions.dropLast(2)))
        guard k == k2, let outer = Shape.broadcast(outerLeft, outerRight),
            output.elementCount == outer.elementCount * m * n
        else { throw call.badShape() }
        self.op = op
        product = MatrixProduct(rows: m, depth: k, columns: n)
        let (stepsLeft, stepsRight) = (outerLeft.broadcastStrides(to: outer), outerRight.broadcastStrides(to: outer))
        for index in 0..<outer.elementCount {
            var rest = index
            var pair = (left: 0, right: 0)
            for axis in stride(from: outer.rank - 1, through: 0, by: -1) {
                pair.left += rest % outer[axis] * stepsLeft[axis]
                pair.right += rest % outer[axis] * stepsRight[axis]
                rest /= outer[axis]
            }
            pairs.append(pair)
        }
    }

    /// Calls `finish` for every row of every product with the row's index among all rows of left matrices, the first
    /// output index and the sums.
    func run<A: Accumulator>(
        _ left: [A], _ right: [A], finish: (_ leftRow: Int, _ start: Int, _ sums: UnsafeBufferPointer<A>) -> Void
    ) {
        let (sizeLeft, sizeRight) = (product.rows * product.depth, product.depth * product.columns)
        for (index, pair) in pairs.enumerated() {
            var a = Array(left[pair.left * sizeLeft..<(pair.left + 1) * sizeLeft])
            var b = Array(right[pair.right * sizeRight..<(pair.right + 1) * sizeRight])
            if op.adjointLeft {
                a = MatrixProduct(rows: 0, depth: product.rows, columns: product.depth).transposed(a)
            }
            if op.adjointRight { b = product.transposed(b) }
            product.run(a, b) { row, sums in
                finish(pair.left * product.rows + row, (index * product.rows + row) * product.columns, sums)
            }
        }
    }
}
