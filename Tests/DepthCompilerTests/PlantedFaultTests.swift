import DepthCompiler
import Foundation
import Testing

/// The bundled U-Net in INT8, made once for all tests.
struct QuantizedNetwork {
    let model: Model
    let conversion: Conversion
    let floatGraph: Graph
    let folder: SampleFolder
    let recipe: Recipe

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static let shared = Result { try QuantizedNetwork() }

    private init() throws {
        recipe = try Recipe.load("\(Self.root)/converters/stereo_direct.yaml")
        folder = try SampleFolder("\(Self.root)/golden/scenes/calibration", recipe: recipe, limit: 4)
        model = try Model.load("\(Self.root)/golden/networks/unet-direct.onnx")
        var options = ConversionOptions()
        options.precision = .int8
        options.recipe = recipe
        conversion = try Converter.convert(model, options: options, calibration: folder)
        floatGraph = try #require(conversion.floatGraph)
    }

    /// The report of `graph` instead of the conversion's.
    func report(of graph: Graph, samples: Int) throws -> (report: AccuracyReport, maps: [OutputMaps]) {
        var changed = conversion
        changed.graph = graph
        let data = try SampleFolder("\(Self.root)/golden/scenes/calibration", recipe: recipe, limit: samples)
        return try ReportBuilder(changed, of: model, output: "unet.tflite", recipe: recipe, options: RunOptions())
            .build(data: data)
    }

    /// The noise analysis of `graph` on one sample.
    func analysis(of graph: Graph) throws -> NoiseAnalysis {
        let sample = NoiseAnalysis.Sample(
            reference: try folder.tensors(3, for: floatGraph), quantized: try folder.tensors(3, for: graph))
        return try NoiseAnalysis(quantized: graph, reference: floatGraph, samples: [sample])
    }

    /// The layers that a fault is planted in: convolutions whose result only convolutions and DEQUANTIZE read, so that
    /// nothing else has to take over a changed scale. Every second one, for time.
    static let layers: [String] = {
        guard let network = try? shared.get() else { return [] }
        let graph = network.conversion.graph
        return graph.nodes.compactMap { node -> String? in
            guard case .conv2D = node.op else { return nil }
            let free = graph.users(of: node.outputs[0]).allSatisfy { user in
                if case .conv2D = graph[user].op { true } else { graph[user].op == .dequantize }
            }
            return free ? graph[node.outputs[0]].name : nil
        }.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    }()
}

@Suite struct PlantedFaultTests {
    enum Fault: String, CaseIterable { case weightScale, coarseResult, clippedResult }

    static func plant(_ fault: Fault, in layer: String, of graph: Graph) throws -> Graph {
        var result = graph
        let node = try #require(graph.nodes.first { graph[$0.outputs[0]].name == layer })
        var patch = GraphPatch("plant a fault", on: graph)
        switch fault {
        case .weightScale:
            let weights = try #require(node.inputs[1])
            let constant = try #require(graph.constant(weights))
            var parameters = try #require(constant.type.quantization)
            parameters.scales = parameters.scales.map { $0 * 2 }
            let type = TensorType(constant.elementType, constant.shape, quantization: parameters)
            patch.setOperand(
                1, of: node.id, to: patch.addConstant(constant.retyped(type), name: graph[weights].name))
        case .coarseResult, .clippedResult:
            let factor: Float = fault == .coarseResult ? 4 : 0.25
            var type = graph.type(of: node.outputs[0])
            var parameters = try #require(type.quantization)
            parameters.scales[0] *= factor
            type.quantization = parameters
            patch.setType(of: node.outputs[0], to: type)
            try rescaleBiases(behind: node.outputs[0], by: factor, of: graph, &patch)
        }
        try result.apply(patch)
        return result
    }

    /// The biases of the layers that read a value whose scale was multiplied by `factor`: a bias has the scale of its
    /// layer's operand times that of the weights.
    private static func rescaleBiases(
        behind value: ValueID, by factor: Float, of graph: Graph, _ patch: inout GraphPatch
    ) throws {
        for user in graph.users(of: value) {
            guard case .conv2D = graph[user].op, let bias = graph[user].inputs[2] else { continue }
            let constant = try #require(graph.constant(bias))
            var parameters = try #require(constant.type.quantization)
            parameters.scales = parameters.scales.map { $0 * factor }
            let codes = constant.elements(of: Int32.self).map { Int32((Float($0) / factor).rounded()) }
            let rescaled = Tensor(codes, shape: constant.shape, quantization: parameters)
            patch.setOperand(2, of: user, to: patch.addConstant(rescaled, name: graph[bias].name))
        }
    }

    /// What rounds all products wrong, or cuts off three quarters of a range, is the worst operator by far.
    @Test(arguments: [Fault.weightScale, .clippedResult], QuantizedNetwork.layers)
    func aFaultIsRankedFirst(fault: Fault, layer: String) throws {
        let network = try QuantizedNetwork.shared.get()
        let analysis = try network.analysis(of: Self.plant(fault, in: layer, of: network.conversion.graph))
        #expect(analysis.operators.first?.name == layer)
        #expect(analysis.usesFloatWeights)
    }

    /// Steps four times as wide: always 12 dB more of the operator's own noise, and the worst operator wherever that
    /// reaches the output.
    @Test(arguments: QuantizedNetwork.layers)
    func coarseStepsAreRankedFirstWhereTheyReachTheOutput(layer: String) throws {
        let network = try QuantizedNetwork.shared.get()
        let graph = network.conversion.graph
        let sound = try network.analysis(of: graph)
        let analysis = try network.analysis(of: Self.plant(.coarseResult, in: layer, of: graph))
        func own(_ analysis: NoiseAnalysis) throws -> Double {
            try #require(analysis.operators.first { $0.name == layer && $0.isInteger }?.ownSQNR)
        }
        // 20 log10(4) for rounding alone; what rounded weights and clipping add stays.
        let loss = try own(sound) - own(analysis)
        #expect(loss > 5 && loss < 13, "\(loss) dB")
        if analysis.outputError > 1.5 * sound.outputError { #expect(analysis.operators.first?.name == layer) }
    }

    @Test func thereAreLayersToBreak() { #expect(QuantizedNetwork.layers.count >= 5) }
}
