import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore

/// Seeded numbers in [-1, 1).
struct Numbers {
    var state: UInt64
    mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 23) - 1
    }
    mutating func tensor(_ shape: Shape, scale: Float = 1) -> Tensor {
        Tensor((0..<shape.elementCount).map { _ in next() * scale }, shape: shape)
    }
}

/// Seeded samples for the inputs of `graph`.
func samples(_ graph: Graph, _ count: Int, seed: UInt64 = 9) -> [[Tensor]] {
    var numbers = Numbers(state: seed)
    return (0..<count).map { _ in graph.inputs.map { numbers.tensor(graph.type(of: $0.value).shape) } }
}

/// What calibration learns from `samples`; nil: all that any option needs.
func statistics(
    _ graph: Graph, _ samples: [[Tensor]], _ request: CalibrationRequest? = nil
) throws -> CalibrationStatistics {
    let plan = try Plan(graph, options: RunOptions(engine: .reference))
    var result = CalibrationStatistics()
    for sample in samples {
        try result.collect(plan, sample: sample, request: request ?? Quantizer.completeRequest(graph))
    }
    return result
}

/// The first output for every sample, one after another.
func outputs(_ graph: Graph, _ samples: [[Tensor]]) throws -> [Float] {
    let plan = try Plan(graph, options: RunOptions(engine: .reference))
    return try samples.flatMap { try plan.run($0)[0].elements(of: Float.self) }
}

func meanSquare(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) } / Double(max(a.count, 1))
}

/// 1x1 convolutions in a row, with results of different widths.
func pointwiseChain(_ widths: [Int]) throws -> Graph {
    var numbers = Numbers(state: 6)
    var graph = Graph(name: "chain")
    var value = graph.addInput("input", TensorType(.float32, [1, 6, 7, 3]))
    for (index, width) in widths.enumerated() {
        let channels = graph.type(of: value).shape[3]
        let weights = graph.addConstant(numbers.tensor([width, 1, 1, channels], scale: 0.5), name: "\(index)/weights")
        let bias = graph.addConstant(numbers.tensor([width], scale: 0.2), name: "\(index)/bias")
        let op = Conv2D(padding: .same, activation: index + 1 < widths.count && index % 2 == 0 ? .relu : .none)
        value = try graph.addNode(
            .conv2D(op), [value, weights, bias], names: ["layer\(index)"], location: "layer\(index)")[0]
    }
    graph.addOutput(value)
    return graph
}
