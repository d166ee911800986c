import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore
import Testing

private func convolution(
    _ graph: inout Graph, _ input: ValueID, _ name: String, outputs: Int, activation: Activation = .none,
    _ numbers: inout Numbers
) throws -> ValueID {
    let channels = graph.type(of: input).shape[3]
    let weights = graph.addConstant(numbers.tensor([outputs, 3, 3, channels], scale: 0.4), name: "\(name)/weights")
    let bias = graph.addConstant(numbers.tensor([outputs], scale: 0.2), name: "\(name)/bias")
    return try graph.addNode(
        .conv2D(Conv2D(padding: .same, activation: activation)), [input, weights, bias], names: [name],
        location: name)[0]
}

/// A layer, two residual units of two layers each and a last layer.
private func residual() throws -> Graph {
    var numbers = Numbers(state: 8)
    var graph = Graph(name: "residual")
    let input = graph.addInput("input", TensorType(.float32, [1, 10, 12, 3]))
    var value = try convolution(&graph, input, "stem", outputs: 6, activation: .relu, &numbers)
    for index in 0..<2 {
        let inner = try convolution(&graph, value, "\(index)a", outputs: 6, activation: .relu, &numbers)
        let outer = try convolution(&graph, inner, "\(index)b", outputs: 6, &numbers)
        value = try graph.addNode(
            .binary(Binary(.add, activation: .relu)), [outer, value], names: ["\(index)sum"], location: "\(index)sum")[
                0]
    }
    graph.addOutput(try convolution(&graph, value, "last", outputs: 2, &numbers))
    return graph
}

@Suite struct GraphBlockTests {
    @Test func blocksEndBehindResidualUnits() throws {
        let graph = try residual()
        let blocks = GraphBlock.blocks(of: graph)
        #expect(blocks.flatMap(\.nodes) == graph.nodes.map(\.id))
        #expect(
            blocks.map { $0.nodes.map { graph[$0].location } } == [
                ["stem", "0a", "0b", "0sum"], ["1a", "1b", "1sum", "last"],
            ])
        #expect(
            blocks.allSatisfy { $0.outputs.count == 1 && $0.outputs == graph[$0.nodes[$0.nodes.count - 1]].outputs })
    }
}
