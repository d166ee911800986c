import CurveHead
import GraphIR
import ImageIO
import Operators
import Passes
import Quantization
import Runtime
import TFLiteCodec
import TensorCore

/// Number formats that a model can be converted to.
public enum Precision: String, Sendable, CaseIterable {
    case keep, float, float16, dynamic, int8, int16x8, w4a8, w4a4, mixed

    /// True for formats that calibration decides.
    public var quantizes: Bool {
        switch self {
        case .int8, .int16x8, .w4a8, .w4a4, .mixed: true
        case .keep, .float, .float16, .dynamic: false
        }
    }

    /// True when weights have 4 bits.
    public var isFourBit: Bool { self == .w4a8 || self == .w4a4 }
}

/// Which convolutions and matrix products keep 8-bit weights and operands in 4-bit files.
public enum EightBitLayers: Sendable, Hashable {
    /// The first and last ones, and those that measurement shows to be sensitive, within a share of the
    /// multiply-accumulates.
    case automatic(share: Double)
    case none
    /// The first and last ones.
    case ends
    /// The first and last ones, and the nodes or values of these names.
    case named(Set<String>)
}

/// How a file holds 4-bit activations.
public enum ActivationStorage: String, Sendable, CaseIterable {
    /// INT4 tensors, which depthc runs and LiteRT refuses.
    case int4
    /// INT8 tensors with 16 codes, which both run.
    case int8
}

/// Element types of an exported file's inputs and outputs.
public enum PortTypes: String, Sendable, CaseIterable {
    case keep, float, int8
}

/// What a file with a curve head returns.
public enum HeadOutput: String, Sendable, CaseIterable {
    /// Depth, decoded in the graph by builtin operators.
    case depth
    /// The curve's components; the decode table is in the file's metadata.
    case components
}

/// What a conversion is asked to do.
public struct ConversionOptions: Sendable {
    public var precision: Precision = .keep
    public var ports: PortTypes = .keep
    public var keepLayout = false
    public var range: RangeMethod = .meanSquaredError
    /// What `depthc calibrate` has gathered; takes the place of a pass over calibration samples.
    public var statistics: StatisticsFile?
    public var pinned: Set<String> = []
    /// Takes the shift of channel means that quantisation causes back into the biases.
    public var correctBiases = true
    /// How weights are rounded.
    public var weights: WeightRounding = .nearest
    /// Fits the weights to the float layers' results on quantised inputs before they are rounded.
    public var compensation = false
    /// Whose error rounding by the KFAC objective lowers.
    public var curvatureScope = CurvatureOptions.Scope.network
    /// Inputs of a layer that share a factor of their 4-bit weights' scale: 32, 64 or 128; nil for one scale for each
    /// output channel alone.
    public var groupSize: Int?
    /// Evens out the channels of float values before they are quantised.
    public var balanceChannels = true
    /// Scales channels of small numbers up, with the weights before and behind them taking the factors.
    public var equalize = true
    /// What operators in float may add to the time of the all-integer file, for mixed precision.
    public var budget = 0.07
    /// What keeps 8 bits in 4-bit files.
    public var eightBit: EightBitLayers = .automatic(share: 0.1)
    public var activationStorage: ActivationStorage = .int4
    /// How 4-bit operands may be polished; nil: they have even steps.
    public var polishing: PolishingOptions?
    public var threads = 1
    public var engine: Engine = .fast
    /// The DSP that the file is to run on; nil for none in particular.
    public var delegate: DelegateTarget?
    /// The curve whose components the model emits; nil when its output stays as it is.
    public var head: Recipe.Head?
    public var headOutput: HeadOutput = .depth
    /// The curve head that a scalar output gets.
    public var exactHead: ExactHeadOptions?
    /// What the model is fed and what its depth output measures; goes into the metadata.
    public var recipe: Recipe?

    public init() {}
}

