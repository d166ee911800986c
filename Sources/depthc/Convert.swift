import ArgumentParser
import DepthCompiler
import Foundation

struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Converts a model to a .tflite file.",
        discussion: """
            Float, or INT8 from a few samples of what the model will see:

              depthc convert model.onnx -o model.tflite
              depthc convert model.onnx -o model.tflite --shape image=1x3x256x320
              depthc convert model.onnx -o model_int8.tflite --precision int8 --calibration samples
              depthc convert hitnet.onnx -o hitnet_int8.tflite --precision int8 --calibration pairs \
            --recipe converters/hitnet.yaml
              depthc convert model_int8.tflite -o model_dequantised.tflite --precision float

            --report FILE.html writes a page on what INT8 cost and where.

            Calibration samples are NAME.npy files, folders with INPUT.npy for every input, or with a recipe pictures \
            (for stereo: folders with left.* and right.*).
            """)

    @OptionGroup var input: InputOptions
    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var delegate: DelegateOptions
    @OptionGroup var json: JSONOptions
    @OptionGroup var report: ReportOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "OUT.tflite"))
    var output: String

    @Option(
        help:
            "Number format of weights and activations: keep, float, int8, int16x8, mixed (int8 with float operators), w4a8 (int4 weights, int8 activations) or w4a4."
    )
    var precision: Precision = .keep

    @Option(help: "Element types of inputs and outputs: keep, float, or int8 for full-integer files.")
    var io: PortTypes = .keep

    @Option(help: ArgumentHelp("Folder of calibration samples.", valueName: "DIR"))
    var calibration: String?

    @Option(
        help: ArgumentHelp(
            "Statistics from depthc calibrate, in place of a pass over samples; with --calibration too, methods that "
                + "need samples of the quantised network run on those.", valueName: "STATS"))
    var statistics: String?

    @Option(help: "The most calibration samples that are read.")
    var samples: Int?

    @Option(
        help:
            "How ranges are chosen: minmax, average, entropy, mse, or a percentile such as 99.99 (default: the recipe's, else mse)."
    )
    var range: String?

    @Option(help: ArgumentHelp("A node or value that stays in float.", valueName: "NAME"))
    var keepFloat: [String] = []

    @Flag(
        inversion: .prefixedNo,
        help: "Takes shifts of channel means back into the biases (default: the recipe's, else yes).")
    var biasCorrection: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Evens out channels before they are quantised, by powers of two (default: the recipe's, else yes).")
    var channelBalancing: Bool?

    @Option(
        help: """
            How weights are rounded: nearest, gptq, adaround (by each layer's own error), kfac (by the network's error) or \
            brecq (by the error of the layer's block). Default: the recipe's, else nearest, with 4 bits adaround.
            """)
    var weights: WeightMethod?

    @Option(
        help: """
            Inputs of a layer whose 4-bit weights share a factor of their scale: 32, 64, 128, or none (default: none). Such \
            weights are stored as int8, because LiteRT runs groups of int4 for float activations only.
            """)
    var groupSize: GroupSize = .none

    @Flag(
        inversion: .prefixedNo,
        help: "Fits weights to the float layers' results on quantised inputs (default: the recipe's, else for mixed).")
    var compensation: Bool?

    @Flag(inversion: .prefixedNo, help: "Scales channels of small numbers up, between layers (int8).")
    var equalization: Bool?

    @Option(
        help: ArgumentHelp(
            "What float operators may add to the latency of the all-integer file (mixed; default: 7%).",
            valueName: "PERCENT"))
    var budget: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "With w4a8 and w4a4, which layers keep 8-bit weights and operands: auto (the first and last ones and those "
                + "that measurement shows to be sensitive), ends (the first and last ones), none, or the first and last "
                + "ones and nodes or values by name (default: auto).",
            valueName: "NAME"))
    var eightBit: [String] = []

    @Option(
        help: ArgumentHelp(
            "Share of the weights and, with w4a4, of the multiply-accumulates that --eight-bit auto may leave at 8 bits beyond the first and last layer "
                + "(default: 10%).", valueName: "PERCENT"))
    var eightBitShare: String?

    @Option(
        help: """
            How a w4a4 file holds 4-bit activations: as int4 tensors, which depthc runs and LiteRT refuses, or as int8 \
            tensors with 16 codes, which both run.
            """)
    var activationStorage: ActivationStorage = .int4

    @Option(
        help: """
            With w4a4, how operands that 16 even steps serve badly are stored with 4 bits and expanded to int8 by a table \
            before they are multiplied: channel (even steps by channel), lognp (by logarithm), codebook (least squared \
            error), auto (whichever is expected to be best) or none (default: auto).
            """)
    var polish: PolishChoice?

    @Option(
        help: ArgumentHelp(
            "The curve head: keep (none), hilbert, serpentine, thermometer, phase or auto (default: the recipe's).",
            discussion: """
                A network that emits the components of a curve (hilbert, phase) gets the decode. One with a scalar depth \
                output gets an exact head (hilbert, serpentine, thermometer; int8 files): its last linear operator \
                is replaced by hinges with the same integer weights. auto measures the noise in its accumulator \
                on held-out calibration samples and chooses order, or no head.
                """))
    var head: HeadChoice?

    @Flag(
        inversion: .prefixedNo,
        help: """
            Fits an exact head's weights to the float network on the quantised network's features; kept when held-out \
            samples come closer (default: with --head auto).
            """)
    var refitHead: Bool?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "With --delegate dsp: what is rewritten to keep the model on the DSP: resizes, activations, gelu, matrices, "
                + "clamps, or none (default: all that do not lower the share on the DSP). Each is listed with its cost.",
            valueName: "NAME"))
    var rewrites: [String] = []

    @Option(help: "Order of the curve (exact heads: 1 to 4, default 2), or turns of the phase.")
    var order: Int?

    @Option(
        help: ArgumentHelp("Depth at both ends of the curve (default: the recipe's, else 0..1).", valueName: "A..B"))
    var headRange: String?

    @Option(help: "What a file with a curve head returns: depth, or components (the table goes into the metadata).")
    var headOutput: HeadOutput = .depth

    @Flag(help: "Keeps the source's order of axes at inputs and outputs.")
    var keepLayout = false

    func validate() throws {
        if let samples, samples < 1 { throw ValidationError("--samples is at least 1") }
        _ = try chosenRange(nil)
        if !rewrites.isEmpty, try delegate.dsp == nil { throw ValidationError("--rewrites are about --delegate dsp") }
        if budget != nil, precision != .mixed { throw ValidationError("--budget is about --precision mixed") }
        _ = try chosenBudget()
        if !eightBit.isEmpty || eightBitShare != nil, !precision.isFourBit {
            throw ValidationError("--eight-bit is about --precision w4a8 and w4a4")
        }
        if polish != nil, !precision.isFourBit { throw ValidationError("--polish is about --precision w4a4") }
        if groupSize != .none, !precision.isFourBit {
            throw ValidationError("--group-size is about --precision w4a8 and w4a4")
        }
        _ = try chosenEightBit()
    }

    func run() throws {
        let begin = ContinuousClock.now
        let known = try recipe.load()
        let needsData = precision.quantizes
        let folder = try calibration.map {
            try SampleFolder($0, recipe: known, limit: samples ?? known?.calibration.samples)
        }
        let model = try input.load()
        var options = ConversionOptions()
        options.precision = precision
        options.ports = io
        options.keepLayout = keepLayout
        options.threads = engine.threads
        options.engine = engine.engine
        options.pinned = Set(keepFloat)
        options.correctBiases = biasCorrection ?? known?.quantization.biasCorrection ?? true
        options.balanceChannels = channelBalancing ?? known?.quantization.channelBalancing ?? true
        options.statistics = try statistics.map { try StatisticsFile.load($0) }
        options.weights =
            weights?.rounding ?? known?.quantization.weights ?? (precision.isFourBit ? .adaRound : .nearest)
        options.compensation =
            compensation ?? known?.quantization.compensation ?? (precision == .mixed || precision.isFourBit)
        options.equalize = equalization ?? known?.quantization.equalization ?? true
        options.budget = try chosenBudget() ?? known?.quantization.budget ?? options.budget
        options.eightBit = try chosenEightBit()
        options.activationStorage = activationStorage
        options.polishing = (polish ?? .auto).options
        options.groupSize = groupSize.inputs
        options.curvatureScope = weights == .brecq ? .block : .network
        options.delegate = try target(model)
        options.recipe = known
        options.exactHead = try exactHead(known, model)
        if options.exactHead == nil { options.head = try chosenHead(known, model) }
        options.headOutput = headOutput
        options.range = try chosenRange(known)
        let quantises = needsData && !model.graph.isQuantized
        if report.report != nil {
            if !quantises { throw ReportBuilder.needsQuantization }
            if folder == nil { throw ValidationError("--report needs samples to show: --calibration DIR") }
        }
        if quantises {
            if range == nil { note("assumed: ranges by \(name(of: options.range))") }
            if let file = options.statistics { note("assumed: statistics of \(file.sampleCount) samples") }
            if let folder { note("assumed: \(folder.count) calibration samples of \(folder.path)") }
        } else if folder != nil {
            note("warning: calibration samples are not used with this source and --precision \(precision.rawValue)")
        }
        if model.format == .onnx, !keepLayout {
            note("assumed: pictures become channels-last (--keep-layout keeps them)")
        }
        var progress: (stage: String, bar: Progress)?
        let conversion = try Converter.convert(model, options: options, calibration: folder) { stage, done, total in
            if progress?.stage != stage { progress = (stage, Progress(stage)) }
            progress?.bar.update(done, total)
        }
        conversion.assumptions.forEach { note("assumed: \($0)") }
        conversion.warnings.forEach { note("warning: \($0)") }
        conversion.notes.forEach { note($0) }
        try AtomicFile.write(conversion.bytes, to: output)
        var summary = ConversionSummary(
            model: model, conversion: conversion, output: output, precision: precision,
            seconds: (ContinuousClock.now - begin) / .seconds(1))
        if let folder {
            let made = [
                options.statistics.map {
                    "ranges by \(name(of: options.range)), from statistics of \($0.sampleCount) samples"
                }
                    ?? "ranges by \(name(of: options.range)), from \(folder.count) samples of \(folder.path), those "
                    + "shown here among them (depthc compare --report shows others)"
            ]
            summary.report = try report.write(
                try ReportBuilder(
                    conversion, of: model, output: output, recipe: known, remarks: made,
                    options: RunOptions(engine: engine.engine, threads: engine.threads)), data: folder)
        }
        try json.write(summary)
        guard !json.replacesText else { return }
        summary.lines.forEach { print($0) }
        if let figures = summary.report, let path = report.report {
            lines(of: figures, path: path).forEach { print($0) }
        }
    }

    /// The head of a network whose output has one number per pixel: the command line's, else the recipe's where the file
    /// becomes or stays int8. Nil when there is none or the output has the components of a curve.
    private func exactHead(_ known: Recipe?, _ model: Model) throws -> ExactHeadOptions? {
        let isInt8 = model.graph.isQuantized ? precision != .float : [.int8, .w4a8, .w4a4].contains(precision)
        let said = head == nil && isInt8 ? known?.scalarHead : nil
        let kind = head?.exact ?? said?.curve?.kind
        guard kind != nil || head == .auto || said != nil, known?.head == nil else {
            if refitHead != nil { throw ValidationError("--refit-head is about exact heads: --head auto") }
            return nil
        }
        let outputs = model.graph.outputs
        guard let port = outputs.first(where: { $0.sourceName == known?.output?.name }) ?? outputs.first else {
            return nil
        }
        if kind == .hilbert, CurveDecoding.hilbertComponents(in: model.graph.type(of: port.value).shape) { return nil }
        if headRange != nil {
            throw ValidationError("--head-range is about networks that emit components; here calibration decides")
        }
        if outputs.count > 1, known?.output == nil {
            note("assumed: the depth output is \(port.sourceName), the first of \(outputs.count)")
        }
        guard let kind else {
            if order != nil { throw ValidationError("--head auto chooses the order itself") }
            return ExactHeadOptions(output: port.sourceName, curve: nil, refits: refitHead ?? true)
        }
        let curve = try ExactCurve(kind, order: order ?? said?.curve?.order ?? 2)
        return ExactHeadOptions(output: port.sourceName, curve: curve, refits: refitHead ?? false)
    }

    /// The recipe's head with what the command line says instead.
    private func chosenHead(_ known: Recipe?, _ model: Model) throws -> Recipe.Head? {
        let said = head == .keep ? nil : known?.head?.decoding
        guard let kind = head?.curve ?? said?.kind else {
            guard order == nil, headRange == nil else {
                throw ValidationError("--order and --head-range are about a curve head: --head hilbert")
            }
            return nil
        }
        guard let order = order ?? (said?.kind == kind ? said?.order : nil) else {
            throw ValidationError("--head \(kind.rawValue) needs --order")
        }
        let ends = try headRange.map { try interval($0, of: "--head-range") }
        let decoding = try CurveDecoding(
            kind: kind, order: order, lower: ends?.lowerBound ?? said?.lower ?? 0,
            upper: ends?.upperBound ?? said?.upper ?? 1)
        return Recipe.Head(
            components: known?.head?.components ?? model.graph.outputs.first?.sourceName ?? "", decoding: decoding)
    }

    /// The DSP that the file is for, with the rewrites that are asked for.
    private func target(_ model: Model) throws -> DelegateTarget? {
        guard let dsp = try delegate.dsp else { return nil }
        if rewrites.isEmpty { return DelegateTarget(delegate: dsp) }
        if rewrites == ["none"] { return DelegateTarget(delegate: dsp, rewrites: []) }
        let chosen = rewrites.compactMap(DelegateRewrite.init(rawValue:))
        guard chosen.count == rewrites.count else {
            let names = DelegateRewrite.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--rewrites are \(names), or none")
        }
        return DelegateTarget(delegate: dsp, rewrites: Set(chosen))
    }

    /// The budget as a share, nil when none is given.
    private func chosenBudget() throws -> Double? {
        guard let budget else { return nil }
        guard let share = LatencyBudget.share(budget) else {
            throw ValidationError("--budget is a percentage such as 7%, not \(budget)")
        }
        return share
    }

    private func chosenEightBit() throws -> EightBitLayers {
        guard let share = LatencyBudget.share(eightBitShare ?? "10%") else {
            throw ValidationError("--eight-bit-share is a percentage such as 10%")
        }
        if eightBitShare != nil, !eightBit.isEmpty, eightBit != ["auto"] {
            throw ValidationError("--eight-bit-share is about --eight-bit auto")
        }
        switch eightBit {
        case [], ["auto"]: return .automatic(share: share)
        case ["none"]: return .none
        case ["ends"]: return .ends
        default: return .named(Set(eightBit))
        }
    }

    private func chosenRange(_ known: Recipe?) throws -> RangeMethod {
        guard let range else { return known?.quantization.range ?? known?.calibration.method ?? .meanSquaredError }
        guard let method = RangeMethod(name: range) else { throw ValidationError("--range is \(RangeMethod.names)") }
        return method
    }

    private func name(of method: RangeMethod) -> String {
        switch method {
        case .minMax: "the extremes seen (--range minmax)"
        case .averageMinMax: "the mean of the samples' extremes (--range average)"
        case .entropy: "least divergence (--range entropy)"
        case .percentile(let percent): "percentile \(percent) (--range \(percent))"
        case .meanSquaredError: "least mean squared error (--range mse)"
        }
    }
}

