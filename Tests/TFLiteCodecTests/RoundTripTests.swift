import Foundation
import GraphIR
import Operators
import TFLiteCodec
import TensorCore
import Testing

@Suite struct RoundTripTests {
    @Test(arguments: OneOperatorModels.all.indices)
    func everyOperator(_ index: Int) throws {
        let model = OneOperatorModels.all[index]
        let bytes = try TFLiteCodec.encode(model.graph, metadata: ["depthc": Array("{}".utf8)])
        let read = try TFLiteCodec.decode(bytes: bytes, path: "model")
        #expect(read.graph.firstDifference(from: try TFLiteCodec.canonical(model.graph)) == nil, "\(model)")
        #expect(try TFLiteCodec.encode(read.graph, metadata: read.metadata) == bytes, "\(model)")
        #expect(read.metadata == ["depthc": Array("{}".utf8)])
    }

    @Test(arguments: OneOperatorModels.all.indices)
    func aGraphIsListedLikeItsFile(_ index: Int) throws {
        let model = OneOperatorModels.all[index]
        let read = try TFLiteCodec.decode(bytes: try TFLiteCodec.encode(model.graph), path: "model")
        let own = TFLiteCodec.listing(of: try TFLiteCodec.canonical(model.graph))
        func text(_ listing: OperatorListing) -> [String] {
            listing.operators.map { entry in
                let tensors =
                    entry.inputs.map { $0.map { listing[tensor: $0] } } + entry.outputs.map { listing[tensor: $0] }
                let types = tensors.map { $0.map { "\($0.type) \($0.constant != nil)" } ?? "absent" }
                return "\(entry.builtin) \(entry.version) \(entry.op) \(types)"
            }
        }
        #expect(text(read.listing) == text(own), "\(model)")
        #expect(read.listing.operators.map(\.node) == read.graph.nodes.map(\.id), "\(model)")
        #expect(read.listing.inputs.map { read.listing[tensor: $0].value } == read.graph.inputs.map(\.value))
    }

    @Test func everyOperatorHasAModel() {
        let names = Set(OneOperatorModels.all.flatMap { $0.graph.nodes.map(\.op.name) })
        #expect(names.count == 98, "\(names.sorted())")
    }

    @Test func namesBecomeUniqueAndShapeOperandsNarrow() throws {
        var graph = Graph(name: "")
        let input = graph.addInput("x", TensorType(.float32, [2, 3]))
        let shape = graph.addConstant(Tensor([Int64(3), -1], shape: [2]), name: "x")
        let first = try graph.addNode(.reshape, [input, shape], names: ["y"], location: "a")
        let second = try graph.addNode(.unary(.relu), first, names: [""], location: "b")
        graph.addOutput(try graph.addNode(.unary(.tanh), second, names: ["y"], location: "c")[0])
        let read = try TFLiteCodec.decode(bytes: try TFLiteCodec.encode(graph), path: "model").graph
        #expect(read.name == "main")
        #expect(read.nodes.flatMap(\.outputs).map { read[$0].name } == ["y_1", "tensor", "y"])
        let operand = try #require(read.nodes[0].inputs[1])
        #expect(read[operand].name == "x_1" && read.integers(operand) == [3, -1])
        #expect(read.type(of: operand).elementType == .int32)
        #expect(read.isIdentical(to: try TFLiteCodec.canonical(graph)))
    }

    @Test func equalConstantsAreWrittenOnce() throws {
        func size(_ tensors: [Tensor]) throws -> Int {
            var graph = Graph(name: "main")
            var value = graph.addInput("x", TensorType(.float32, [1024]))
            for tensor in tensors {
                let constant = graph.addConstant(tensor, name: "c")
                value = try graph.addNode(.binary(Binary(.add)), [value, constant], names: ["y"], location: "n")[0]
            }
            graph.addOutput(value)
            return try TFLiteCodec.encode(graph).count
        }
        let a = Tensor([Float](repeating: 1, count: 1024), shape: [1024])
        let b = Tensor([Float](repeating: 1, count: 1024), shape: [1024])
        let c = Tensor([Float](repeating: 2, count: 1024), shape: [1024])
        #expect(try size([a, c]) - size([a, b]) >= 4096)
    }

    @Test func int4IsPackedLowNibbleFirst() throws {
        var graph = Graph(name: "main")
        let parameters = QuantizationParameters(scale: 1, zeroPoint: 0)
        let packed = graph.addConstant(
            Tensor([Int8(-7), 3, 7], shape: [3], as: .int4, quantization: parameters), name: "c")
        graph.addOutput(try graph.addNode(.dequantize, [packed], names: ["y"], location: "a")[0])
        let bytes = try TFLiteCodec.encode(graph)
        let vector: [UInt8] = [2, 0, 0, 0, 0x39, 0x07]
        #expect(bytes.indices.contains { bytes[$0...].starts(with: vector) })
        let read = try TFLiteCodec.decode(bytes: bytes, path: "model").graph
        #expect(read.constant(read.nodes[0].inputs[0])?.elements(of: Int8.self) == [-7, 3, 7])
    }

    @Test func nodesWithoutUseAndTheirConstantsStayOut() throws {
        var graph = Graph(name: "main")
        let input = graph.addInput("x", TensorType(.float32, [4]))
        _ = try graph.addNode(.unary(.exp), [input], names: ["unused"], location: "a")
        graph.addOutput(try graph.addNode(.unary(.tanh), [input], names: ["y"], location: "b")[0])
        let read = try TFLiteCodec.decode(bytes: try TFLiteCodec.encode(graph), path: "model").graph
        #expect(read.nodes.map(\.op) == [.unary(.tanh)])
    }

    @Test func shapesAndValuesOfInputsCanBeGiven() throws {
        var graph = Graph(name: "main")
        let input = graph.addInput("x", TensorType(.float32, [1, 4]))
        let other = graph.addInput("y", TensorType(.float32, [4]))
        graph.addOutput(try graph.addNode(.binary(Binary(.add)), [input, other], names: ["z"], location: "a")[0])
        let bytes = try TFLiteCodec.encode(graph)
        let larger = try TFLiteCodec.decode(bytes: bytes, path: "model", inputShapes: ["x": [3, 4]]).graph
        #expect(larger.type(of: larger.outputs[0].value).shape == [3, 4])
        let value = Tensor([Float(1), 2, 3, 4], shape: [4])
        let fixed = try TFLiteCodec.decode(bytes: bytes, path: "model", fixedInputs: ["y": value]).graph
        #expect(fixed.inputs.count == 1 && fixed.constant(fixed.nodes[0].inputs[1])?.isIdentical(to: value) == true)
        #expect(throws: Diagnostic.self) {
            try TFLiteCodec.decode(bytes: bytes, path: "model", inputShapes: ["z": [1]])
        }
    }
}
