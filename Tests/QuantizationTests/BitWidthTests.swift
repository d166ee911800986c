import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

/// Convolutions with and without RELU, a pool, a residual sum and a concatenation, with 4-bit weights or activations.
private func network() throws -> Graph {
    var numbers = Numbers(state: 5)
    var graph = Graph(name: "widths")
    func convolution(_ input: ValueID, _ name: String, _ outputs: Int, _ activation: Activation = .relu) throws
        -> ValueID
    {
        let channels = graph.type(of: input).shape[3]
        let weights = graph.addConstant(numbers.tensor([outputs, 3, 3, channels], scale: 0.3), name: "\(name)/weights")
        let bias = graph.addConstant(numbers.tensor([outputs], scale: 0.1), name: "\(name)/bias")
        return try graph.addNode(
            .conv2D(Conv2D(padding: .same, activation: activation)), [input, weights, bias], names: [name],
            location: name)[0]
    }
    let input = graph.addInput("input", TensorType(.float32, [1, 8, 8, 3]))
    let first = try convolution(input, "first", 4)
    let pooled = try graph.addNode(
        .maxPool2D(Pool2D(window: Extent2D(2), stride: Extent2D(2), padding: .valid)), [first], names: ["pooled"],
        location: "pooled")[0]
    let second = try convolution(pooled, "second", 4, .none)
    let third = try convolution(second, "third", 4, .none)
    let sum = try graph.addNode(.binary(Binary(.add)), [third, pooled], names: ["sum"], location: "sum")[0]
    let fourth = try convolution(sum, "fourth", 4)
    let joined = try graph.addNode(
        .concatenation(axis: 3, activation: .none), [fourth, sum], names: ["joined"], location: "joined")[0]
    let fifth = try convolution(joined, "fifth", 4)
    graph.addOutput(try convolution(fifth, "last", 1, .none))
    return graph
}

@Suite struct BitWidthTests {
    private func quantised(_ widths: BitWidths) throws -> (graph: Graph, float: Graph, samples: [[Tensor]]) {
        let graph = try network()
        let data = samples(graph, 4)
        var options = QuantizationOptions()
        options.widths = widths
        let learnt = try statistics(graph, data, Quantizer.request(graph, options: options))
        return (try Quantizer.quantize(graph, statistics: learnt, options: options).graph, graph, data)
    }

    @Test func endLayersAreTheFirstAndTheLast() throws {
        let graph = try network()
        #expect(Set(graph.endLayers().map { graph[$0].location }) == ["first", "last"])
    }

    @Test func weightsHaveFourBits() throws {
        var widths = BitWidths(weights: 4)
        widths.keep8Bits(["first", "last"])
        let graph = try quantised(widths).graph
        for node in graph.nodes {
            guard case .conv2D = node.op, let weights = graph.constant(node.inputs[1]) else { continue }
            let isWide = ["first", "last"].contains(node.location)
            #expect(weights.elementType == (isWide ? .int8 : .int4), "\(node.location)")
            #expect(weights.elements(of: Int8.self).allSatisfy { abs(Int($0)) <= (isWide ? 127 : 7) })
            #expect(graph.type(of: node.outputs[0]).elementType == .int8)
        }
    }

    /// Whatever the samples, layers read the highest 16 codes and nothing else.
    @Test(arguments: [1, 100] as [Float]) func layersReadFourBitCodes(scale: Float) throws {
        var widths = BitWidths(weights: 4, activations: 4)
        widths.keep8Bits(["first", "last"])
        let (graph, _, data) = try quantised(widths)
        let inputs = data.map { $0.map { $0.scaled(by: scale) } }
        var read: [ValueID: String] = [:]
        for node in graph.nodes {
            guard case .conv2D = node.op, !["first", "last"].contains(node.location), let input = node.inputs[0] else {
                continue
            }
            read[input] = node.location
        }
        #expect(read.count == 4)
        let plan = try Plan(graph)
        var seen = Set<Int8>()
        var wrong: [String] = []
        for input in inputs {
            let codes = Codes()
            _ = try plan.run(input) { value, tensor in
                guard let reader = read[value] else { return }
                codes.add(tensor.elements(of: Int8.self), reader)
            }
            seen.formUnion(codes.seen.values.joined())
            wrong += codes.seen.filter { $0.value.contains { $0 < 112 } }.map(\.key)
        }
        #expect(wrong.isEmpty)
        #expect(seen.count == 16)
        // RELU and saturation clamp where they can; signed values, and RELUs whose parameters are those of a signed join, need
        // MAXIMUM.
        let clamps = graph.nodes.filter { $0.op.isMaximum }.map(\.location)
        #expect(Set(clamps) == ["second/clamp", "sum/clamp", "sum/quantize/clamp", "fourth/clamp"], "\(clamps)")
    }

    @Test func fourBitsCostMoreThanEight() throws {
        func error(_ widths: BitWidths) throws -> Double {
            let (graph, float, data) = try quantised(widths)
            return try meanSquare(outputs(graph, data), outputs(float, data))
        }
        let errors = try [
            BitWidths(), BitWidths(weights: 4), BitWidths(weights: 4, activations: 4),
        ].map(error)
        #expect(errors[0] < errors[1] && errors[1] < errors[2])
    }

    private final class Codes {
        var seen: [String: Set<Int8>] = [:]
        func add(_ codes: [Int8], _ name: String) { seen[name, default: []].formUnion(codes) }
    }
}

extension Operator {
    fileprivate var isMaximum: Bool { if case .binary(let op) = self { op.kind == .maximum } else { false } }
}

extension Tensor {
    fileprivate func scaled(by factor: Float) -> Tensor {
        Tensor(elements(of: Float.self).map { $0 * factor }, shape: shape)
    }
}
