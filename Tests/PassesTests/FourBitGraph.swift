import GraphIR
import Operators
import TensorCore

/// Makes graphs of int8 images `[1, 4, 4, C]`, many of which hold the codes 112...127 only.
struct FourBitGraph {
    private var numbers: Numbers
    private var graph = Graph(name: "four")
    private var values: [ValueID] = []
    private var restricted: Set<ValueID> = []

    init(seed: UInt64) { numbers = Numbers(seed: seed &* 104_729 &+ 7) }

    mutating func make(nodes: Int) throws -> Graph {
        let input = graph.addInput("x", TensorType(.int8, [1, 4, 4, 3], quantization: parameters(-128..<128)))
        values = [input]
        while graph.nodes.count < nodes { try grow(values[max(0, values.count - 1 - numbers.int(0..<4))]) }
        for value in values where graph.users(of: value).isEmpty { graph.addOutput(value) }
        return graph
    }

    /// Codes for the graph's input.
    mutating func inputs() -> [Tensor] {
        graph.inputs.map { port in
            let type = graph.type(of: port.value)
            return Tensor(
                (0..<type.shape.elementCount).map { _ in Int8(numbers.int(-128..<128)) }, shape: type.shape,
                quantization: type.quantization)
        }
    }

    private mutating func parameters(_ zeroPoints: Range<Int>) -> QuantizationParameters {
        QuantizationParameters(scale: numbers.float(0.02...0.4), zeroPoint: Int32(numbers.int(zeroPoints)))
    }

    private mutating func add(
        _ op: Operator, _ inputs: [ValueID?], _ quantization: QuantizationParameters?, keeping: Bool = false
    ) throws -> ValueID {
        let result = try graph.addNode(
            op, inputs, names: ["v\(graph.nodes.count)"], location: "n\(graph.nodes.count)",
            quantization: quantization.map { [$0] })[0]
        if keeping { restricted.insert(result) }
        return result
    }

    private mutating func codes(_ shape: Shape, _ range: Range<Int>, _ q: QuantizationParameters) -> ValueID {
        let values = (0..<shape.elementCount).map { _ in Int8(numbers.int(range)) }
        return graph.constant(Tensor(values, shape: shape, quantization: q))
    }

    /// A node with a fused activation whose result is restricted by it, by MAXIMUM, or not at all.
    private mutating func limited(
        _ inputs: [ValueID?], fuses: Bool = true, _ op: (Activation) -> Operator
    ) throws {
        let form = numbers.int(fuses ? 0..<5 : 1..<5)
        switch form {
        case 0: values.append(try add(op(.relu), inputs, parameters(112..<113), keeping: true))
        case 1, 2:
            let q = parameters(112..<128)
            let plain = try add(op(.none), inputs, q)
            let limit = graph.constant(Tensor([Int8(112)], shape: [1], quantization: q))
            let order = numbers.chance(0.5) ? [plain, limit] : [limit, plain]
            values.append(try add(.binary(Binary(.maximum)), order, q, keeping: true))
            if numbers.chance(0.3) { values.append(plain) }
        default: values.append(try add(op(.none), inputs, parameters(numbers.chance(0.5) ? 112..<128 : -128..<128)))
        }
    }

    private mutating func grow(_ x: ValueID) throws {
        let type = graph.type(of: x)
        let q = type.quantization
        let channels = type.shape[3]
        let isRestricted = restricted.contains(x)
        switch numbers.int(0..<16) {
        case 0...3:
            let results = numbers.int(1..<6)
            let weights = codes(
                [results, 1, 1, channels], -127..<128, QuantizationParameters(scale: 0.01, zeroPoint: 0))
            let bias = graph.constant(
                Tensor((0..<results).map { _ in Int32(numbers.int(-500..<500)) }, shape: [results]))
            try limited([x, weights, bias]) { .conv2D(Conv2D(padding: .same, activation: $0)) }
        case 4, 5:
            let others = values.filter { graph.type(of: $0).shape == type.shape }
            let kind: Binary.Kind = [.add, .sub, .mul][numbers.int(0..<3)]
            try limited([x, others[numbers.int(0..<others.count)]]) { .binary(Binary(kind, activation: $0)) }
        case 6: try limited([x]) { $0 == .relu ? .unary(.relu) : .quantize(to: .int8) }
        case 7, 8:
            let pool = Pool2D(window: Extent2D(2), stride: Extent2D(1), padding: .same)
            let isMaximum = numbers.chance(0.7)
            values.append(
                try add(isMaximum ? .maxPool2D(pool) : .averagePool2D(pool), [x], q, keeping: isRestricted && isMaximum)
            )
        case 9: values.append(try add(.transpose, [x, graph.vector([0, 2, 1, 3])], q, keeping: isRestricted))
        case 10:
            guard channels < 16, let q else { return }
            let second = numbers.chance(0.5) ? x : codes([1, 4, 4, 2], isRestricted ? 112..<128 : -128..<128, q)
            values.append(
                try add(.concatenation(axis: 3, activation: .none), [x, second], q, keeping: isRestricted))
        case 11:
            let paddings = Tensor([Int32(0), 0, 1, 0, 0, 0, 0, 0], shape: [4, 2])
            let padded = try add(.pad, [x, graph.constant(paddings)], q, keeping: isRestricted)
            values.append(
                try add(
                    .slice, [padded, graph.vector([0, 0, 0, 0]), graph.vector([1, 4, 4, channels])], q,
                    keeping: isRestricted))
        case 12, 13: try lookUp(x, channels: channels, isRestricted: isRestricted)
        case 14:
            let ops: [Operator] = [.softmax(beta: 1), .unary(.logistic), .unary(.tanh), .dequantize]
            let fixed: [QuantizationParameters?] = [
                QuantizationParameters(scale: 1 / 256, zeroPoint: -128),
                QuantizationParameters(scale: 1 / 256, zeroPoint: -128),
                QuantizationParameters(scale: 1 / 128, zeroPoint: 0), nil,
            ]
            let choice = numbers.int(0..<4)
            graph.addOutput(try add(ops[choice], [x], fixed[choice]))
        default: try limited([x, x], fuses: false) { _ in .batchMatMul(BatchMatMul(adjointRight: true)) }
        }
    }

    /// CAST, ADD of offsets, GATHER from tables of one or of every channel.
    private mutating func lookUp(_ x: ValueID, channels: Int, isRestricted: Bool) throws {
        let entries = isRestricted ? 16 : 256
        let tables = numbers.chance(0.5) ? 1 : channels
        let first = isRestricted ? -112 : 128
        let offsets = Tensor((0..<tables).map { Int32(first + $0 * entries) }, shape: tables == 1 ? [] : [tables])
        let index = try add(.cast(to: .int32), [x], nil)
        let moved = try add(.binary(Binary(.add)), [index, graph.constant(offsets)], nil)
        let keeps = numbers.chance(0.5)
        let q = parameters(keeps ? 112..<128 : -128..<128)
        let table = codes([tables * entries], keeps ? 112..<128 : -128..<128, q)
        values.append(try add(.gather(axis: 0, batchDimensions: 0), [table, moved], q, keeping: keeps))
    }
}
