import GraphIR
import Operators
import TensorCore

/// Makes graphs of NCHW values with spatial operators in transposes and operators of every layout rule between them.
struct RandomGraph {
    private var numbers: Numbers
    private var graph = Graph(name: "random")
    private var values: [ValueID] = []

    init(seed: UInt64) { numbers = Numbers(seed: seed &* 7919 &+ 13) }

    mutating func make(nodes: Int) throws -> Graph {
        graph = Graph(name: "random")
        let extents = [2, 3, 4, 6]
        for i in 0..<2 {
            let shape = Shape([1] + (0..<3).map { _ in extents[numbers.int(0..<4)] })
            values.append(graph.addInput("input\(i)", TensorType(.float32, shape)))
        }
        var attempts = 0
        while graph.nodes.count < nodes, attempts < 400 {
            attempts += 1
            // Near values are taken more often, so that graphs grow deep.
            let pick = values[max(0, values.count - 1 - numbers.int(0..<min(values.count, 6)))]
            let copy = self
            do {
                if let made = try grow(pick) {
                    if graph.type(of: made).byteCount > 20_000 { self = copy } else { values.append(made) }
                }
            } catch {
                self = copy
            }
        }
        for value in values where graph.users(of: value).isEmpty { graph.addOutput(value) }
        return graph
    }

    private mutating func axis(_ rank: Int) -> Int { numbers.int(0..<rank) }

    private mutating func grow(_ x: ValueID) throws -> ValueID? {
        let shape = graph.type(of: x).shape
        let rank = shape.rank
        guard rank > 0 else { return nil }
        switch numbers.int(0..<26) {
        case 0...4:
            guard rank == 4, shape[1] <= 8 else { return nil }
            return try graph.wrappedConvolution(x, channels: numbers.int(1..<5), &numbers)
        case 5:
            guard rank == 4, shape[2] > 1, shape[3] > 1 else { return nil }
            let pool = Pool2D(window: Extent2D(2), stride: Extent2D(2), padding: .same)
            return try graph.transposed(
                graph.node(.maxPool2D(pool), graph.transposed(x, [0, 2, 3, 1])), [0, 3, 1, 2])
        case 6: return try graph.node(.unary([.relu, .abs, .neg, .tanh][numbers.int(0..<4)]), x)
        case 7:
            let constant = Shape((0..<numbers.int(0..<rank + 1)).map { _ in 1 })
            return try graph.node(.binary(Binary(.mul)), x, graph.constant(numbers.tensor(constant)))
        case 8:
            var constant = Array(shape.dimensions.suffix(numbers.int(1..<rank + 1)))
            for i in constant.indices where numbers.chance(0.5) { constant[i] = 1 }
            return try graph.node(.binary(Binary(.sub)), graph.constant(numbers.tensor(Shape(constant))), x)
        case 9, 10:
            let other = values[numbers.int(0..<values.count)]
            return try graph.node(.binary(Binary(.add)), x, other)
        case 11:
            let other = values.filter {
                let type = graph.type(of: $0)
                return type.shape.rank == rank && type.elementType == .float32
            }[0]
            return try graph.node(.concatenation(axis: axis(rank) - rank, activation: .none), x, other)
        case 12:
            let axis = axis(rank)
            let results = try graph.addNode(
                .split(count: 2), [graph.scalar(axis), x], names: [], location: "split\(graph.nodes.count)")
            return results[numbers.int(0..<2)]
        case 13:
            let begin = shape.dimensions.map { numbers.int(0..<max(1, $0 / 2 + 1)) }
            let size = zip(shape.dimensions, begin).map { numbers.chance(0.5) ? -1 : max(1, $0 - $1 - 1) }
            return try graph.node(.slice, x, graph.vector(begin), graph.vector(size))
        case 14:
            let paddings = Tensor((0..<2 * rank).map { _ in Int32(numbers.int(0..<2)) }, shape: [rank, 2])
            return try graph.node(.pad, x, graph.constant(paddings))
        case 15, 16:
            let keep = numbers.chance(0.5)
            let kind: Reduction.Kind = [.sum, .mean, .max][numbers.int(0..<3)]
            return try graph.node(
                .reduce(Reduction(kind, keepDimensions: keep)), x, graph.vector([axis(rank)]))
        case 17:
            let index = try graph.node(
                .argument(ArgumentReduction(.min, outputType: .int32)), x, graph.scalar(axis(rank)))
            return try graph.node(.cast(to: .float32), index)
        case 18: return try graph.node(.softmax(beta: 1), x)
        case 19:
            let axis = axis(rank)
            let indices = (0..<3).map { _ in numbers.int(0..<shape[axis]) }
            let operand: ValueID
            switch numbers.int(0..<3) {
            case 0: operand = graph.scalar(indices[0])
            case 1: operand = graph.vector(indices)
            default: operand = graph.constant(Tensor((indices + indices).map { Int32($0) }, shape: [2, 3]))
            }
            return try graph.node(.gather(axis: axis, batchDimensions: 0), x, operand)
        case 20:
            let axis = axis(rank + 1)
            return try graph.node(.pack(axis: axis, count: 2), x, graph.node(.unary(.neg), x))
        case 21:
            let multiples = (0..<rank).map { _ in numbers.int(1..<3) }
            return try graph.node(.tile, x, graph.vector(multiples))
        case 22:
            let begin = [Int](repeating: 0, count: rank)
            let strides = (0..<rank).map { _ in numbers.int(1..<3) }
            return try graph.node(
                .stridedSlice(StridedSlice(endMask: numbers.int(0..<1 << rank))), x, graph.vector(begin),
                graph.vector(shape.dimensions), graph.vector(strides))
        case 23: return try reshape(x, shape)
        case 24: return try graph.transposed(x, Array(0..<rank).shuffled(using: &numbers))
        default:
            guard rank >= 2 else { return nil }
            let depth = shape[-1]
            if numbers.chance(0.5) {
                let weights = graph.constant(numbers.tensor([numbers.int(1..<5), depth]))
                return try graph.node(.fullyConnected(FullyConnected(keepDimensions: true)), x, weights, nil)
            }
            return try graph.node(.batchMatMul(BatchMatMul(adjointRight: true)), x, x)
        }
    }

    /// Merges two neighbouring axes, splits one, or puts in or takes out an axis of extent 1.
    private mutating func reshape(_ x: ValueID, _ shape: Shape) throws -> ValueID {
        var dimensions = shape.dimensions
        switch numbers.int(0..<4) {
        case 0 where dimensions.count > 1:
            let axis = numbers.int(0..<dimensions.count - 1)
            dimensions[axis] *= dimensions.remove(at: axis + 1)
        case 1 where dimensions.count < 6:
            let axis = numbers.int(0..<dimensions.count)
            if dimensions[axis] % 2 == 0 {
                dimensions[axis] /= 2
                dimensions.insert(2, at: axis + 1)
            }
        case 2 where dimensions.count < 6: dimensions.insert(1, at: numbers.int(0..<dimensions.count + 1))
        default:
            if let axis = dimensions.firstIndex(of: 1), dimensions.count > 1 { dimensions.remove(at: axis) }
        }
        return try graph.reshaped(x, dimensions)
    }
}
