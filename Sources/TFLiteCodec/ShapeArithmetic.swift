import Operators
import TensorCore

/// Computes the integers that decide shapes: SHAPE and small integer arithmetic on it.
enum ShapeArithmetic {
    /// No shape, axis list or padding has more elements.
    static let largestCount = 4096

    /// The results of `op` on `operands`, or nil when it is no integer arithmetic on constants.
    static func results(of op: Operator, _ operands: Operands) throws -> [Tensor]? {
        let types = try Inference.outputs(of: op, operands)
        guard
            types.allSatisfy({ type in
                (type.elementType == .int32 || type.elementType == .int64)
                    && type.shape.checkedElementCount().map { $0 <= largestCount } ?? false
            })
        else { return nil }
        if case .shape = op {
            guard let type = operands.types.first ?? nil else { return nil }
            return [tensor(type.shape.dimensions, types[0])]
        }
        var values: [[Int]] = []
        for constant in operands.constants {
            guard let constant, constant.count <= largestCount, constant.type.quantization == nil,
                let integers = constant.integers()
            else { return nil }
            values.append(integers)
        }
        let shapes = operands.types.map { $0?.shape ?? [] }
        return try compute(op, values, shapes, types).map { results in
            zip(results, types).map { tensor($0, $1) }
        }
    }

    private static func compute(
        _ op: Operator, _ values: [[Int]], _ shapes: [Shape], _ types: [TensorType]
    ) throws -> [[Int]]? {
        switch op {
        case .reshape, .squeeze, .expandDims, .cast: return [values[0]]
        case .concatenation(_, .none) where shapes.allSatisfy({ $0.rank == 1 }): return [values.flatMap { $0 }]
        case .pack where shapes.allSatisfy({ $0.elementCount == 1 }): return [values.flatMap { $0 }]
        case .fill: return [[Int](repeating: values[1][0], count: types[0].shape.elementCount)]
        case .gather(_, 0) where shapes[0].rank == 1:
            guard values[1].allSatisfy(values[0].indices.contains) else { return nil }
            return [values[1].map { values[0][$0] }]
        case .slice where shapes[0].rank == 1:
            let count = types[0].shape.elementCount
            return [Array(values[0][values[1][0]..<values[1][0] + count])]
        case .stridedSlice(let slice) where shapes[0].rank == 1:
            guard
                let resolved = ResolvedSlice(
                    slice, input: shapes[0], begin: values[1], end: values[2], strides: values[3])
            else { return nil }
            return [(0..<resolved.count[0]).map { values[0][resolved.begin[0] + $0 * resolved.step[0]] }]
        case .reduce(let reduction) where !values[0].isEmpty && types[0].shape.elementCount == 1:
            return reduce(reduction.kind, values[0]).map { [[$0]] }
        case .binary(let binary) where binary.activation == .none:
            return try combine(binary.kind, values, shapes, types[0].shape).map { [$0] }
        default: return nil
        }
    }

    private static func reduce(_ kind: Reduction.Kind, _ values: [Int]) -> Int? {
        switch kind {
        case .product: values.reduce(1, &*)
        case .sum: values.reduce(0, &+)
        case .max: values.max()
        case .min: values.min()
        default: nil
        }
    }

    /// Operands of one element broadcast; others have the result's shape.
    private static func combine(
        _ kind: Binary.Kind, _ values: [[Int]], _ shapes: [Shape], _ result: Shape
    ) throws -> [Int]? {
        let count = result.elementCount
        guard values.allSatisfy({ $0.count == 1 || $0.count == count }) else { return nil }
        var results: [Int] = []
        for i in 0..<count {
            let (a, b) = (values[0][values[0].count == 1 ? 0 : i], values[1][values[1].count == 1 ? 0 : i])
            switch kind {
            case .add: results.append(a &+ b)
            case .sub: results.append(a &- b)
            case .mul: results.append(a &* b)
            case .maximum: results.append(max(a, b))
            case .minimum: results.append(min(a, b))
            case .div, .floorDiv:
                guard b != 0, b != -1 || a != .min else { return nil }
                let quotient = a / b
                results.append(kind == .floorDiv && quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient)
            default: return nil
            }
        }
        return results
    }

    private static func tensor(_ values: [Int], _ type: TensorType) -> Tensor {
        type.elementType == .int32
            ? Tensor(values.map { Int32(truncatingIfNeeded: $0) }, shape: type.shape)
            : Tensor(values.map(Int64.init), shape: type.shape)
    }
}
