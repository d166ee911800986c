import CurveHead
import GraphIR
import Quantization
import TensorCore

/// A curve head for a network with a scalar depth output.
public struct ExactHeadOptions: Sendable, Hashable {
    /// The depth output's name in the source model.
    public var output: String
    /// Nil: what the noise in the accumulator makes worth while.
    public var curve: ExactCurve?
    /// Fits the head's weights to the float network's numbers on the quantised network's features.
    public var refits: Bool

    public init(output: String, curve: ExactCurve?, refits: Bool = false) {
        self.output = output
        self.curve = curve
        self.refits = refits
    }
}

extension Converter {
    /// Puts the curve head that is asked for into the finished graph: the decode of a native head when depth is asked for,
    /// or an exact head. Says in one sentence what was done, when it was more than that.
    static func attachHead(
        to conversion: inout Conversion, _ options: ConversionOptions, _ calibration: SampleFolder?,
        _ progress: (String, Int, Int) -> Void
    ) throws {
        if let head = options.exactHead {
            let index = try output(head.output, of: conversion.graph)
            if head.refits { try refitHead(head, of: &conversion, options, calibration, progress) }
            if let curve = try head.curve ?? chosenCurve(head, &conversion, options, calibration, progress) {
                let result = try ExactHead.attach(
                    curve, to: &conversion.graph, output: index, components: options.headOutput == .components)
                conversion.notes.append(result.note)
                conversion.decodeTable = result.table
            }
        }
        guard let head = options.head else { return }
        let index = try output(head.components, of: conversion.graph)
        guard options.headOutput == .depth else { return }
        try head.decoding.attach(to: &conversion.graph, output: index, name: options.recipe?.output?.name ?? "depth")
    }

    /// Ranges that heads decide: 0...1 for components, the extremes that calibration saw for the last linear operator
    /// before an exact head, whose codes the curve's ends stand for.
    static func fixHeadRanges(
        _ quantization: inout QuantizationOptions, _ graph: Graph, _ statistics: CalibrationStatistics?,
        _ options: ConversionOptions
    ) throws {
        if let head = options.head {
            for port in graph.outputs where port.sourceName == head.components {
                quantization.fixedRanges[graph[port.value].name] = 0...1
            }
        }
        if let head = options.exactHead {
            let value = try ExactHead.rangeValue(
                of: graph.outputs[output(head.output, of: graph)].value, in: graph)
            guard let seen = statistics?.ranges[value], seen.count > 0 else { return }
            quantization.fixedRanges[graph[value].name] = seen.range(by: .minMax, levels: 256)
        }
    }

    /// The location of the last linear operator before the output that gets an exact head; nil when none does.
    static func exactHeadNode(_ graph: Graph, _ options: ConversionOptions) throws -> String? {
        guard let head = options.exactHead else { return nil }
        let value = try ExactHead.rangeValue(of: graph.outputs[output(head.output, of: graph)].value, in: graph)
        return graph.producer(of: value)?.location
    }

    static func output(_ name: String, of graph: Graph) throws(Diagnostic) -> Int {
        guard let index = graph.outputs.firstIndex(where: { $0.sourceName == name }) else {
            throw Diagnostic(
                .usage, at: "head", "the model has no output \(name)",
                suggestion: "its outputs are \(graph.outputs.map(\.sourceName).joined(separator: ", "))")
        }
        return index
    }
}
