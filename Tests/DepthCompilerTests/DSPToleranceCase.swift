import DepthCompiler
import Operators
import Testing

/// What the Hexagon delegate's own tests allow, files of LiteRT's tflite/delegates/hexagon/builders/tests.
struct PublishedTolerance: Sendable {
    var file: String
    /// In real values.
    var error: Double
    /// What a code of the result is worth in that test.
    var scale: Double

    /// In codes of the result. A real error says little without its scale: tests of one file differ in it.
    var codes: Int { Int((error / scale + 1e-6).rounded(.down)) }

    static let add = PublishedTolerance(file: "arithmetic_test.cc", error: 2.0 / 255, scale: 2.0 / 255)
    static let multiply = PublishedTolerance(file: "mul_test.cc", error: 0.03, scale: 2.0 / 255)
    static let squaredDifference = PublishedTolerance(
        file: "squared_difference_test.cc", error: 10.0 / 255, scale: 9.0 / 255)
    static let extremum = PublishedTolerance(file: "min_max_builder_test.cc", error: 0, scale: 256.0 / 255)
    static let relu = PublishedTolerance(file: "activations_test.cc", error: 0.03, scale: 12.0 / 255)
    static let relu6 = PublishedTolerance(file: "activations_test.cc", error: 0.03, scale: 16.0 / 255)
    static let tanh = PublishedTolerance(file: "activations_test.cc", error: 0.03, scale: 1.0 / 128)
    static let logistic = PublishedTolerance(file: "activations_test.cc", error: 0.03, scale: 1.0 / 256)
    static let softmax = PublishedTolerance(file: "softmax_test.cc", error: 2.0 / 256, scale: 1.0 / 256)
    static let squareRoot = PublishedTolerance(file: "rsqrt_test.cc", error: 142.0 / 255, scale: 1.0 / 255)
    static let quantize = PublishedTolerance(file: "quantize_test.cc", error: 0, scale: 1)
    static let mean = PublishedTolerance(file: "reduce_test.cc", error: 2.0 / 255, scale: 2.0 / 255)
    static let pool = PublishedTolerance(file: "pool_test.cc", error: 1e-5, scale: 10.0 / 255)
    static let argument = PublishedTolerance(file: "arg_min_max_test.cc", error: 0, scale: 1)
    static let bilinear = PublishedTolerance(file: "resize_test.cc", error: 1, scale: 32.0 / 255)
    static let nearest = PublishedTolerance(file: "resize_test.cc", error: 1, scale: 32.0 / 255)
    static let concatenation = PublishedTolerance(file: "concat_test.cc", error: 0.1, scale: 13.52495 / 255)
    static let pack = PublishedTolerance(file: "pack_test.cc", error: 1e-5, scale: 1)
    static let split = PublishedTolerance(file: "split_test.cc", error: 0.1, scale: 16.0 / 255)
    static let slice = PublishedTolerance(file: "slice_test.cc", error: 0.1, scale: 20.0 / 255)
    static let stridedSlice = PublishedTolerance(file: "strided_slice_test.cc", error: 0, scale: 20.0 / 255)
    static let pad = PublishedTolerance(file: "pad_test.cc", error: 2.0 / 255, scale: 2.0 / 255)
    static let mirrorPad = PublishedTolerance(file: "mirror_pad_test.cc", error: 0, scale: 1)
    static let reshape = PublishedTolerance(file: "reshape_test.cc", error: 0, scale: 1)
    static let transpose = PublishedTolerance(file: "transpose_test.cc", error: 0, scale: 1)
    static let blocks = PublishedTolerance(file: "space_to_depth_test.cc", error: 0, scale: 1)
    static let convolution = PublishedTolerance(file: "conv_test.cc", error: 0.6, scale: 0.5)
    static let transposedConvolution = PublishedTolerance(file: "transpose_conv_test.cc", error: 1e-5, scale: 1)
    static let matrix = PublishedTolerance(file: "matmul_test.cc", error: 1e-5, scale: 1)
}

/// A model of one operator on codes.
struct DSPToleranceCase: Sendable, CustomTestStringConvertible {
    var op: Operator
    var name: String
    var tolerance: PublishedTolerance
    var inputs: [TensorType]
    var constants: [Tensor]
    /// Positions of fed and constant operands in the operator's order; nil for fed ones first.
    var order: [Int]?
    var result: QuantizationParameters?

    /// Operands have no code below it: RSQRT of zero has no value.
    var leastCode: Int? { op == .unary(.rsqrt) ? -127 : nil }

    var testDescription: String { name }

    init(
        _ op: Operator, _ variant: String = "", _ tolerance: PublishedTolerance, _ inputs: [TensorType],
        _ constants: [Tensor] = [], order: [Int]? = nil, result: QuantizationParameters? = nil
    ) {
        self.op = op
        self.tolerance = tolerance
        self.inputs = inputs
        self.constants = constants
        self.order = order
        self.result = result
        let shapes = inputs.map { $0.shape.dimensions.map(String.init).joined(separator: "x") }
        let type = inputs.first?.elementType.rawValue ?? ""
        name = ([op.name, type, shapes.joined(separator: "+")] + (variant.isEmpty ? [] : [variant])).joined(
            separator: " ")
    }

    func graph() throws -> Graph {
        var graph = Graph(name: "main")
        let fed = inputs.enumerated().map { graph.addInput("in\($0)", $1) }
        let operands = fed + constants.enumerated().map { graph.addConstant($1, name: "constant\($0)") }
        let results = try graph.addNode(
            op, order.map { $0.map { operands[$0] } } ?? operands, names: (0..<8).map { "out\($0)" }, location: "node",
            quantization: result.map { [QuantizationParameters?](repeating: $0, count: 8) })
        for value in results { graph.addOutput(value) }
        return graph
    }
}

/// Numbers that are the same in every run.
struct SeededNumbers {
    private var state: UInt64

    init(_ name: String) {
        state = name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func next(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    /// Any codes of an 8-bit type, int8 ones not below `least`.
    mutating func codes(_ type: TensorType, least: Int? = nil) -> Tensor {
        let values = (0..<type.shape.elementCount).map { _ in
            let code = next()
            return least.map { UInt8(bitPattern: Int8(max(Int(Int8(truncatingIfNeeded: code)), $0))) }
                ?? UInt8(truncatingIfNeeded: code)
        }
        return Tensor(values, shape: type.shape, as: type.elementType, quantization: type.quantization)
    }
}
