import GraphIR
import Operators
import Runtime
import TensorCore

/// Seeded random numbers (xorshift), so that a failing case can be run again.
struct RandomSource {
    private var state: UInt64
    init(seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state >> 11
    }

    mutating func integer(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    mutating func chance(_ oneIn: Int) -> Bool { integer(1...oneIn) == 1 }
    mutating func pick<T>(_ choices: [T]) -> T { choices[integer(0...choices.count - 1)] }
    mutating func real() -> Float { Float(integer(-4000...4000)) / 1000 }
    mutating func floats(_ shape: Shape) -> Tensor {
        Tensor((0..<shape.elementCount).map { _ in real() }, shape: shape)
    }

    /// Codes of the whole range, the extremes more often; half of the int4 tensors are packed two codes to a byte.
    mutating func codes(_ shape: Shape, _ type: ElementType, _ quantization: QuantizationParameters) -> Tensor {
        if type == .int4 {
            let codes = (0..<shape.elementCount).map { _ in Int8(chance(8) ? pick([-8, 7]) : integer(-8...7)) }
            let plain = Tensor(codes, shape: shape, as: .int4, quantization: quantization)
            return chance(2) ? plain.withFileBytes { Tensor(plain.type, packed: $0) } ?? plain : plain
        }
        let bytes = (0..<shape.elementCount).map { _ in
            UInt8(truncatingIfNeeded: chance(8) ? pick([0, 127, 128, 255]) : integer(0...255))
        }
        return Tensor(bytes, shape: shape, as: type, quantization: quantization)
    }

    mutating func parameters(_ type: ElementType) -> QuantizationParameters {
        let zero = type == .uint8 ? pick([0, 255, integer(0...255)]) : pick([-128, 127, 0, integer(-128...127)])
        return QuantizationParameters(scale: scale(), zeroPoint: Int32(zero))
    }

    mutating func scale() -> Float {
        chance(10) ? pick([1e-6, 3e-5, 17, 400]) : Float(integer(1...4000)) / 20_000
    }
}

/// A graph of one operator with random operands, and the tolerance of its results.
struct RandomCase {
    var graph: Graph
    var inputs: [Tensor]
    /// nil: the same bits. Otherwise the largest error of a result element whose reference value is given: the sum of
    /// the magnitudes of the terms behind it is computed by a second graph that runs on magnitudes.
    var magnitudes: (graph: Graph, inputs: [Tensor])?
}

extension RandomCase {
    /// `op` on operands of which those in `constants` are constant; `quantization` are the result's parameters.
    static func make(
        _ op: Operator, _ operands: [Tensor?], constants: Set<Int>, quantization: QuantizationParameters? = nil,
        results: Int = 1
    ) throws -> RandomCase {
        var graph = Graph(name: "case")
        var inputs: [Tensor] = []
        let values: [ValueID?] = operands.enumerated().map { index, tensor in
            guard let tensor else { return nil }
            if constants.contains(index) { return graph.addConstant(tensor, name: "constant\(index)") }
            inputs.append(tensor)
            return graph.addInput("input\(index)", tensor.type)
        }
        let outputs = try graph.addNode(
            op, values, names: [], location: "node",
            quantization: quantization.map { Array(repeating: $0, count: results) })
        for output in outputs { graph.addOutput(output) }
        return RandomCase(graph: graph, inputs: inputs)
    }

    /// The same with the magnitudes of all float operands, for the tolerance of sums of products.
    static func product(_ op: Operator, _ operands: [Tensor?], constants: Set<Int>) throws -> RandomCase {
        var random = try make(op, operands, constants: constants)
        let positive = operands.map { tensor in
            tensor.map { tensor in
                tensor.elementType == .float32
                    ? Tensor(tensor.elements(of: Float.self).map { abs($0) }, shape: tensor.shape) : tensor
            }
        }
        let magnitudes = try make(op, positive, constants: constants)
        random.magnitudes = (magnitudes.graph, magnitudes.inputs)
        return random
    }
}
