import GraphIR
import Operators
import Passes
import TensorCore
import Testing

/// A graph of codes and the float graph made of it. Scales are powers of two and values small, so that every expected
/// number is exact.
@Suite struct DequantisationTests {
    private static let input = QuantizationParameters(scale: 0.25, zeroPoint: -3)

    /// QUANTIZE, a 1x1 CONV_2D of two channels with RELU6, QUANTIZE to another scale, ADD of a constant, DEQUANTIZE.
    private func quantized(biasHasScale: Bool, integerPorts: Bool = false) throws -> Graph {
        var graph = Graph(name: "codes")
        var x: ValueID
        if integerPorts {
            x = graph.addInput("input", TensorType(.int8, [1, 1, 2, 2], quantization: Self.input))
        } else {
            let real = graph.addInput("input", TensorType(.float32, [1, 1, 2, 2]))
            x = try graph.addNode(
                .quantize(to: .int8), [real], names: ["codes"], location: "q", quantization: [Self.input])[0]
        }
        let weights = graph.addConstant(
            Tensor(
                [Int8(1), -2, 3, 4], shape: [2, 1, 1, 2],
                quantization: QuantizationParameters(scales: [0.5, 0.25], zeroPoints: [0, 0], axis: 0)), name: "weights"
        )
        let bias = graph.addConstant(
            Tensor(
                [Int32(8), -16], shape: [2],
                quantization: biasHasScale
                    ? QuantizationParameters(scales: [0.125, 0.0625], zeroPoints: [0, 0], axis: 0) : nil), name: "bias")
        x = try graph.addNode(
            .conv2D(Conv2D(padding: .valid, activation: .relu6)), [x, weights, bias], names: ["conv"], location: "conv",
            quantization: [QuantizationParameters(scale: 0.5, zeroPoint: -128)])[0]
        x = try graph.addNode(
            .quantize(to: .int8), [x], names: ["again"], location: "requantise",
            quantization: [QuantizationParameters(scale: 2, zeroPoint: 0)])[0]
        let offset = graph.addConstant(
            Tensor([Int8(6)], shape: [1], quantization: QuantizationParameters(scale: 0.125, zeroPoint: 4)),
            name: "offset")
        x = try graph.addNode(
            .binary(Binary(.add)), [x, offset], names: ["sum"], location: "sum",
            quantization: [QuantizationParameters(scale: 2, zeroPoint: 1)])[0]
        if !integerPorts { x = try graph.addNode(.dequantize, [x], names: ["depth"], location: "d")[0] }
        graph.addOutput(x, sourceName: "depth")
        return graph
    }

    @Test(arguments: [true, false], [true, false])
    func codesBecomeReals(biasHasScale: Bool, integerPorts: Bool) throws {
        let graph = try Dequantisation.float(quantized(biasHasScale: biasHasScale, integerPorts: integerPorts))
        try graph.verify()
        #expect(graph.operatorNames == ["CONV_2D", "ADD"])
        #expect(graph.type(of: graph.inputs[0].value) == TensorType(.float32, [1, 1, 2, 2]))
        let input = Tensor([Float(1.1875), 0.5, -1.3125, 3], shape: [1, 1, 2, 2])
        let result = try evaluate(graph, [input])[0]
        // Weights (0.5, -1) and (0.75, 1), bias 1 and -1, RELU6, then 0.125 * (6 - 4) more; nothing is rounded.
        let expected: [Float] = [
            0.5 * 1.1875 - 0.5 + 1 + 0.25, 0.75 * 1.1875 + 0.5 - 1 + 0.25, 0.25,
            0.75 * -1.3125 + 3 - 1 + 0.25,
        ]
        #expect(result.elements(of: Float.self) == expected)
        #expect(
            graph.outputs[0].sourceName == "depth"
                && !graph.nodes.contains { graph[$0.outputs[0]].type.quantization != nil })
    }

    @Test func theFusedActivationStays() throws {
        let graph = try Dequantisation.float(quantized(biasHasScale: true))
        let result = try evaluate(graph, [Tensor([Float(100), 0, 0, -100], shape: [1, 1, 2, 2])])[0]
        #expect(result.elements(of: Float.self) == [6.25, 6.25, 6.25, 0.25])
    }

    @Test func operatorsOnTheCodesThemselvesAreRefused() throws {
        var graph = try quantized(biasHasScale: true, integerPorts: true)
        let codes = graph.outputs[0].value
        let number = try graph.addNode(.cast(to: .int32), [codes], names: ["number"], location: "table index")
        graph.addOutput(number[0])
        let error = #expect(throws: Diagnostic.self) { try Dequantisation.float(graph) }
        #expect(error?.code == .unsupported && error?.location == "CAST table index", "\(String(describing: error))")
    }

    @Test func whatIsFloatAlreadyStays() throws {
        var graph = Graph(name: "float")
        let x = graph.addInput("x", TensorType(.float32, [2]))
        graph.addOutput(try graph.addNode(.unary(.relu), [x], names: ["y"], location: "relu")[0])
        let same = try Dequantisation.float(graph)
        #expect(same.operatorNames == ["RELU"] && same[same.outputs[0].value].name == "y")
    }
}
