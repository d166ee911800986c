import Operators
import TensorCore

extension ReferenceKernels {
    /// Reductions. Sums and means of up to ``longestOrderedSum`` float32 elements are accumulated one after the other in
    /// float32, as LiteRT's reference kernels do; longer ones, and other floats, in binary64 with one rounding. Integers
    /// wrap, their means truncate. A maximum or minimum of nothing is the least or greatest value.
    static func reduce(_ op: Reduction, _ call: Invocation) throws -> Tensor {
        try call.inSinglePrecision { call in
            let input = try call.input(0)
            let rows = try ReducedRows(input, axes: try call.integers(1), call)
            if input.elementType == .bool {
                guard op.kind == .any || op.kind == .all else { throw call.unsupported() }
                return try rows.reduce(try call.output(), of: UInt8.self) { row in
                    op.kind == .any ? (row.contains { $0 != 0 } ? 1 : 0) : (row.contains(0) ? 0 : 1)
                }
            }
            let kernel = ReduceKernel(kind: op.kind, rows: rows, call: call)
            guard let result = try withNumber(input.elementType, kernel) else { throw call.unsupported() }
            return result
        }
    }

    private struct ReduceKernel: NumberKernel {
        let kind: Reduction.Kind
        let rows: ReducedRows
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> Tensor {
            let type = try call.output()
            switch kind {
            case .sum:
                return try rows.reduce(type, of: T.self) { row in
                    orderedSum(row) ?? T.rounded(row.reduce(T.zeroSum) { T.sum($0, $1) })
                }
            case .product:
                return try rows.reduce(type, of: T.self) { T.rounded($0.reduce(T.oneProduct) { T.product($0, $1) }) }
            case .mean:
                return try rows.reduce(type, of: T.self) { row in
                    if let sum = orderedSum(row) as? Float, let mean = sum / Float(row.count) as? T { return mean }
                    guard let mean = T.mean(row.reduce(T.zeroSum) { T.sum($0, $1) }, count: row.count) else {
                        throw Diagnostic(.badData, at: call.name, "an integer mean of nothing")
                    }
                    return mean
                }
            case .max:
                return try rows.reduce(type, of: T.self) { row in
                    row.reduce(T.lowest) { $1 > $0 || $1.isNotANumber ? $1 : $0 }
                }
            case .min:
                return try rows.reduce(type, of: T.self) { row in
                    row.reduce(T.highest) { $1 < $0 || $1.isNotANumber ? $1 : $0 }
                }
            case .any, .all: throw call.unsupported()
            }
        }

        /// The float32 sum in order of the elements, nil for other types and long rows.
        private func orderedSum<T: Number, Row: Collection>(_ row: Row) -> T? where Row.Element == T {
            guard T.self == Float.self, row.count <= longestOrderedSum, !row.isEmpty else { return nil }
            var sum: Float = 0
            for element in row {
                guard let element = element as? Float else { return nil }
                sum += element
            }
            return sum as? T
        }
    }

    /// Up to how many float32 elements are summed in their own precision and order.
    static let longestOrderedSum = 256

    /// ARG_MAX, ARG_MIN: the first extremum of the axis.
    static func argument(_ op: ArgumentReduction, _ call: Invocation) throws -> Tensor {
        let type = try call.output()
        let wide = Invocation(name: call.name, inputs: call.inputs.map { $0?.widened() }, outputs: call.outputs)
        let input = try wide.input(0)
        let rows = try ReducedRows(input, axes: try call.integers(1), call)
        let kernel = ArgumentKernel(kind: op.kind, rows: rows, call: call)
        let elementType = input.elementType == .bool ? .uint8 : input.elementType
        guard let places = try withNumber(elementType, kernel) else { throw call.unsupported() }
        switch type.elementType {
        case .int32: return Tensor(places.map { Int32(clamping: $0) }, shape: type.shape)
        case .int64: return Tensor(places.map { Int64($0) }, shape: type.shape)
        default: throw call.unsupported("indices of \(type.elementType.rawValue)")
        }
    }

    private struct ArgumentKernel: NumberKernel {
        let kind: ArgumentReduction.Kind
        let rows: ReducedRows
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> [Int] {
            try rows.map(T.self) { row in
                guard var best = row.first else {
                    throw Diagnostic(.badData, at: call.name, "the greatest or least of nothing")
                }
                var place = 0
                for (index, value) in row.enumerated() where kind == .max ? value > best : value < best {
                    best = value
                    place = index
                }
                return place
            }
        }
    }

