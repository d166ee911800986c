import DSPEmulator
import GraphIR
import Operators
import TensorCore
import Testing

@Suite("Constants of the library's nodes")
struct LoweringConstantTests {
    private func node(_ op: HexagonOperator, of name: String) throws -> (HexagonNode, [Int: Tensor]) {
        let item = try #require(LoweringCase.all.first { $0.name == name })
        let graph = try item.lowered()
        let constants = graph.nodes.compactMap { node in node.constant.map { (node.id, $0) } }
        let found = try #require(graph.nodes.first { $0.op == op })
        return (found, Dictionary(uniqueKeysWithValues: constants))
    }

    @Test("filters come last, with the highest bit flipped")
    func filters() throws {
        let (node, constants) = try node(.supernode, of: "convolution by channel")
        let weights = try #require(constants[node.inputs[1].node])
        #expect(weights.shape == [3, 3, 4, 2])
        // Filter 0 starts at the code -100, filter 1 at -64; 128 is added to both.
        #expect(weights.elements(of: UInt8.self).prefix(4) == [28, 64, 29, 65])
    }

    @Test("rows and columns of a matrix are exchanged")
    func matrix() throws {
        let (node, constants) = try node(.matMul, of: "fully connected")
        let weights = try #require(constants[node.inputs[1].node])
        #expect(weights.shape == [1, 1, 4, 2])
        #expect(weights.elements(of: UInt8.self) == [1, 5, 2, 6, 3, 7, 4, 8])
    }

    @Test("split weights hold 32 neighbouring channels")
    func split() throws {
        let item = try #require(LoweringCase.all.first { $0.name == "split depthwise" })
        let graph = try item.lowered()
        let second = try #require(graph.nodes.filter { $0.op == .depthwiseSupernode }.last)
        let weights = try #require(graph.nodes.first { $0.id == second.inputs[1].node }?.constant)
        let expected = (0..<25).flatMap { at in (32..<64).map { UInt8(truncatingIfNeeded: at * 64 + $0 + 156 + 128) } }
        #expect(weights.elements(of: UInt8.self) == expected)
        #expect(weights.shape == [5, 5, 32, 1])
    }

    /// The largest scale is 0.5 and the input's 0.05: real biases are 100 · 0.05 · 0.5 = 2.5 and 101 · 0.05 · 0.25.
    @Test("biases by channel are rounded again in a range eight times as wide")
    func bias() throws {
        let (node, constants) = try node(.supernode, of: "convolution by channel")
        let operands = try node.inputs[7...9].map { try #require(constants[$0.node]) }
        let real = [Float(100) * 0.05 * 0.5, Float(101) * 0.05 * 0.25]
        let codes = real.map { Int32((0x1p31 * Double($0 / (real[0] * 8))).rounded(.toNearestOrAwayFromZero)) }
        #expect(operands[0].elements(of: Int32.self) == codes)
        #expect(codes[0] == 1 << 28)
        #expect(operands[1].elements(of: Float.self) == [-8 * real[0]])
        #expect(operands[2].elements(of: Float.self) == [8 * real[0]])
        let scales = try #require(constants[node.inputs[12].node])
        #expect(scales.elements(of: Float.self) == [1, 0.5])
    }

    /// One over 1024 is below the least relative scale, 0.0009766.
    @Test("relative scales are bounded, and a bias of zeros stays zero")
    func smallScales() throws {
        let item = LoweringCase("") { builder in
            let scales = LoweringCase.perChannel([1, 1.0 / 1024, 1e-6], axis: 0)
            let filter = builder.constant(LoweringCase.weights([3, 1, 1, 2], .int8, scales))
            let bias = builder.constant(Tensor([Int32](repeating: 0, count: 3), shape: [3]))
            return builder.add(
                .conv2D(Conv2D(padding: .valid)), [builder.input([1, 2, 2, 2]), filter, bias],
                results: [builder.tensor([1, 2, 2, 3])])
        }
        let graph = try item.lowered()
        let node = try #require(graph.nodes.first { $0.op == .supernode })
        func constant(_ index: Int) throws -> Tensor {
            try #require(graph.nodes.first { $0.id == node.inputs[index].node }?.constant)
        }
        #expect(try constant(12).elements(of: Float.self) == [1, 0.0009766, 0.0009766])
        #expect(try constant(7).elements(of: Int32.self) == [0, 0, 0])
        #expect(try constant(8).elements(of: Float.self)[0].bitPattern == Float(-0.0).bitPattern)
        #expect(try constant(4).elements(of: Float.self) == [-128])
    }

    @Test("declared sizes of elements")
    func elementSizes() throws {
        func sizes(_ op: HexagonOperator, _ name: String) throws -> [Int] {
            try node(op, of: name).0.outputs.map(\.elementSize)
        }
        #expect(try sizes(.matMul, "fully connected") == [4, 4, 4])
        #expect(try sizes(.multiplyTo32, "product") == [4, 4, 4])
        #expect(try sizes(.mean, "mean") == [1, 1, 1])
        #expect(try sizes(.argMax, "largest of three extents") == [8])
    }

    @Test("what admission takes and builders fail on", arguments: BuildFailure.all)
    func failures(_ item: BuildFailure) throws {
        let error = #expect(throws: Diagnostic.self) { _ = try item.example.lowered() }
        let text = try #require(error).description
        #expect(text.contains("operator 0") && text.contains("E_BUILD: \(item.reason)"), "\(text)")
    }
}

/// An operator that the delegate takes and cannot build.
struct BuildFailure: Sendable, CustomTestStringConvertible {
    var example: LoweringCase
    var reason: String

    var testDescription: String { example.name }

    private init(_ name: String, _ reason: String, _ build: (inout ListingBuilder) -> [Int]) {
        example = LoweringCase(name, build)
        self.reason = reason
    }

    private static let filter = LoweringCase.weights([8, 1, 1, 8], .int8, ListingBuilder.code)

    static let all: [BuildFailure] = [
        BuildFailure("computed weights", "the weights t2 are not a constant") { builder in
            let bias = builder.constant(Tensor(zeros: TensorType(.int32, [8], quantization: ListingBuilder.code)))
            let (data, weights) = (builder.input(), builder.input([8, 1, 1, 8]))
            return builder.add(
                .conv2D(Conv2D(padding: .valid)), [data, weights, bias], results: [builder.tensor()])
        },
        BuildFailure("absent bias", "operand 2 is absent") { builder in
            let weights = builder.constant(filter)
            return builder.add(
                .conv2D(Conv2D(padding: .valid)), [builder.input(), weights, nil], results: [builder.tensor()])
        },
        BuildFailure("bias without scale", "c1 has no scale") { builder in
            let (weights, bias) = (builder.constant(filter), builder.constant(Tensor(zeros: TensorType(.int32, [8]))))
            return builder.add(
                .conv2D(Conv2D(padding: .valid)), [builder.input(), weights, bias], results: [builder.tensor()])
        },
        BuildFailure("codes without scale", "t0 has no scale") { builder in
            let data = builder.input([1, 8], .uint8, quantization: nil)
            return builder.add(.unary(.tanh), [data], results: [builder.tensor([1, 8], .uint8)])
        },
        BuildFailure("paddings of another form", "paddings of the shape 4") { builder in
            let paddings = builder.constant(Tensor([Int32(0), 0, 1, 1], shape: [4]))
            return builder.add(
                .mirrorPad(.reflect), [builder.input([2, 2]), paddings], results: [builder.tensor([2, 4])])
        },
    ]
}
