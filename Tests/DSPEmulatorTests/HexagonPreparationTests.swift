import DSPEmulator
import GraphIR
import TensorCore
import Testing

/// Graphs before and after preparation, as text.
@Suite struct HexagonPreparationTests {
    struct Rewrite: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var build: @Sendable (inout HexagonGraphBuilder) -> HexagonGraph
        var before: String
        var after: String
    }

    @Test(arguments: rewrites)
    func becomes(rewrite: Rewrite) throws {
        var builder = HexagonGraphBuilder()
        let graph = rewrite.build(&builder)
        #expect(graph.listing == rewrite.before)
        let prepared = try HexagonPreparation.prepare(graph)
        #expect(prepared.listing == rewrite.after)
        _ = try HexagonInterpreter(prepared, architecture: .v66)
    }

    @Test func keepsValuesThatAreStillComputed() throws {
        var builder = HexagonGraphBuilder()
        var graph = Self.fullyConnected(&builder)
        var model = Graph(name: "model")
        let type = TensorType(.int8, [1])
        let values = ["input", "product", "clamped"].map { model.addInput($0, type) }
        graph.values = [
            values[0]: HexagonReference(1), values[1]: HexagonReference(14), values[2]: HexagonReference(18),
        ]
        let prepared = try HexagonPreparation.prepare(graph)
        #expect(prepared.values == [values[0]: HexagonReference(1), values[2]: HexagonReference(18)])
    }

    @Test func refusesGraphsOutOfOrder() {
        var builder = HexagonGraphBuilder()
        var graph = Self.fullyConnected(&builder)
        graph.nodes.swapAt(6, 10)
        #expect { try HexagonPreparation.prepare(graph) } throws: { ($0 as? Diagnostic)?.code == .badModel }
    }

    static func constantOperands(_ b: inout HexagonGraphBuilder) -> HexagonGraph {
        let x = b.input([1, 1, 1, 4])
        let c = b.constant(Tensor([Int8](repeating: -128, count: 6), shape: [1, 1, 2, 3]))
        let cast = b.node(.castInt8ToUInt8, [c] + b.range(-1, 1), [1, 1, 2, 3])
        let t = b.node(.transpose, [cast[0], b.integers(0, 1, 3, 2)] + b.range(-2, 2), [1, 1, 3, 2])
        let n = b.node(.negate, [t[0], t[1], t[2]], [1, 1, 3, 2])
        return b.output(x[0], n[0])
    }

    static func repeatedRange(_ b: inout HexagonGraphBuilder) -> HexagonGraph {
        let x = b.input([1, 2, 2, 4])
        let m = b.node(.multiplyTo32, [x[0], x[0]] + b.range(0, 1) + b.range(0, 1), [1, 2, 2, 4], elementSize: 4)
        let r = b.node(.requantize32To8, m + b.range(-1, 4.1), [1, 2, 2, 4])
        let q = b.node(.requantize8To8, [r[0]] + b.range(-1, 4.1) + b.range(-1, 4.1), [1, 2, 2, 4])
        let relu = b.node(.relu, [q[0]] + b.range(-1, 4.1), [1, 2, 2, 4])
        return b.output(relu[0])
    }

    static func fullyConnected(_ b: inout HexagonGraphBuilder) -> HexagonGraph {
        let x = b.input([1, 1, 1, 32])
        let w = b.constant(HexagonPreparationRunTests.codes([1, 1, 32, 48]))
        let m = b.node(.matMul, [x[0], w] + b.range(0, 1) + b.range(-2, 1.984375), [1, 1, 1, 48], elementSize: 4)
        let bias = b.constant(layoutIntegers([Int32](repeating: 2, count: 48)))
        let s = b.node(.biasAdd, [m[0], bias, m[1], m[2]] + b.range(-7, 7), [1, 1, 1, 48], elementSize: 4)
        let r = b.node(.requantize32To8, s + b.range(-1, 4.1), [1, 1, 1, 48])
        let relu = b.node(.reluX, [r[0]] + b.range(-1, 4.1) + [b.number(6)], [1, 1, 1, 48])
        let sm = b.node(.softmax, [relu[0]] + b.range(0, 4.1) + [b.number(1)], [1, 1, 1, 48])
        return b.output(sm[0])
    }

    static func chain(_ b: inout HexagonGraphBuilder) -> HexagonGraph {
        let x = b.input([1, 8, 8, 8])
        let c = b.supernode(x[0], filter: [11, 3, 8, 32], padding: .same, shape: [1, 8, 8, 32])
        let p = b.node(
            .maxPool, [c] + b.range(0, 6) + [b.extents(2, 2), b.extents(2, 2)], [1, 4, 4, 32], padding: .valid)
        let d = b.supernode(p[0], filter: [1, 1, 32, 32], shape: [1, 4, 4, 32])
        let a = b.node(.add, [d, p[0]] + b.range(0, 6) + b.range(0, 6) + b.range(0, 9), [1, 4, 4, 32])
        let q = b.node(.requantize8To8, a + b.range(0, 9), [1, 4, 4, 32])
        return b.output(q[0], c)
    }

    static func joined(_ b: inout HexagonGraphBuilder) -> HexagonGraph {
        let x = b.input([1, 4, 4, 32])
        let a = b.supernode(x[0], filter: [1, 1, 32, 32], shape: [1, 4, 4, 32], range: (-1, 2))
        let c = b.supernode(x[0], filter: [1, 1, 32, 64], shape: [1, 4, 4, 64], range: (-3, 1))
        let j = b.node(
            .concat, [b.integers(3), a, c, b.number(-1), b.number(-3), b.number(2), b.number(1)], [1, 4, 4, 96])
        return b.output(j[0])
    }

    static func transposed(_ b: inout HexagonGraphBuilder) -> HexagonGraph {
        let x = b.input([1, 3, 4, 5])
        let w = b.constant(Tensor([UInt8](repeating: 3, count: 2 * 3 * 3 * 5), shape: [2, 3, 3, 5]))
        let t = b.node(
            .transposeConv2D,
            [x[0], w] + b.range(0, 1) + b.range(-1, 1) + [
                b.integers(0, 0, 0, 0, shape: [1, 1, 2, 2]), b.extents(2, 2), b.integers(7, 8),
            ] + b.range(-4, 4) + b.range(-2, 2), [1, 6, 8, 2])
        return b.output(t[0])
    }

    static func shallow(_ b: inout HexagonGraphBuilder) -> HexagonGraph {
        let x = b.input([1, 7, 7, 2])
        let a = b.supernode(x[0], filter: [3, 3, 2, 2], shape: [1, 5, 5, 2], scales: [1, 0.5])
        let c = b.supernode(x[0], filter: [3, 3, 2, 8], strides: (2, 2), shape: [1, 3, 3, 8])
        let d = b.supernode(x[0], filter: [3, 3, 2, 8], strides: (3, 3), shape: [1, 2, 2, 8])
        return b.output(a, c, d)
    }

    static let rewrites: [Rewrite] = [
        Rewrite(
            testDescription: "constant casts and transposes", build: constantOperands,
            before: """
                %1 INPUT() -> 1x1x1x4
                %5 Quantized_CastInt8ToUInt8(1x1x2x3, -1.0, 1.0) -> 1x1x2x3
                %9 Transpose_8(%5, [0 1 3 2], -2.0, 2.0) -> 1x1x3x2
                %10 QuantizedNeg_8(%9, %9.1, %9.2) -> 1x1x3x2
                %11 OUTPUT(%1, %10)
                """,
            after: """
                %1 INPUT() -> 1x1x1x4
                %10 QuantizedNeg_8(1x1x3x2, -2.0, 2.0) -> 1x1x3x2
                %11 OUTPUT(%1, %10)
                """),
        Rewrite(
            testDescription: "a requantisation to the same range, and a clamp behind a product", build: repeatedRange,
            before: """
                %1 INPUT() -> 1x2x2x4
                %6 QuantizedMul_8x8to32(%1, %1, 0.0, 1.0, 0.0, 1.0) -> 1x2x2x4
                %9 Requantize_32to8(%6, %6.1, %6.2, -1.0, 4.1) -> 1x2x2x4
                %14 Requantize_8to8(%9, -1.0, 4.1, -1.0, 4.1) -> 1x2x2x4
                %17 QuantizedRelu_8(%14, -1.0, 4.1) -> 1x2x2x4
                %18 OUTPUT(%17)
                """,
            after: """
                %1 INPUT() -> 1x2x2x4
                %6 QuantizedMul_8x8to32(%1, %1, 0.0, 1.0, 0.0, 1.0) -> 1x2x2x4
                %9 Requantize_32to8(%6, %6.1, %6.2, -1.0, 4.1) -> 1x2x2x4
                %17 QuantizedReluX_8(%9, -1.0, 4.1, 4.1) -> 1x2x2x4
                %18 OUTPUT(%17)
                """),
        Rewrite(
            testDescription: "a fully connected layer with a clamp", build: fullyConnected,
            before: """
                %1 INPUT() -> 1x1x1x32
                %7 QuantizedMatMul_8x8to32(%1, 1x1x32x48, 0.0, 1.0, -2.0, 1.984375) -> 1x1x1x48
                %11 QuantizedBiasAdd_32p32to32(%7, 1x1x1x48, %7.1, %7.2, -7.0, 7.0) -> 1x1x1x48
                %14 Requantize_32to8(%11, %11.1, %11.2, -1.0, 4.1) -> 1x1x1x48
                %18 QuantizedReluX_8(%14, -1.0, 4.1, 6.0) -> 1x1x1x48
                %22 QuantizedSoftmax_8(%18, 0.0, 4.1, 1.0) -> 1x1x1x48
                %23 OUTPUT(%22)
                """,
            after: """
                %1 INPUT() -> 1x1x1x32
                %18 SuperFC_8x8p32to8(%1, 1x1x32x48, 0.0, 1.0, -2.0, 1.984375, 1x1x1x48, -7.0, 7.0, 0.0, 6.0) -> 1x1x1x48
                %22 QuantizedSoftmax_8(%18, 0.0, 4.1, 1.0) -> 1x1x1x48
                %23 OUTPUT(%22)
                """),
        Rewrite(
            testDescription: "convolution, pooling, convolution, addition", build: chain,
            before: """
                %1 INPUT() -> 1x8x8x8
                %13 Supernode_8x8p32to8 same(%1, 11x3x8x32, 0.0, 255.0, -128.0, 127.0, 0, 1x1x1x32, -9.0, 9.0, 0.0, 6.0) -> 1x8x8x32
                %18 QuantizedMaxPool_8 valid(%13, 0.0, 6.0, 1x2x2x1, 1x2x2x1) -> 1x4x4x32
                %30 Supernode_8x8p32to8 valid(%18, 1x1x32x32, 0.0, 255.0, -128.0, 127.0, 0, 1x1x1x32, -9.0, 9.0, 0.0, 6.0) -> 1x4x4x32
                %37 QuantizedAdd_8p8to8(%30, %18, 0.0, 6.0, 0.0, 6.0, 0.0, 9.0) -> 1x4x4x32
                %40 Requantize_8to8(%37, %37.1, %37.2, 0.0, 9.0) -> 1x4x4x32
                %41 OUTPUT(%40, %13)
                """,
            after: """
                %1 INPUT() -> 1x8x8x8
                %42 Convert_to_d32(%1) -> 1x8x8x8
                %44 QuantizedPadForConv_8_d32 same(%42, 0.0, 255.0, 11x3x8x32, 0) -> 1x18x10x8
                %13 Supernode_8x8p32to8_d32 valid(%44, 11x3x8x32, %44.1, %44.2, -128.0, 127.0, 0, 1x1x1x32, -9.0, 9.0, 0.0, 6.0) -> 1x8x8x32
                %43 Convert_from_d32(%13) -> 1x8x8x32
                %18 QuantizedMaxPool_8_d32 valid(%13, 0.0, 6.0, 1x2x2x1, 1x2x2x1) -> 1x4x4x32
                %30 Supernode_8x8p32to8_d32 valid(%18, 1x1x32x32, 0.0, 255.0, -128.0, 127.0, 0, 1x1x1x32, -9.0, 9.0, 0.0, 6.0) -> 1x4x4x32
                %37 QuantizedAdd_8p8to8_d32(%30, %18, 0.0, 6.0, 0.0, 6.0, 0.0, 9.0) -> 1x4x4x32
                %40 Requantize_8to8_d32(%37, %37.1, %37.2, 0.0, 9.0) -> 1x4x4x32
                %48 Convert_from_d32(%40) -> 1x4x4x32
                %41 OUTPUT(%48, %43)
                """),
        Rewrite(
            testDescription: "concatenation of convolutions with different ranges", build: joined,
            before: """
                %1 INPUT() -> 1x4x4x32
                %13 Supernode_8x8p32to8 valid(%1, 1x1x32x32, 0.0, 255.0, -128.0, 127.0, 0, 1x1x1x32, -9.0, 9.0, -1.0, 2.0) -> 1x4x4x32
                %25 Supernode_8x8p32to8 valid(%1, 1x1x32x64, 0.0, 255.0, -128.0, 127.0, 0, 1x1x1x64, -9.0, 9.0, -3.0, 1.0) -> 1x4x4x64
                %31 QuantizedConcat_8(3, %13, %25, -1.0, -3.0, 2.0, 1.0) -> 1x4x4x96
                %32 OUTPUT(%31)
                """,
            after: """
                %1 INPUT() -> 1x4x4x32
                %33 Convert_to_d32(%1) -> 1x4x4x32
                %13 Supernode_8x8p32to8_d32 valid(%33, 1x1x32x32, 0.0, 255.0, -128.0, 127.0, 0, 1x1x1x32, -9.0, 9.0, -3.0, 2.0) -> 1x4x4x32
                %25 Supernode_8x8p32to8_d32 valid(%33, 1x1x32x64, 0.0, 255.0, -128.0, 127.0, 0, 1x1x1x64, -9.0, 9.0, -3.0, 2.0) -> 1x4x4x64
                %31 QuantizedFakeConcat_8_d32(3, %13, %25, -1.0, -3.0, 2.0, 1.0) -> 1x4x4x96
                %36 Convert_from_d32(%31) -> 1x4x4x96
                %32 OUTPUT(%36)
                """),
        Rewrite(
            testDescription: "a transposed convolution with stride 2", build: transposed,
            before: """
                %1 INPUT() -> 1x3x4x5
                %14 QuantizedTransposeConv2d_8x8p32to8(%1, 2x3x3x5, 0.0, 1.0, -1.0, 1.0, [0 0 0 0], 1x2x2x1, [7 8], -4.0, 4.0, -2.0, 2.0) -> 1x6x8x2
                %15 OUTPUT(%14)
                """,
            after: """
                %1 INPUT() -> 1x3x4x5
                %17 QuantizedPad_8(%1, 0.0, 1.0, [0 0 1 1 1 1 0 0]) -> 1x5x6x5
                %26 Convert_to_d32(%17) -> 1x5x6x5
                %23 Supernode_8x8p32to8_d32 valid(%26, 2x2x5x128, %17.1, %17.2, -1.0, 1.0, 1, 1x1x1x128, -4.0, 4.0, -2.0, 2.0) -> 1x4x5x128
                %14 DepthToSpace_8_d32(%23, [2 2], %23.1, %23.2, [0 2 0 2 2]) -> 1x6x8x2
                %28 Convert_from_d32(%14) -> 1x6x8x2
                %15 OUTPUT(%28)
                """),
        Rewrite(
            testDescription: "convolutions of two channels", build: shallow,
            before: """
                %1 INPUT() -> 1x7x7x2
                %14 Supernode_8x8p32to8 valid(%1, 3x3x2x2, 0.0, 255.0, -128.0, 127.0, 0, [1 1], -9.0, 9.0, 0.0, 6.0, [1.0 0.5]) -> 1x5x5x2
                %26 Supernode_8x8p32to8 valid(%1, 3x3x2x8, 0.0, 255.0, -128.0, 127.0, 1x2x2x1, [1 1 1 1 1 1 1 1], -9.0, 9.0, 0.0, 6.0) -> 1x3x3x8
                %38 Supernode_8x8p32to8 valid(%1, 3x3x2x8, 0.0, 255.0, -128.0, 127.0, 1x3x3x1, [1 1 1 1 1 1 1 1], -9.0, 9.0, 0.0, 6.0) -> 1x2x2x8
                %39 OUTPUT(%14, %26, %38)
                """,
            after: """
                %1 INPUT() -> 1x7x7x2
                %14 Supernode3322_8x8p32to8 valid(%1, 3x3x2x2, 0.0, 255.0, -128.0, 127.0, 0, [1 1], -9.0, 9.0, 0.0, 6.0, 1.0) -> 1x5x5x2
                %26 InputSupernode_8x8p32to8_outd32 valid(%1, 3x3x2x8, 0.0, 255.0, -128.0, 127.0, 1x2x2x1, [1 1 1 1 1 1 1 1], -9.0, 9.0, 0.0, 6.0) -> 1x3x3x8
                %40 Convert_from_d32(%26) -> 1x3x3x8
                %38 Supernode_8x8p32to8 valid(%1, 3x3x2x8, 0.0, 255.0, -128.0, 127.0, 1x3x3x1, [1 1 1 1 1 1 1 1], -9.0, 9.0, 0.0, 6.0) -> 1x2x2x8
                %39 OUTPUT(%14, %40, %38)
                """),
    ]
}
