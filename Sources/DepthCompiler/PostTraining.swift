import GraphIR
import Operators
import Quantization
import Runtime
import TensorCore

/// Post-training quantisation of a float graph: every method in its order, each kept only when samples that it did not
/// see agree.
struct PostTraining {
    /// Samples that bias correction looks at; channel means need few.
    private static let biasCorrectionSamples = 4
    /// What of the held-out squared error fitted weights may leave. Weights have many degrees of freedom: what gains less
    /// on samples like those that they were fitted to may lose on others (measured on the bundled U-Net).
    static let fittingMargin = 0.9
    /// Samples that fitting weights looks at; all their values at one place of the graph are in memory at once.
    static let fittingSamples = 16
    /// Samples, the last ones, that decide what is kept.
    private static let heldOutSamples = 2
    /// The most of them, and their share of all samples, with 4 bits, where two tell too little: single pixels on the other
    /// side of an edge decide their error.
    private static let fourBitHeldOut = (most: 6, share: 5)
    /// Samples that channel extrema for equalisation come from.
    static let equalizationSamples = 4

    let options: ConversionOptions
    let calibration: SampleFolder?
    let progress: (String, Int, Int) -> Void

    var run: RunOptions { RunOptions(engine: options.engine, threads: options.threads) }

    /// - Throws: `Diagnostic` (.usage) without calibration samples and statistics.
    func quantize(_ source: Graph) throws -> Conversion {
        guard calibration != nil || options.statistics != nil else {
            throw Diagnostic(
                .usage, at: "--precision \(options.precision.rawValue)", "needs calibration data",
                suggestion: "--calibration DIR, or --statistics STATS from depthc calibrate")
        }
        var graph = source
        var methods: [MethodOutcome] = []
        var assumptions: [String] = []
        var quantization = try QuantizationOptions(
            activationType: options.precision == .int16x8 ? .int16 : .int8, range: options.range,
            integerPorts: options.ports == .int8, pinned: resolve(options.pinned, in: graph),
            balanceChannels: options.balanceChannels)
        try Converter.fixHeadRanges(&quantization, graph, nil, options)
        if let location = try Converter.exactHeadNode(graph, options) { quantization.headNodes = [location] }
        quantization.widths = try widths(of: graph)
        if options.precision == .w4a4 { quantization.polishing = options.polishing }
        guard let calibration else {
            return try quantize(source, with: options.statistics, quantization)
        }
        for (name, range) in try pixelRanges(graph, calibration) {
            quantization.fixedRanges[name] = range
            assumptions.append(
                "input \(name) holds pixels: its codes are theirs, \(range.lowerBound) to \(range.upperBound)")
        }
        if let target = options.delegate {
            let outcomes: [MethodOutcome]
            (graph, quantization, outcomes) = try rewritten(graph, for: target, calibration, quantization)
            methods += outcomes
        }
        let extrema = try options.statistics == nil ? channelExtrema(of: graph, calibration, quantization) : nil
        let wideChannels = extrema?.wideChannelWarnings(of: graph) ?? []
        if options.equalize, let extrema,
            let (equalized, outcome) = try equalized(graph, extrema, calibration, quantization)
        {
            if outcome.kept { graph = equalized }
            methods.append(outcome)
        }
        let statistics = try balanced(&graph, calibration, quantization)
        try Converter.fixHeadRanges(&quantization, graph, statistics, options)
        let warnings = statistics.warnings(of: graph) + wideChannels
        var result = try Quantizer.quantize(graph, statistics: statistics, options: quantization)
        if let outcome = try chooseWidths(&quantization, &result, graph, statistics, calibration) {
            methods.append(outcome)
        }
        if options.precision == .mixed {
            let plain = Mixed(graph: graph, statistics: statistics, quantization: quantization, result: result)
            let (chosen, outcome) = try mixedPrecision(plain, source, extrema, calibration)
            (graph, result) = (chosen.graph, chosen.result)
            methods.append(outcome)
        }
        if options.weights != .nearest || options.compensation {
            methods.append(try fitWeights(of: &result.graph, towards: graph, calibration))
        }
        if options.correctBiases {
            methods.append(try correctBiases(of: &result.graph, towards: graph, calibration))
        }
        return Conversion(
            bytes: [], graph: result.graph, report: result.report, floatGraph: graph, methods: methods,
            assumptions: assumptions, warnings: warnings)
    }

