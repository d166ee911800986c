import Operators
import TensorCore

/// The sums of products behind an operator's result, before any scaling.
package struct ExactSums: Sendable {
    /// In the order of the result's elements, each with its bias.
    package var sums: [Int64]
    /// The real number that 1 stands for, by index along the last axis: the product of both operands' scales, which
    /// binary64 holds exactly.
    package var units: [Double]
    /// To be applied to the real result.
    package var activation: Activation
}

extension ReferenceKernels {
    /// The sums of a convolution or matrix product of codes, without any rounding; nil for other operators.
    ///
    /// - Throws: `Diagnostic` (.badModel for shapes and parameters that do not fit, .unsupported for sums that 64 bits may
    ///   not hold).
    package static func exactSums(of op: Operator, inputs: [Tensor?], output: TensorType) throws -> ExactSums? {
        let call = Invocation(name: op.name, inputs: inputs, outputs: [output])
        switch op {
        case .conv2D(let op): return try sums(of: .window(try window(op, call)), op.activation, call)
        case .depthwiseConv2D(let op): return try sums(of: .window(try window(op, call)), op.activation, call)
        case .transposeConv(let op): return try sums(of: .window(try window(op, call)), op.activation, call)
        case .fullyConnected(let op):
            let (input, weights) = (try call.input(0), try call.input(1))
            guard weights.shape.rank == 2, weights.shape[1] > 0, input.count % weights.shape[1] == 0 else {
                throw call.badShape()
            }
            let product = MatrixProduct(
                rows: input.count / weights.shape[1], depth: weights.shape[1], columns: weights.shape[0])
            guard output.shape.elementCount == product.rows * product.columns else { throw call.badShape() }
            return try sums(of: .matrix(product, input, weights), op.activation, call)
        case .batchMatMul(let op):
            let (left, right) = (try call.input(0), try call.input(1))
            let batches = try BatchedProduct(op, left.shape, right.shape, output.shape, call)
            return try sums(of: .batches(batches, left, right), .none, call)
        default: return nil
        }
    }

    private static func sums(of work: Products, _ activation: Activation, _ call: Invocation) throws -> ExactSums {
        let (left, right) = (work.left, work.right)
        let units = try call.weightScales(right, count: work.channels).map { [scale = try call.affine(left).scale] in
            Double(scale) * Double($0)
        }
        let bias = try work.biasIndex.map { try call.integerBias($0, count: work.channels, as: Int64.self) }
        // Narrow sums are much faster, and exact where no sum can leave 32 bits.
        let largest = try call.largestCode(left).multipliedReportingOverflow(by: try call.largestCode(right))
        let bound = largest.partialValue.multipliedReportingOverflow(by: Int64(work.depth))
        guard !largest.overflow, !bound.overflow, bound.partialValue < Int64.max / 2 else {
            throw call.unsupported("sums of more than 64 bits")
        }
        let sums =
            bound.partialValue <= Int64(Int32.max)
            ? try work.sums(bias, call, Int32.self) : try work.sums(bias, call, Int64.self)
        return ExactSums(sums: sums, units: units, activation: activation)
    }
}

/// Sums of products, of whatever operator.
private enum Products {
    case window(SlidingWindow)
    case matrix(MatrixProduct, Tensor, Tensor)
    case batches(BatchedProduct, Tensor, Tensor)

    var left: Tensor {
        switch self {
        case .window(let window): window.input
        case .matrix(_, let left, _), .batches(_, let left, _): left
        }
    }

    var right: Tensor {
        switch self {
        case .window(let window): window.weights
        case .matrix(_, _, let right), .batches(_, _, let right): right
        }
    }

    var biasIndex: Int? {
        switch self {
        case .window(let window): window.biasIndex
        case .matrix: 2
        case .batches: nil
        }
    }

    /// The result's last extent.
    var channels: Int {
        switch self {
        case .window(let window): window.results
        case .matrix(let product, _, _): product.columns
        case .batches(let batches, _, _): batches.product.columns
        }
    }

    /// Products in one sum at most.
    var depth: Int {
        switch self {
        case .window(let window): window.geometry.taps * window.channels
        case .matrix(let product, _, _): product.depth
        case .batches(let batches, _, _): batches.product.depth
        }
    }

    func sums<A: IntegerAccumulator>(_ bias: [Int64]?, _ call: Invocation, _: A.Type) throws -> [Int64] {
        let a = try call.centered(left, zeroPoint: try call.affine(left).zeroPoint, as: A.self)
        let b = try call.centered(right, zeroPoint: try call.zeroPoint(of: right), as: A.self)
        let bias = bias ?? [Int64](repeating: 0, count: channels)
        var result = [Int64](repeating: 0, count: try call.output().shape.elementCount)
        result.withUnsafeMutableBufferPointer { result in
            bias.withUnsafeBufferPointer { bias in
                func finish(_ start: Int, _ sums: UnsafeBufferPointer<A>) {
                    for c in sums.indices { result[start + c] = Int64(sums[c]) &+ bias[c] }
                }
                switch self {
                case .window(let window): window.forEachPixel(input: a, weights: b) { finish($1, $2) }
                case .matrix(let product, _, _):
                    product.run(a, product.transposed(b)) { finish($0 * product.columns, $1) }
                case .batches(let batches, _, _): batches.run(a, b) { finish($1, $2) }
                }
            }
        }
        return result
    }
}

extension Invocation {
    /// The zero point of a right operand: of all of it, or 0 for one scale per channel.
    fileprivate func zeroPoint(of tensor: Tensor) throws -> Int32 {
        tensor.type.quantization?.scales.count == 1 ? try affine(tensor).zeroPoint : try weightZeroPoint(tensor)
    }

    /// The largest magnitude that a code minus its zero point can have.
    fileprivate func largestCode(_ tensor: Tensor) throws -> Int64 {
        guard let range = tensor.elementType.integerRange, tensor.elementType.byteCount <= 2 else {
            throw unsupported()
        }
        let zeroPoint = Int64(try self.zeroPoint(of: tensor))
        return max(abs(range.lowerBound - zeroPoint), abs(range.upperBound - zeroPoint))
    }
}
