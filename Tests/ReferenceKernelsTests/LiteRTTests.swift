import Operators
import ReferenceKernels
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
        let hybrid = expected[0].elementType == .float32 && inputs.contains { $0?.elementType == .int8 }
        for (result, want) in zip(results, expected) {
            let tolerance = hybrid && op != .dequantize ? close * (want.doubles().map(abs).max() ?? 0) : 0
            let differences = zip(result.doubles(), want.doubles()).filter { !(abs($0 - $1) <= tolerance || $0 == $1) }
            #expect(
                differences.isEmpty,
                "\(differences.count) of \(want.count) differ, first \(String(describing: differences.first))")
        }
    }
}
