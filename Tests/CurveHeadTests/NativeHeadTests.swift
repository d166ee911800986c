import CurveHead
import GraphIR
import Operators
import Runtime
import TensorCore
import Testing

/// Depth is computed in binary32 from a table rounded once; 8 roundings of numbers up to 48.
private let float32Rounding = 48 * 8 * Double(Float.ulpOfOne)

@Suite struct NativeHeadTests {
    static let decodings: [CurveDecoding] = {
        let hilbert = (1...4).compactMap { try? CurveDecoding(kind: .hilbert, order: $0, lower: 0, upper: 48) }
        let phase = [3, 4].compactMap { try? CurveDecoding(kind: .phase, order: $0, lower: 2, upper: 40) }
        return hilbert + phase
    }()

    /// A graph whose output is its input: components as int8 codes or as float.
    private func graph(_ decoding: CurveDecoding, _ type: TensorType, permutation: [Int]? = nil) throws -> Graph {
        var graph = Graph(name: "components")
        let input = graph.addInput("components", type)
        graph.addOutput(input)
        graph.outputs[0].sourcePermutation = permutation
        try decoding.attach(to: &graph, output: 0, name: "disparity")
        try graph.verify()
        return graph
    }

    /// Every pair of codes of (x, y); the third component, where there is one, runs through its codes as well.
    private func allCodes(_ decoding: CurveDecoding) -> [Int8] {
        (0..<65536).flatMap { index -> [Int8] in
            let (x, y) = (Int8(truncatingIfNeeded: index), Int8(truncatingIfNeeded: index >> 8))
            return decoding.kind == .hilbert ? [x, y] : [Int8(truncatingIfNeeded: index &* 37 >> 3), x, y]
        }
    }

    @Test(arguments: decodings, Engine.allCases)
    func theGraphDecodesEveryPairOfCodes(decoding: CurveDecoding, engine: Engine) throws {
        let parameters = QuantizationParameters(scale: 1.0 / 250, zeroPoint: -120)
        let type = TensorType(.int8, [1, 256, 256, decoding.components], quantization: parameters)
        let codes = allCodes(decoding)
        let graph = try graph(decoding, type)
        #expect(graph.outputs[0].sourceName == "disparity")
        #expect(graph.type(of: graph.outputs[0].value).shape == [1, 256, 256, 1])
        let plan = try Plan(graph, options: RunOptions(engine: engine, threads: 2))
        let result = try plan.run([Tensor(codes, shape: type.shape).retyped(type)])[0].doubles()
        let wanted = decoding.decode(codes.map { Double(Float(1.0 / 250)) * (Double($0) + 120) })
        #expect(zip(result, wanted).allSatisfy { abs($0 - $1) <= float32Rounding })
    }

    @Test(arguments: decodings)
    func floatComponentsAreRoundedToCodesFirst(decoding: CurveDecoding) throws {
        let type = TensorType(.float32, [1, decoding.components, 8, 16])
        let graph = try graph(decoding, type, permutation: [0, 1, 2, 3])
        #expect(graph.type(of: graph.outputs[0].value).shape == [1, 1, 8, 16])
        let planes = (0..<type.shape.elementCount).map { Float($0 * 61 % 256) / 255 }
        let result = try Plan(graph).run([Tensor(planes, shape: type.shape)])[0].doubles()
        let pixels = (0..<128).flatMap { pixel in
            (0..<decoding.components).map { Double(planes[$0 * 128 + pixel]) }
        }
        #expect(zip(result, decoding.decode(pixels)).allSatisfy { abs($0 - $1) <= 48 * 1e-6 })
    }

    @Test func refusesWhatIsNoComponents() throws {
        let decoding = try CurveDecoding(kind: .hilbert, order: 2, lower: 0, upper: 1)
        #expect(throws: Diagnostic.self) { try graph(decoding, TensorType(.float32, [1, 8, 8, 1])) }
        #expect(throws: Diagnostic.self) { try graph(decoding, TensorType(.float32, [8, 2])) }
        #expect(throws: Diagnostic.self) { try CurveDecoding(kind: .hilbert, order: 9, lower: 0, upper: 1) }
        #expect(throws: Diagnostic.self) { try CurveDecoding(kind: .phase, order: 4, lower: 1, upper: 1) }
    }
}