    /// What statistics alone allow: ranges and balanced channels. A statistics file also rules out equalisation and
    /// splitting when there are samples as well, because it knows the graph only as it was calibrated.
    private func quantize(
        _ source: Graph, with file: StatisticsFile?, _ quantization: QuantizationOptions
    ) throws -> Conversion {
        guard options.precision != .mixed else {
            throw Diagnostic(
                .usage, at: "--precision mixed", "measures every rounding on samples",
                suggestion: "--calibration DIR, with or without --statistics")
        }
        var graph = source
        var quantization = quantization
        var statistics = try file?.statistics(for: source) ?? CalibrationStatistics()
        if let balanced = try Quantizer.balanced(graph, statistics: statistics, options: quantization) {
            (graph, statistics) = balanced
        }
        try Converter.fixHeadRanges(&quantization, graph, statistics, options)
        let result = try Quantizer.quantize(graph, statistics: statistics, options: quantization)
        let note =
            "no methods that look at samples of the network (equalisation, bias correction, weight fitting); "
            + "--calibration DIR beside --statistics allows them"
        return Conversion(
            bytes: [], graph: result.graph, report: result.report, floatGraph: graph,
            assumptions: options.correctBiases || options.weights != .nearest || options.compensation ? [note] : [])
    }

    // MARK: Samples

    /// The samples that decide what is kept: the last ones.
    static func heldOut(of calibration: SampleFolder?, isFourBit: Bool = false) -> Range<Int> {
        let all = calibration?.count ?? 0
        let wanted =
            isFourBit ? max(heldOutSamples, min(fourBitHeldOut.most, all / fourBitHeldOut.share)) : heldOutSamples
        return all - min(wanted, max(all - 1, 1))..<all
    }

    /// How many samples, the first ones, weights are fitted to.
    static func fittingCount(of calibration: SampleFolder) -> Int {
        max(1, min(fittingSamples, heldOut(of: calibration).lowerBound))
    }

    var heldOut: Range<Int> { Self.heldOut(of: calibration, isFourBit: options.precision.isFourBit) }

    /// Statistics of the values that quantisation asks for, from the first `count` samples (nil: all), with extrema of the
    /// channels of `channels`.
    func calibrate(
        _ graph: Graph, _ calibration: SampleFolder, _ stage: String, _ quantization: QuantizationOptions,
        channels: Set<ValueID> = [], count: Int? = nil
    ) throws -> CalibrationStatistics {
        var request = Quantizer.request(graph, options: quantization)
        request.channels = request.channels?.union(channels)
        request.values = request.values?.union(channels)
        return try Calibrator.statistics(
            of: graph, samples: calibration, indices: Array(0..<min(count ?? calibration.count, calibration.count)),
            request: request, options: run
        ) { progress(stage, $0, $1) }
    }

    /// Inputs all of whose calibration samples are 8-bit pixels, and what pixels 0 and 255 are: codes of that range are
    /// the pixels themselves, without any rounding.
    private func pixelRanges(
        _ graph: Graph, _ calibration: SampleFolder
    ) throws -> [(name: String, range: ClosedRange<Float>)] {
        var candidates: [Int: Set<Float>] = [:]
        for (index, port) in graph.inputs.enumerated() where graph.type(of: port.value).elementType == .float32 {
            candidates[index] = [1, 255]
        }
        for sample in 0..<calibration.count where !candidates.isEmpty {
            let tensors = try calibration.tensors(sample, for: graph)
            for (index, highest) in candidates {
                candidates[index] = highest.filter { $0.holdsPixels(of: tensors[index]) }
            }
            candidates = candidates.filter { !$0.value.isEmpty }
        }
        return candidates.sorted { $0.key < $1.key }.compactMap { index, highest in
            highest.min().map { (graph[graph.inputs[index].value].name, 0...$0) }
        }
    }

    /// The mean error of a quantised graph's outputs against those of the float `plan`, over the held-out samples.
    func error(of graph: Graph, against plan: Plan, _ calibration: SampleFolder) throws -> OutputError {
        let candidate = try Plan(graph, options: run)
        var result = OutputError()
        for index in heldOut {
            result.add(
                try candidate.run(calibration.tensors(index, for: graph)),
                wanted: try plan.run(calibration.tensors(index, for: plan.graph)))
        }
        return result
    }

    // MARK: Channels

