import GraphIR
import Operators
import ReferenceKernels
import Runtime
import TensorCore
import Testing

/// Float results of dynamic-range operators: the integers are equal, their scaling may round in another order.
private let close = 1e-6

struct LiteRTTests {
    @Test func noCaseIsLost() { #expect(LiteRTCase.all.count >= 600) }

    @Test(arguments: LiteRTCase.all) func equalsLiteRT(_ recorded: LiteRTCase) throws {
        let op = try recorded.makeOperator()
        let inputs = try recorded.inputs.map { try $0?.tensor() }
        let expected = try recorded.outputs.map { try $0.tensor() }
        let types = try Inference.outputs(of: op, Operands(types: inputs.map { $0?.type }, constants: inputs))
        #expect(types.map(\.shape) == expected.map(\.shape))
        #expect(types.map(\.elementType) == expected.map(\.elementType))
        let results = try ReferenceKernels.evaluate(op, inputs: inputs, outputTypes: expected.map(\.type))
        #expect(results.map(\.type) == expected.map(\.type))
        let hybrid =
            expected[0].elementType == .float32 && inputs.contains { [.int4, .int8].contains($0?.elementType) }
        for (result, want) in zip(results, expected) {
            let tolerance = hybrid && op != .dequantize ? close * (want.doubles().map(abs).max() ?? 0) : 0
            let differences = zip(result.doubles(), want.doubles()).filter { !(abs($0 - $1) <= tolerance || $0 == $1) }
            #expect(
                differences.isEmpty,
                "\(differences.count) of \(want.count) differ, first \(String(describing: differences.first))")
        }
    }

    /// Integers of the fast engine, on the operands as a file has them: int4 weights two to a byte.
    @Test(arguments: LiteRTCase.all.filter { $0.outputs[0].type != "float32" })
    func fastEngineEqualsLiteRT(_ recorded: LiteRTCase) throws {
        let inputs = try recorded.inputs.map { try $0?.tensor() }
        let expected = try recorded.outputs.map { try $0.tensor() }
        let fed = recorded.operator == "TRANSPOSE_CONV" ? 2 : 0
        var graph = Graph(name: recorded.name)
        let values = inputs.enumerated().map { index, tensor in
            tensor.map { tensor in
                if index == fed { return graph.addInput("input", tensor.type) }
                let packed = tensor.withFileBytes { Tensor(tensor.type, packed: $0) }
                return graph.addConstant(packed ?? tensor, name: "operand \(index)")
            }
        }
        let results = try graph.addNode(
            recorded.makeOperator(), values, names: [], location: recorded.name,
            quantization: expected.map(\.type.quantization))
        for result in results { graph.addOutput(result) }
        let input = try #require(inputs[fed])
        let got = try Plan(graph, options: RunOptions(engine: .fast)).run([input])
        for (result, want) in zip(got, expected) { #expect(result.isIdentical(to: want)) }
    }

    /// Where LiteRT's reference resolver lacks the operator or is wrong; `docs/NUMERICS.md` says why.
    private static let exceptions: Set<String> = [
        "DEPTHWISE_CONV_2D int4", "TRANSPOSE_CONV float32 int8", "ELU int8", "SUM int8",
    ]

    @Test func everyOtherCaseComesFromTheReferenceResolver() {
        var found: Set<String> = []
        for recorded in LiteRTCase.all where recorded.resolver != "BUILTIN_REF" {
            let types = recorded.inputs.compactMap { $0?.type }
            found.formUnion(
                Self.exceptions.filter { exception in
                    let words = exception.split(separator: " ").map(String.init)
                    return words[0] == recorded.operator && words.dropFirst().allSatisfy(types.contains)
                })
            #expect(recorded.resolver == "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
            #expect(
                Self.exceptions.contains { $0.hasPrefix(recorded.operator) }, "\(recorded.name) is no known exception")
        }
        #expect(found == Self.exceptions)
    }

    /// Operators that compute, so that a kernel for one type says nothing of another.
    private static let computing: [Operator] =
        [
            .conv2D(Conv2D(padding: .same)), .depthwiseConv2D(DepthwiseConv2D(padding: .same)),
            .transposeConv(TransposeConv(stride: Extent2D(1), padding: .same)),
            .fullyConnected(FullyConnected(keepDimensions: false)), .batchMatMul(BatchMatMul()),
            .averagePool2D(Pool2D(window: Extent2D(1), stride: Extent2D(1), padding: .same)),
            .maxPool2D(Pool2D(window: Extent2D(1), stride: Extent2D(1), padding: .same)),
            .leakyRelu(alpha: 0), .gelu(approximate: false), .prelu, .softmax(beta: 1), .logSoftmax,
            .resizeBilinear(ResizeOptions(alignCorners: false, halfPixelCenters: false)),
            .resizeNearestNeighbor(ResizeOptions(alignCorners: false, halfPixelCenters: false)),
        ] + Binary.Kind.allCases.map { .binary(Binary($0)) } + Unary.allCases.map(Operator.unary)
        + Comparison.allCases.map(Operator.compare)
        + [Reduction.Kind.mean, .sum, .max, .min].map { .reduce(Reduction($0, keepDimensions: true)) }

    @Test(arguments: computing) func everyTypeOfTheContractHasACase(_ op: Operator) {
        let recorded = Set(
            LiteRTCase.all.filter { $0.operator == op.name }.flatMap { $0.inputs.compactMap { $0?.type } })
        for type in op.quantizationContract.activationTypes {
            #expect(recorded.contains(type.rawValue), "\(op.name) has no case with \(type.rawValue)")
        }
    }
}
