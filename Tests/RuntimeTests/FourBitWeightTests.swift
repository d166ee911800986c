import CKernels
import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

/// Kernels on int4 weights, which stay packed two to a byte. Serialised, because tests choose the instruction set of the
/// whole process.
@Suite(.serialized) struct FourBitWeightTests {
    private static let families: [Family] = [
        .convolutionFourBit, .depthwiseFourBit, .transposedConvolutionFourBit, .fullyConnectedFourBit, .hybridFourBit,
    ]

    /// The bits of the reference kernels with every instruction set that the machine has.
    @Test(arguments: families, [CK_ISA_PORTABLE, CK_ISA_AVX2, CK_ISA_AVX512_VNNI])
    func everyInstructionSetEqualsTheReference(_ family: Family, _ isa: Int) throws {
        let usual = ck_isa()
        defer { ck_set_isa(usual) }
        guard ck_set_isa(Int32(isa)) == Int32(isa) else { return }
        for seed in 100..<220 {
            let random = try family.make(seed)
            let expected = try Plan(random.graph, options: RunOptions(engine: .reference)).run(random.inputs)
            let got = try Plan(random.graph, options: RunOptions(engine: .fast)).run(random.inputs)
            if expected[0].elementType == .float32 {
                let wrong = FastKernelTests.firstDifference(
                    got[0].elements(of: Float.self), expected[0].elements(of: Float.self), terms: nil)
                #expect(wrong == nil, "\(random.graph.nodes[0].op)")
            } else {
                #expect(got[0].isIdentical(to: expected[0]), "seed \(seed): \(random.graph.nodes[0].op)")
            }
        }
    }

    /// A graph of one layer with `type` weights of one code, the layer's operator and its number of weights.
    private func layer(_ op: Operator, weights shape: Shape, _ type: ElementType) throws -> (graph: Graph, count: Int) {
        var graph = Graph(name: "layer")
        let codes = QuantizationParameters(scale: 0.5, zeroPoint: -3)
        let isMatrix = shape.rank == 2
        let input = graph.addInput(
            "x", TensorType(.int8, isMatrix ? [4, shape[1]] : [1, 16, 16, 32], quantization: codes))
        let weights = Tensor(
            [Int8](repeating: 5, count: shape.elementCount), shape: shape, as: type,
            quantization: QuantizationParameters(scale: 0.25, zeroPoint: 0))
        let packed = weights.withFileBytes { Tensor(weights.type, packed: $0) } ?? weights
        let result = try graph.addNode(
            op, [input, graph.addConstant(packed, name: "weights")], names: [], location: "layer",
            quantization: [codes])
        graph.addOutput(result[0])
        return (graph, shape.elementCount)
    }

    private static let layers: [(Operator, Shape)] = [
        (.conv2D(Conv2D(padding: .same)), [48, 3, 3, 32]),
        (.depthwiseConv2D(DepthwiseConv2D(padding: .same)), [1, 4, 4, 32]),
        (.fullyConnected(FullyConnected(keepDimensions: true)), [64, 120]),
    ]

    /// Packed weights take half a byte each, of int8 two bytes; the plan keeps no other copy.
    @Test(arguments: layers)
    func weightsStayPacked(_ op: Operator, _ shape: Shape) throws {
        let (four, count) = try layer(op, weights: shape, .int4)
        let (eight, _) = try layer(op, weights: shape, .int8)
        let plan = try Plan(four)
        #expect(plan.weightByteCount == count / 2)
        #expect(try Plan(eight).weightByteCount == 2 * count)
        let weights = try #require(four.nodes[0].inputs[1].flatMap(four.constant))
        #expect(weights.isPacked)
        let input = Tensor(zeros: four.type(of: four.inputs[0].value))
        #expect(try plan.run([input])[0].isIdentical(to: Plan(eight).run([input])[0]))
    }

    /// A packed constant that a kernel reads in place is unpacked for it.
    @Test func otherOperatorsReadPackedConstants() throws {
        var graph = Graph(name: "dequantize")
        let plain = Tensor(
            (0..<21).map { Int8($0 % 16 - 8) }, shape: [3, 7], as: .int4,
            quantization: QuantizationParameters(scale: 0.5, zeroPoint: 1))
        let packed = try #require(plain.withFileBytes { Tensor(plain.type, packed: $0) })
        let index = graph.addInput("index", TensorType(.int32, [1]))
        let codes = try graph.addNode(
            .gather(axis: 0, batchDimensions: 0), [graph.addConstant(packed, name: "table"), index], names: [],
            location: "gather")
        graph.addOutput(codes[0])
        let row = Tensor([Int32(2)], shape: [1])
        for engine in Engine.allCases {
            let got = try Plan(graph, options: RunOptions(engine: engine)).run([row])[0]
            #expect(got.elements(of: Int8.self) == Array(plain.elements(of: Int8.self)[14...]))
        }
    }
}
