import Operators
import ReferenceKernels
import TensorCore
import Testing

/// Inputs on which careless arithmetic would trap, and what is promised for them.
struct EdgeTests {
    private func evaluate(_ op: Operator, _ inputs: [Tensor]) throws -> [Tensor] {
        let types = try Inference.outputs(of: op, Operands(types: inputs.map(\.type), constants: inputs))
        return try ReferenceKernels.evaluate(op, inputs: inputs, outputTypes: types)
    }

    private func vector<T: TensorElement>(_ values: [T]) -> Tensor { Tensor(values, shape: [values.count]) }

    @Test(arguments: [Binary.Kind.div, .floorDiv, .floorMod])
    func integerDivisionByZeroIsAnError(_ kind: Binary.Kind) throws {
        #expect(throws: Diagnostic.self) {
            try evaluate(.binary(Binary(kind)), [vector([Int32(1)]), vector([Int32(0)])])
        }
    }

    @Test func leastIntegerByMinusOneWraps() throws {
        let results = try evaluate(.binary(Binary(.div)), [vector([Int32.min]), vector([Int32(-1)])])
        #expect(results[0].elements(of: Int32.self) == [Int32.min])
        let remainder = try evaluate(.binary(Binary(.floorMod)), [vector([Int32.min]), vector([Int32(-1)])])
        #expect(remainder[0].elements(of: Int32.self) == [0])
        let magnitude = try evaluate(.unary(.abs), [vector([Int32.min])])
        #expect(magnitude[0].elements(of: Int32.self) == [Int32.min])
    }

    @Test func castsOfWhatDoesNotFitSaturate() throws {
        let extremes = vector([Float.nan, .infinity, -.infinity, 1e30, -1e30, 2_147_483_648])
        #expect(
            try evaluate(.cast(to: .int32), [extremes])[0].elements(of: Int32.self)
                == [0, .max, .min, .max, .min, .max])
        #expect(try evaluate(.cast(to: .uint8), [extremes])[0].elements(of: UInt8.self) == [0, 255, 0, 255, 0, 255])
        #expect(try evaluate(.cast(to: .bool), [extremes])[0].elements(of: UInt8.self) == [1, 1, 1, 1, 1, 1])
    }

    @Test(arguments: [Int32(-1), 3, .max, .min])
    func indicesOutOfRangeAreErrors(_ index: Int32) throws {
        let source = vector([Float(1), 2, 3])
        #expect(throws: Diagnostic.self) {
            try evaluate(.gather(axis: 0, batchDimensions: 0), [source, vector([index])])
        }
        #expect(throws: Diagnostic.self) { try evaluate(.gatherND, [source, Tensor([index], shape: [1, 1])]) }
        #expect(throws: Diagnostic.self) {
            try evaluate(.scatterND, [Tensor([index], shape: [1, 1]), vector([Float(1)]), vector([Int32(3)])])
        }
    }

    @Test func quantizedPaddingIsTheZeroPoint() throws {
        let parameters = QuantizationParameters(scale: 0.5, zeroPoint: -7)
        let input = Tensor([Int8(1), 2], shape: [2], quantization: parameters)
        let results = try evaluate(.pad, [input, Tensor([Int32(1), 2], shape: [1, 2])])
        #expect(results[0].elements(of: Int8.self) == [-7, 1, 2, -7, -7])
        #expect(results[0].type.quantization == parameters)
    }

    @Test func reductionsOfNothing() throws {
        let empty = Tensor([Float](), shape: [2, 0])
        let axis = vector([Int32(1)])
        func reduced(_ kind: Reduction.Kind) throws -> [Float] {
            try evaluate(.reduce(Reduction(kind, keepDimensions: false)), [empty, axis])[0].elements(of: Float.self)
        }
        #expect(try reduced(.sum) == [0, 0])
        #expect(try reduced(.product) == [1, 1])
        #expect(try reduced(.max) == [-.infinity, -.infinity])
        #expect(try reduced(.mean).allSatisfy(\.isNaN))
        #expect(throws: Diagnostic.self) {
            try evaluate(.argument(ArgumentReduction(.max, outputType: .int32)), [empty, Tensor(scalar: Int32(1))])
        }
    }

    @Test func emptyTensorsMove() throws {
        let empty = Tensor([Float](), shape: [0, 3])
        #expect(try evaluate(.transpose, [empty, vector([Int32(1), 0])])[0].shape == [3, 0])
        #expect(try evaluate(.reverse, [empty, vector([Int32(0)])])[0].shape == [0, 3])
        #expect(try evaluate(.softmax(beta: 1), [empty])[0].shape == [0, 3])
        #expect(try evaluate(.tile, [empty, vector([Int32(2), 2])])[0].shape == [0, 6])
        let summed = try evaluate(.cumulativeSum(exclusive: false, reverse: false), [empty, Tensor(scalar: Int32(0))])
        #expect(summed[0].shape == [0, 3])
    }
}