    /// Extrema of the channels that equalisation looks at, from a few samples; nil when there are none.
    private func channelExtrema(
        of graph: Graph, _ calibration: SampleFolder, _ quantization: QuantizationOptions
    ) throws -> CalibrationStatistics? {
        guard options.equalize || options.precision == .mixed, quantization.activationType == .int8 else { return nil }
        let scalable = Quantizer.equalizableValues(graph)
        guard !scalable.isEmpty else { return nil }
        return try calibrate(
            graph, calibration, "look at channels", quantization, channels: scalable, count: Self.equalizationSamples)
    }

    /// The graph with equalised channels, and what that does to the error; nil when there is nothing to equalise.
    private func equalized(
        _ graph: Graph, _ extrema: CalibrationStatistics, _ calibration: SampleFolder,
        _ quantization: QuantizationOptions
    ) throws -> (Graph, MethodOutcome)? {
        guard let candidate = try Quantizer.equalized(graph, statistics: extrema, options: quantization) else {
            return nil
        }
        let behind = try calibrate(
            candidate, calibration, "equalise channels", quantization, count: Self.equalizationSamples)
        let plan = try Plan(graph, options: run)
        let plain = try Quantizer.quantize(graph, statistics: extrema, options: quantization).graph
        let equal = try Quantizer.quantize(candidate, statistics: behind, options: quantization).graph
        let errors = (
            before: try error(of: plain, against: plan, calibration),
            after: try error(of: equal, against: plan, calibration)
        )
        return (
            candidate,
            MethodOutcome(
                name: "cross-layer equalisation", before: errors.before.decibels, after: errors.after.decibels,
                kept: errors.after.relative < errors.before.relative,
                detail: "\(heldOut.count) held-out samples, before bias correction")
        )
    }

    /// Calibrates and balances the channels of float values.
    private func balanced(
        _ graph: inout Graph, _ calibration: SampleFolder, _ quantization: QuantizationOptions
    ) throws -> CalibrationStatistics {
        let statistics =
            try options.statistics?.statistics(for: graph)
            ?? calibrate(graph, calibration, "calibrate", quantization)
        guard let balanced = try Quantizer.balanced(graph, statistics: statistics, options: quantization) else {
            return statistics
        }
        graph = balanced.graph
        return balanced.statistics
    }

    // MARK: Mixed precision

    /// A float graph, how it is quantised, and what comes of it.
    private struct Mixed {
        var graph: Graph
        var statistics: CalibrationStatistics
        var quantization: QuantizationOptions
        var result: QuantizationResult
    }

    /// Keeps operators in float and splits activations within the budget, when that lowers the held-out error.
    ///
    /// - Parameters:
    ///   - source: the graph before its channels were equalised, whose channel extrema are `extrema`.
    private func mixedPrecision(
        _ plain: Mixed, _ source: Graph, _ extrema: CalibrationStatistics?, _ calibration: SampleFolder
    ) throws -> (Mixed, MethodOutcome) {
        let plan = try Plan(plain.graph, options: run)
        let noise = try Quantizer.noise(
            of: plain.result.graph, reference: plain.graph, plan: plan, samples: measured(calibration, plain.graph),
            progress: { progress("measure every rounding", $0, $1) })
        let choice = Quantizer.mixedPrecision(
            plain.graph, noise: noise, base: source, statistics: extrema ?? CalibrationStatistics(),
            budget: options.budget, options: plain.quantization)
        var mixed = plain
        mixed.quantization.floatNodes = choice.floatNodes
        if options.statistics == nil {
            mixed.graph = try Quantizer.split(
                source, splits: choice.splits, statistics: extrema ?? CalibrationStatistics())
            // Where layers are float, their weights take factors without being rounded.
            if options.equalize, let extrema = try channelExtrema(of: mixed.graph, calibration, mixed.quantization) {
                mixed.graph =
                    try Quantizer.equalized(mixed.graph, statistics: extrema, options: mixed.quantization)
                    ?? mixed.graph
            }
            mixed.statistics = try balanced(&mixed.graph, calibration, mixed.quantization)
        }
        mixed.result = try Quantizer.quantize(
            mixed.graph, statistics: mixed.statistics, options: mixed.quantization)
        let errors = (
            before: try bestError(of: plain.result.graph, against: plan, calibration),
            after: try bestError(of: mixed.result.graph, against: Plan(mixed.graph, options: run), calibration)
        )
        let kept = errors.after.relative < errors.before.relative
        let added = ((choice.expectedTime - 1) * 1000).rounded() / 10
        let expected = (choice.expectedError * 1000).rounded() / 10
        return (
            kept ? mixed : plain,
            MethodOutcome(
                name: "mixed precision", before: errors.before.decibels, after: errors.after.decibels, kept: kept,
                detail: "\(choice.floatNodes.count) operators in float, \(choice.splits.count) activations split; "
                    + "\(expected) % of the noise expected to be left for \(added) % more time",
                steps: choice.steps + choice.largestLeft.map { "left: \($0)" })
        )
    }