    /// TOPK_V2 along the last axis: greatest first, the lower index first among equals.
    static func topK(_ call: Invocation) throws -> [Tensor] {
        guard call.outputs.count == 2 else { throw call.unsupported("\(call.outputs.count) results") }
        return try call.inSinglePrecision { (call: Invocation) -> [Tensor] in
            let type = try call.input(0).elementType
            guard let results = try withNumber(type, TopKernel(call: call)) else { throw call.unsupported() }
            return results
        }
    }

    private struct TopKernel: NumberKernel {
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> [Tensor] {
            let input = try call.input(0)
            let (type, k) = (try call.output(), try call.output().shape.dimensions.last ?? 0)
            let rows = try ReducedRows(input, axes: [-1], call)
            var values: [T] = []
            var indices: [Int32] = []
            _ = rows.map(T.self) { row in
                // NaN counts as greater than every number, so that the order is total.
                let order = row.indices.sorted { a, b in
                    let (x, y) = (row[a], row[b])
                    if x.isNotANumber || y.isNotANumber {
                        return x.isNotANumber == y.isNotANumber ? a < b : x.isNotANumber
                    }
                    return x == y ? a < b : x > y
                }
                for index in order.prefix(k) {
                    values.append(row[index])
                    indices.append(Int32(clamping: index))
                }
            }
            guard values.count == type.shape.elementCount else { throw call.unsupported("k of \(k)") }
            let top = Tensor(values, shape: type.shape, as: type.elementType, quantization: type.quantization)
            return [top, Tensor(indices, shape: type.shape)]
        }
    }

    /// CUMSUM, in the element type's own precision.
    static func cumulativeSum(exclusive: Bool, reverse: Bool, _ call: Invocation) throws -> Tensor {
        try call.inSinglePrecision { call in
            let kernel = CumulativeKernel(exclusive: exclusive, reverse: reverse, call: call)
            guard let result = try withNumber(try call.input(0).elementType, kernel) else { throw call.unsupported() }
            return result
        }
    }

    private struct CumulativeKernel: NumberKernel {
        let exclusive: Bool
        let reverse: Bool
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> Tensor {
            let input = try call.input(0)
            let requested = try call.integers(1).first ?? 0
            guard let axis = input.shape.normalizedAxis(requested) else { throw call.unsupported("axis \(requested)") }
            var result = Tensor(zeros: try call.output())
            let (extent, inner) = (input.shape[axis], input.shape.strides[axis])
            guard input.count > 0 else { return result }
            input.withElements(of: T.self) { source in
                result.withMutableElements(of: T.self) { output in
                    for line in 0..<source.count / extent {
                        let start = line / inner * inner * extent + line % inner
                        var sum = T(Int32(0))
                        for step in 0..<extent {
                            let at = start + (reverse ? extent - 1 - step : step) * inner
                            let next = sum.adding(source[at])
                            output[at] = exclusive ? sum : next
                            sum = next
                        }
                    }
                }
            }
            return result
        }
    }
}

/// A tensor whose reduced axes have been moved behind the others: one row of memory for every result.
struct ReducedRows {
    private let tensor: Tensor
    private let rowLength: Int
    private let rowCount: Int

    init(_ tensor: Tensor, axes: [Int], _ call: Invocation) throws {
        let shape = tensor.shape
        let reduced = try Set(
            axes.map { axis in
                guard let axis = shape.normalizedAxis(axis) else { throw call.unsupported("axis \(axis)") }
                return axis
            })
        let order = (0..<shape.rank).filter { !reduced.contains($0) } + reduced.sorted()
        rowLength = reduced.reduce(1) { $0 * shape[$1] }
        rowCount = (0..<shape.rank).reduce(1) { reduced.contains($1) ? $0 : $0 * shape[$1] }
        self.tensor =
            order == Array(0..<shape.rank) ? tensor : ReferenceKernels.permuted(tensor, order, as: tensor.type)
    }

    /// One result for every row.
    func map<T: TensorElement, R>(_: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> R) rethrows -> [R] {
        try tensor.withElements(of: T.self) { elements in
            try (0..<rowCount).map { row in
                try body(UnsafeBufferPointer(rebasing: elements[row * rowLength..<(row + 1) * rowLength]))
            }
        }
    }

    /// A tensor of `type` with one element for every row.
    func reduce<T: TensorElement>(
        _ type: TensorType, of _: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> T
    ) throws -> Tensor {
        let results = try map(T.self, body)
        guard type.shape.elementCount == results.count else {
            throw Diagnostic(.internalError, at: "", "\(results.count) results for \(type)")
        }
        return Tensor(results, shape: type.shape, as: type.elementType)
    }
}
