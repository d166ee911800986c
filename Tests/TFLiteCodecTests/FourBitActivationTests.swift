import GraphIR
import Operators
import TFLiteCodec
import TensorCore
import Testing

/// int4 activations in files.
struct FourBitActivationTests {
    /// int8 and int4 convolutions, a sum of both widths, a concatenation with a constant, and the way back to int8.
    private static func graph() throws -> Graph {
        var graph = Graph(name: "main")
        let eight = QuantizationParameters(scale: 0.05, zeroPoint: -3)
        let four = QuantizationParameters(scale: 0.4, zeroPoint: -8)
        func weights(_ type: ElementType) -> ValueID {
            let values = (0..<9).map { Int8($0 % 7 - 3) }
            let parameters = QuantizationParameters(
                scales: [0.1, 0.2, 0.3], zeroPoints: [0, 0, 0], axis: 0)
            return graph.addConstant(
                Tensor(values, shape: [3, 1, 1, 3], as: type, quantization: parameters), name: "w_\(type.rawValue)")
        }
        let convolution = Operator.conv2D(Conv2D(padding: .same))
        let x = graph.addInput("x", TensorType(.int8, [1, 5, 4, 3], quantization: eight))
        let a = try graph.addNode(
            convolution, [x, weights(.int8)], names: ["a"], location: "a", quantization: [four], elementTypes: [.int4])
        let b = try graph.addNode(
            convolution, [a[0], weights(.int4)], names: ["b"], location: "b", quantization: [four])
        let constant = graph.addConstant(
            Tensor([Int8(-8), 7, 3, 1, 0], shape: [1, 5, 1, 1], as: .int4, quantization: four), name: "c")
        let wide = graph.addConstant(Tensor([Int32(1), 5, 4, 1], shape: [4]), name: "shape")
        let tiled = try graph.addNode(
            .broadcastTo, [constant, wide], names: ["tiled"], location: "tiled", quantization: [four])
        let joined = try graph.addNode(
            .concatenation(axis: 3, activation: .none), [b[0], tiled[0]], names: ["d"], location: "d",
            quantization: [four])
        let part = try graph.addNode(
            .slice,
            [
                joined[0], graph.addConstant(Tensor([Int32(0), 0, 0, 1], shape: [4]), name: "begin"),
                graph.addConstant(Tensor([Int32(1), 5, 4, 3], shape: [4]), name: "size"),
            ], names: ["e"], location: "e", quantization: [four])
        let sum = try graph.addNode(
            .binary(Binary(.add)), [part[0], x], names: ["f"], location: "f", quantization: [eight])
        let back = try graph.addNode(
            .quantize(to: .int8), [joined[0]], names: ["g"], location: "g", quantization: [eight])
        graph.addOutput(sum[0])
        graph.addOutput(back[0])
        return graph
    }

    @Test func aFileComesBack() throws {
        let graph = try FourBitActivationTests.graph()
        let bytes = try TFLiteCodec.encode(graph)
        let read = try TFLiteCodec.decode(bytes: bytes, path: "model")
        #expect(read.graph.firstDifference(from: try TFLiteCodec.canonical(graph)) == nil)
        #expect(read.listing.operators.map(\.version) == [3, 7, 3, 5, 7, 2, 4])
        #expect(read.listing.operators.map(\.builtin).first == "CONV_2D")
    }

    @Test func theNoteCountsActivationsOnly() throws {
        let note = try #require(TFLiteCodec.fourBitNote(on: try FourBitActivationTests.graph()))
        #expect(note.hasPrefix("5 activation tensors are int4"))
        var plain = Graph(name: "main")
        plain.addOutput(plain.addInput("x", TensorType(.float32, [1])))
        #expect(TFLiteCodec.fourBitNote(on: plain) == nil)
    }
}