    // MARK: Bias correction

    /// Corrects the biases of `graph` and keeps the result when it brings the outputs for held-out samples closer to
    /// those of `reference`.
    private func correctBiases(
        of graph: inout Graph, towards reference: Graph, _ calibration: SampleFolder
    ) throws -> MethodOutcome {
        let plan = try Plan(reference, options: run)
        let (corrected, layers) = try corrected(graph, towards: plan, calibration)
        return try keep(
            corrected, insteadOf: &graph, plan, calibration, method: "bias correction", detail: "\(layers) layers")
    }

    /// `graph` with corrected biases, and how many layers changed.
    private func corrected(_ graph: Graph, towards plan: Plan, _ calibration: SampleFolder) throws -> (Graph, Int) {
        let count = max(1, min(Self.biasCorrectionSamples, heldOut.lowerBound))
        var means = ChannelMeans()
        var samples: [[Tensor]] = []
        for index in 0..<count {
            progress("correct biases", index, count + 1)
            try means.collect(plan, sample: calibration.tensors(index, for: plan.graph))
            samples.append(try calibration.tensors(index, for: graph))
        }
        var result = graph
        let layers = try BiasCorrection.correct(&result, towards: means, samples: samples, options: run)
        progress("correct biases", count + 1, count + 1)
        return (result, layers)
    }

    /// The held-out error of a quantised graph, with corrected biases where that is better.
    private func bestError(of graph: Graph, against plan: Plan, _ calibration: SampleFolder) throws -> OutputError {
        let plain = try error(of: graph, against: plan, calibration)
        guard options.correctBiases else { return plain }
        let other = try error(of: corrected(graph, towards: plan, calibration).0, against: plan, calibration)
        return other.relative < plain.relative ? other : plain
    }

    /// Puts `candidate` in place of `graph` when the squared error of its outputs for held-out samples, against those of
    /// the float `plan`, falls below `margin` times what it was.
    func keep(
        _ candidate: Graph, insteadOf graph: inout Graph, _ plan: Plan, _ calibration: SampleFolder, method: String,
        detail: String, margin: Double = 1
    ) throws -> MethodOutcome {
        let before = try error(of: graph, against: plan, calibration)
        let after = try error(of: candidate, against: plan, calibration)
        let kept = after.relative < before.relative * margin
        if kept { graph = candidate }
        return MethodOutcome(
            name: method, before: before.decibels, after: after.decibels, kept: kept,
            detail: "\(detail), \(heldOut.count) held-out samples")
    }

    /// The nodes and values of the graph that `names` mean; nodes are called as in the source.
    ///
    /// - Throws: `Diagnostic` (.usage) for a name that is neither.
    func resolve(
        _ names: Set<String>, in graph: Graph, option: String = "--keep-float"
    ) throws(Diagnostic) -> Set<String> {
        let nodes = graph.nodes
        let known = Set(nodes.map(\.location) + nodes.flatMap { node in node.outputs.map { graph[$0].name } })
        var result = Set<String>()
        for name in names.sorted() {
            guard let found = [name, "node \(name)"].first(where: known.contains) else {
                let similar = known.filter { $0.contains(name) }.sorted().prefix(4)
                throw Diagnostic(
                    .usage, at: "\(option) \(name)", "is no node and no computed value of the canonical graph",
                    suggestion: similar.isEmpty
                        ? "depthc compare --layers names the values" : "similar: \(similar.joined(separator: ", "))")
            }
            result.insert(found)
        }
        return result
    }
}

extension Float {
    /// True when every element is an integer multiple of self / 255 between 0 and self, within what division in binary32
    /// loses.
    fileprivate func holdsPixels(of tensor: Tensor) -> Bool {
        tensor.withElements(of: Float.self) { elements in
            elements.allSatisfy { element in
                let pixel = element / self * 255
                return pixel >= 0 && pixel <= 255 && abs(pixel - pixel.rounded()) < 1e-3
            }
        }
    }
}
