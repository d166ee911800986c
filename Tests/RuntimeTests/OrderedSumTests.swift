import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

/// Float products behind which codes are computed give the bits of the reference kernels.
struct OrderedSumTests {
    private static let parameters = QuantizationParameters(scale: 0.05, zeroPoint: 3)

    /// Runs `graph` in both engines, the fast one on one and two threads.
    private func results(_ graph: Graph, _ inputs: [Tensor]) throws -> (reference: [Tensor], fast: [[Tensor]]) {
        let reference = try Plan(graph, options: RunOptions(engine: .reference)).run(inputs)
        let fast = try [1, 2].map { try Plan(graph, options: RunOptions(engine: .fast, threads: $0)).run(inputs) }
        return (reference, fast)
    }

    private func quantized(_ graph: inout Graph, _ value: ValueID) throws -> ValueID {
        try graph.addNode(
            .quantize(to: .int8), [value], names: [], location: "codes", quantization: [Self.parameters])[0]
    }

    @Test(
        arguments: [
            Family.convolution, .depthwise, .transposedConvolution, .fullyConnected, .batchMatMul,
        ], 0..<200)
    func equalsTheReferenceBeforeCodes(_ family: Family, _ seed: Int) throws {
        let random = try family.make(seed)
        var graph = random.graph
        graph.addOutput(try quantized(&graph, graph.outputs[0].value))
        let (reference, fast) = try results(graph, random.inputs)
        for result in fast {
            for index in reference.indices {
                #expect(result[index].isIdentical(to: reference[index]), "\(graph.nodes[0].op)")
            }
        }
    }

    /// Every width of tile with full and partial panels, sums longer than the blocks of fused tiles, and activations.
    @Test(arguments: [1, 7, 8, 9, 16, 24, 25, 32, 40, 56, 64, 129], Activation.allCases)
    func equalsTheReferenceForEveryWidth(_ channels: Int, _ activation: Activation) throws {
        var source = RandomSource(seed: channels)
        for (window, depth, extent) in [(1, 1100, 5), (3, 65, 7), (5, 3, 9), (2, 301, 4)] {
            var graph = Graph(name: "convolution")
            let input = source.floats([1, extent, extent, depth])
            let value = graph.addInput("x", input.type)
            let weights = graph.addConstant(source.floats([channels, window, window, depth]), name: "w")
            let bias = graph.addConstant(source.floats([channels]), name: "b")
            let op = Conv2D(
                padding: .same, activation: activation)
            let result = try graph.addNode(.conv2D(op), [value, weights, bias], names: [], location: "conv")[0]
            graph.addOutput(result)
            graph.addOutput(try quantized(&graph, result))
            let (reference, fast) = try results(graph, [input])
            for one in fast {
                #expect(one[0].isIdentical(to: reference[0]), "\(window) x \(window) x \(depth)")
                #expect(one[1].isIdentical(to: reference[1]))
            }
        }
    }

    /// What follows a product that sums 1152 terms.
    enum Follower: String, CaseIterable {
        case nothing, codesElsewhere, codesInFront, indexWithoutCodes
        case codes, codesFurtherBehind, index, condition
    }

    /// Products with no code behind them are summed fused and in blocks, which shows in the last place of one of 36,864
    /// results; the others give the reference's bits.
    @Test(arguments: Follower.allCases)
    func onlyWhatCodesDependOnIsOrdered(_ follower: Follower) throws {
        var source = RandomSource(seed: 11)
        var graph = Graph(name: "product")
        var inputs = [source.floats([24, 48, 1152])]
        var value = graph.addInput("x", inputs[0].type)
        if follower == .codesInFront {
            value = try graph.addNode(.dequantize, [quantized(&graph, value)], names: [], location: "float")[0]
        }
        let right = source.floats([1, 1152, 32])
        let product = try graph.addNode(
            .batchMatMul(BatchMatMul()),
            [value, graph.addConstant(right, name: "w")], names: [], location: "product")[0]
        graph.addOutput(product)
        switch follower {
        case .nothing, .codesInFront: break
        case .codesElsewhere:
            let other = graph.addInput("other", TensorType(.float32, [4]))
            inputs.append(source.floats([4]))
            graph.addOutput(try quantized(&graph, other))
        case .codes: graph.addOutput(try quantized(&graph, product))
        case .codesFurtherBehind:
            let behind = try graph.addNode(.unary(.tanh), [product], names: [], location: "tanh")[0]
            graph.addOutput(try quantized(&graph, behind))
        case .index, .indexWithoutCodes, .condition:
            if follower == .condition {
                graph.addOutput(
                    try graph.addNode(.compare(.less), [product, product], names: [], location: "less")[0])
            } else {
                let axis = graph.addConstant(Tensor([Int32(2)], shape: []), name: "axis")
                graph.addOutput(
                    try graph.addNode(
                        .argument(ArgumentReduction(.min, outputType: .int32)), [product, axis], names: [],
                        location: "index")[0])
            }
            if follower != .indexWithoutCodes {
                let other = graph.addInput("other", TensorType(.float32, [4]))
                inputs.append(source.floats([4]))
                graph.addOutput(try quantized(&graph, other))
            }
        }
        let (reference, fast) = try results(graph, inputs)
        let ordered = [.codes, .codesFurtherBehind, .index, .condition].contains(follower)
        for result in fast { #expect(result[0].isIdentical(to: reference[0]) == ordered) }
    }
}
