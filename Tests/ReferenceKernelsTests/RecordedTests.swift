import Foundation
import Operators
import ReferenceKernels
import TensorCore
import Testing

/// Relative and absolute tolerance of float results whose rounding is not fixed by IEEE 754 (transcendental functions,
/// sums in another order): a few units in the last place of binary32.
private let close = (relative: 4e-6, absolute: 1e-6)

struct RecordedTests {
    static let numpy = RecordedCase.load("numpy")

    @Test func noCaseIsLost() { #expect(Self.numpy.count >= 750) }

    @Test(arguments: numpy) func equalsNumPy(_ recorded: RecordedCase) throws {
        let op = try #require(recorded.makeOperator())
        let inputs = try recorded.inputs.map { try $0.tensor() }
        let expected = try recorded.outputs.map { try $0.tensor() }
        let types = try Inference.outputs(of: op, Operands(types: inputs.map(\.type), constants: inputs))
        #expect(types == expected.map(\.type))
        let results = try ReferenceKernels.evaluate(op, inputs: inputs, outputTypes: types)
        for (result, want) in zip(results, expected) {
            if recorded.tolerance == "exact" {
                #expect(result.isIdentical(to: want), "\(result.doubles()) is not \(want.doubles())")
            } else {
                for (value, right) in zip(result.doubles(), want.doubles()) {
                    #expect(abs(value - right) <= close.absolute + close.relative * abs(right))
                }
            }
        }
    }
}