/// Values of `--head`.
enum HeadChoice: String, CaseIterable, ExpressibleByArgument {
    case keep, hilbert, serpentine, thermometer, phase, auto

    var exact: ExactCurve.Kind? { ExactCurve.Kind(rawValue: rawValue) }
    var curve: CurveDecoding.Kind? { CurveDecoding.Kind(rawValue: rawValue) }
}

/// Values of `--polish`: which layouts of 4-bit codes polishing may choose from.
enum PolishChoice: String, CaseIterable, ExpressibleByArgument {
    case auto, none, channel, lognp, codebook

    var options: PolishingOptions? {
        switch self {
        case .auto: PolishingOptions()
        case .none: nil
        case .channel: PolishingOptions(methods: [.channel])
        case .lognp: PolishingOptions(methods: [.lognp])
        case .codebook: PolishingOptions(methods: [.codebook])
        }
    }
}

/// Values of `--weights`.
enum WeightMethod: String, CaseIterable, ExpressibleByArgument {
    case nearest, gptq, adaround, kfac, brecq

    var rounding: WeightRounding {
        switch self {
        case .nearest: .nearest
        case .gptq: .gptq
        case .adaround: .adaRound
        case .kfac, .brecq: .kfac
        }
    }
}

/// Values of `--group-size`.
enum GroupSize: String, CaseIterable, ExpressibleByArgument {
    case none
    case of32 = "32"
    case of64 = "64"
    case of128 = "128"

    var inputs: Int? { Int(rawValue) }
}