/// A conversion's result.
public struct Conversion: Sendable {
    public var bytes: [UInt8]
    public var graph: Graph
    /// Present when the conversion quantised.
    public var report: QuantizationReport?
    /// The float graph that was quantised: the source's function, with channels balanced. Present when it quantised.
    public var floatGraph: Graph?
    /// What each method of post-training quantisation did, in the order they were tried.
    public var methods: [MethodOutcome] = []
    /// What was assumed, one sentence each.
    public var assumptions: [String] = []
    /// Why the result may be worse than it needs to be, one sentence each.
    public var warnings: [String] = []
    /// What was done beyond what was asked for in so many words, one sentence each.
    public var notes: [String] = []
    /// The decode table of an exact head whose components are the output.
    var decodeTable: [Float]?
}

/// The compiler: from a loaded model to the bytes of a `.tflite` file.
public enum Converter {
    /// The version that exported files carry.
    public static let version = "0.1.0"

    /// Rewrites a model's graph to its canonical form.
    ///
    /// Graphs of quantised sources keep every integer; float graphs may change in rounding when `approximate` is set.
    public static func canonical(_ graph: Graph, keepLayout: Bool, approximate: Bool = true) throws -> Graph {
        var result = graph
        let arithmetic: CanonicalOptions.Arithmetic = approximate && !graph.isQuantized ? .approximate : .exact
        try Pipeline.canonical(CanonicalOptions(keepLayout: keepLayout, arithmetic: arithmetic)).run(on: &result)
        return result
    }

    /// The canonical form of a graph that is quantised: weights stored in other formats become float first.
    private static func floatWeighted(_ graph: Graph, keepLayout: Bool) throws -> Graph {
        var result = graph
        if !result.isQuantized { try Pipeline.floatWeights.run(on: &result) }
        return try canonical(result, keepLayout: keepLayout)
    }

    /// The graph that calibration observes when `model` is quantised.
    ///
    /// - Throws: `Diagnostic` (.unsupported) for a model that is quantised already.
    public static func calibrated(_ model: Model, keepLayout: Bool) throws -> Graph {
        guard !model.graph.isQuantized else {
            throw Diagnostic(
                .unsupported, at: model.path, "is quantised already; there is nothing to calibrate",
                suggestion: "a float model, or convert --precision float first")
        }
        return try floatWeighted(model.graph, keepLayout: keepLayout || model.format == .tflite)
    }

    /// Converts `model`. `calibration` is read one sample at a time, and only when the precision needs it.
    ///
    /// - Throws: `Diagnostic` (.unsupported for precisions that are not built, .usage when calibration is missing).
    public static func convert(
        _ model: Model, options: ConversionOptions, calibration: SampleFolder? = nil,
        progress: (String, Int, Int) -> Void = { _, _, _ in }
    ) throws -> Conversion {
        var source = model.graph
        var assumptions: [String] = []
        if options.precision == .float, source.isQuantized {
            source = try Dequantisation.float(source)
            assumptions.append(
                "weights keep their rounding, activations lose theirs; what integer ranges clip beyond fused "
                    + "activations is not reproduced")
        }
        let graph =
            try options.precision == .keep
            ? canonical(source, keepLayout: options.keepLayout || model.format == .tflite)
            : floatWeighted(source, keepLayout: options.keepLayout || model.format == .tflite)
        var result = Conversion(bytes: [], graph: graph, report: nil, assumptions: assumptions)
        try checkPorts(of: graph, options)
        switch options.precision {
        case .keep, .float: break
        case .int8, .int16x8, .w4a8, .w4a4, .mixed:
            if !graph.isQuantized {
                result = try withoutActuallyEscaping(progress) {
                    try PostTraining(options: options, calibration: calibration, progress: $0).quantize(graph)
                }
            }
        case .float16, .dynamic:
            throw Diagnostic(
                .unsupported, at: "--precision \(options.precision.rawValue)", "is not built yet",
                suggestion: "keep, float, int8, int16x8, w4a8, w4a4 and mixed are")
        }
        try attachHead(to: &result, options, calibration, progress)
        if let target = options.delegate { try result.removeRedundantClamps(for: target) }
        if options.precision == .w4a4, options.activationStorage == .int4 {
            try PolishedStorage.storeAsInt4(&result.graph)
            try Pipeline.fourBitStorage.run(on: &result.graph)
        }
        if let note = TFLiteCodec.fourBitNote(on: result.graph) { result.notes.append(note) }
        result.bytes = try export(result, model, options)
        return result
    }

