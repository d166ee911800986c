import Evaluation
import TensorCore

/// Depth of the CPU and of the DSP for the page, gathered while both are compared.
public struct DSPReportSamples {
    private let cpu: ReportBuilder.Party
    private let dsp: ReportBuilder.Party
    private var all: (cpu: [Double], dsp: [Double]) = ([], [])
    private var bySample: [AccuracyReport.DepthError] = []
    /// Pictures of the last samples, at most ``ReportBuilder/mostSamples``.
    private(set) var maps: [OutputMaps] = []

    /// - Parameter reference: runs on the CPU, `candidate` on the DSP.
    public init(reference: Session, candidate: Session, recipe: Recipe?) {
        func party(_ session: Session) -> ReportBuilder.Party {
            ReportBuilder.Party(
                path: session.model.path, byteCount: session.model.byteCount, graph: session.graph,
                model: session.model, recipe: recipe)
        }
        cpu = party(reference)
        dsp = party(candidate)
    }

    /// Adds what both made of one sample, a tensor for every output of their graphs.
    ///
    /// - Throws: `Diagnostic` (.badData) when the outputs do not match.
    public mutating func add(_ sample: String, expected: [Tensor], actual: [Tensor]) throws {
        let (wanted, got) = (expected[cpu.output], actual[dsp.output])
        let values = (cpu.values(wanted), dsp.values(got))
        guard values.0.count == values.1.count else {
            throw Diagnostic(.badData, at: dsp.path, "the output is \(got.type), the reference's \(wanted.type)")
        }
        bySample.append(.init(sample, reference: values.0, candidate: values.1))
        all.cpu += values.0
        all.dsp += values.1
        guard let a = cpu.map(wanted), let b = dsp.map(got), a.width == b.width, a.height == b.height else { return }
        maps.append(
            OutputMaps(sample: sample, width: a.width, height: a.height, float: a.values, quantized: b.values))
        if maps.count > ReportBuilder.mostSamples { maps.removeFirst() }
    }

    /// Samples in order, then all of them together.
    public var errors: [AccuracyReport.DepthError] {
        bySample + [AccuracyReport.DepthError("all", reference: all.cpu, candidate: all.dsp)]
    }

    /// `disparity`, `inverse-depth`, `depth`, or `output` when nothing says so.
    var kind: String { cpu.depth?.kind.rawValue ?? "output" }
    /// Empty when not known.
    var unit: String { cpu.depth?.unit ?? "" }
}
