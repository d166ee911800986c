import DSPEmulator
import TensorCore

/// Makes small graphs of the library, with ids counted from 1.
struct HexagonGraphBuilder {
    private(set) var graph = HexagonGraph()

    private mutating func append(
        _ op: HexagonOperator, _ inputs: [HexagonReference], _ outputs: [HexagonOutput],
        padding: HexagonPadding = .none,
        constant: Tensor? = nil
    ) -> [HexagonReference] {
        let id = graph.nodes.count + 1
        graph.nodes.append(
            HexagonNode(id: id, op: op, padding: padding, inputs: inputs, outputs: outputs, constant: constant))
        return outputs.indices.map { HexagonReference(id, $0) }
    }

    mutating func input(_ shapes: [Int]...) -> [HexagonReference] {
        append(.input, [], shapes.map { HexagonOutput($0, elementSize: 1) })
    }

    mutating func constant(_ tensor: Tensor) -> HexagonReference {
        let output = HexagonOutput(tensor.shape.dimensions, elementSize: tensor.elementType.byteCount)
        return append(.constant, [], [output], constant: tensor)[0]
    }

    mutating func number(_ value: Float) -> HexagonReference { constant(layoutScalar(value)) }
    mutating func range(_ low: Float, _ high: Float) -> [HexagonReference] { [number(low), number(high)] }
    mutating func integers(_ values: Int32..., shape: [Int]? = nil) -> HexagonReference {
        constant(layoutIntegers(values, shape))
    }

    /// Strides and windows: a constant that counts by its extents.
    mutating func extents(_ height: Int, _ width: Int) -> HexagonReference {
        constant(Tensor(zeros: TensorType(.uint8, Shape([1, height, width, 1]))))
    }

    /// A node with a range behind its results of one shape; without one when `isRanged` is false.
    mutating func node(
        _ op: HexagonOperator, _ inputs: [HexagonReference], _ shape: [Int], results: Int = 1, elementSize: Int = 1,
        padding: HexagonPadding = .none, isRanged: Bool = true
    ) -> [HexagonReference] {
        let scalar = HexagonOutput([1, 1, 1, 1], elementSize: 4)
        let data = [HexagonOutput](repeating: HexagonOutput(shape, elementSize: elementSize), count: results)
        return append(op, inputs, data + (isRanged ? [scalar, scalar] : []), padding: padding)
    }

    /// A convolution with weights that count up, a bias of ones and the output range 0...6.
    mutating func supernode(
        _ data: HexagonReference, filter: [Int], strides: (Int, Int) = (1, 1), padding: HexagonPadding = .valid,
        op: HexagonOperator = .supernode, shape: [Int], range: (Float, Float) = (0, 6), scales: [Float]? = nil
    ) -> HexagonReference {
        let weights = (0..<filter.reduce(1, *)).map { UInt8(truncatingIfNeeded: $0) }
        let filters = op == .depthwiseSupernode ? filter[2] * filter[3] : filter[3]
        var inputs = [data, constant(Tensor(weights, shape: Shape(filter)))]
        inputs += self.range(0, 255) + self.range(-128, 127)
        inputs.append(extents(strides.0, strides.1))
        inputs.append(constant(layoutIntegers([Int32](repeating: 1, count: filters))))
        inputs += self.range(-9, 9) + self.range(range.0, range.1)
        if let scales { inputs.append(constant(Tensor(scales, shape: [1, 1, 1, scales.count]))) }
        return node(op, inputs, shape, padding: padding)[0]
    }

    mutating func output(_ inputs: HexagonReference...) -> HexagonGraph {
        _ = append(.output, inputs, [])
        return graph
    }
}