    /// Refuses element types at the ports that the conversion would not give them.
    private static func checkPorts(of graph: Graph, _ options: ConversionOptions) throws(Diagnostic) {
        let types = (graph.inputs + graph.outputs).map { graph.type(of: $0.value) }
        let willQuantize = !graph.isQuantized && options.precision.quantizes
        switch options.ports {
        case .keep: return
        case .float:
            guard types.contains(where: { $0.quantization != nil && !$0.elementType.isFloat }) else { return }
            throw Diagnostic(
                .unsupported, at: "--io float", "the source's inputs and outputs are codes; they stay as they are",
                suggestion: "--io keep")
        case .int8:
            if willQuantize || types.allSatisfy({ $0.elementType == .int8 }) { return }
            throw Diagnostic(
                .unsupported, at: "--io int8", "the inputs and outputs of this conversion are not int8",
                suggestion: "--precision int8 of a float source, or --io keep")
        }
    }

    /// The name of the metadata entry with a curve head's decode table.
    static let decodeTableName = "depthc_decode_table"

    private static func export(_ conversion: Conversion, _ model: Model, _ options: ConversionOptions) throws -> [UInt8]
    {
        let graph = conversion.graph
        let kept = options.exactHead == nil ? model.decodeTable : nil
        let table = conversion.decodeTable ?? kept
        func isTableOutput(_ port: Port) -> Bool {
            if let head = options.exactHead { return head.output == port.sourceName }
            return model.metadata?.outputs.first { $0.sourceName == port.sourceName }?.isDecodedByTable == true
        }
        func ports(_ list: [Port], outputs: Bool) -> [ExportMetadata.Port] {
            list.map { port in
                let meaning = outputs ? DepthOutput(port, of: model, recipe: options.recipe) : nil
                return ExportMetadata.Port(
                    name: graph[port.value].name, sourceName: port.sourceName, permutation: port.sourcePermutation,
                    kind: meaning?.kind.rawValue, unit: meaning?.unit,
                    scale: meaning.flatMap { $0.scale == 1 ? nil : $0.scale },
                    curve: outputs && options.head?.components == port.sourceName
                        ? options.head?.decoding : meaning?.curve,
                    isDecodedByTable: outputs && table != nil && isTableOutput(port) ? true : nil)
            }
        }
        var metadata = ExportMetadata(
            version: version,
            options: [
                "--precision", options.precision.rawValue, "--io", options.ports.rawValue,
            ] + (options.keepLayout ? ["--keep-layout"] : []),
            source: model.path.split(separator: "/").last.map(String.init) ?? model.path, sourceHash: model.sourceHash,
            recipe: options.recipe?.name ?? model.metadata?.recipe, inputs: ports(graph.inputs, outputs: false),
            outputs: ports(graph.outputs, outputs: true))
        metadata.weights = graph.weightTypes.isEmpty ? nil : graph.weightTypes
        // A file of depthc's own that is only written again keeps what it says of its making.
        if let made = model.metadata, options.precision == .keep, options.ports == .keep {
            (metadata.options, metadata.source, metadata.sourceHash) = (made.options, made.source, made.sourceHash)
        }
        var entries = [TFLiteCodec.metadataName: try metadata.json()]
        for (port, described) in zip(graph.outputs, metadata.outputs) {
            if let curve = described.curve { entries[decodeTableName] = try curve.tableBytes(of: port, in: graph) }
        }
        if let table, metadata.outputs.contains(where: { $0.isDecodedByTable == true }) {
            entries[decodeTableName] = table.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
        }
        return try TFLiteCodec.encode(graph, metadata: entries)
    }
}

extension Graph {
    /// True when any value carries quantisation parameters on an integer type that is not constant: the source computes
    /// on codes.
    public var isQuantized: Bool {
        nodes.contains { node in
            outputTypes(of: node).contains { $0.quantization != nil }
        }
    }
}
