import Evaluation
import Foundation
import GraphIR
import Quantization
import TensorCore

/// What quantisation cost and where: the figures of the page that `--report` writes.
public struct AccuracyReport: Sendable, Codable {
    /// The error of quantised depth against that of the float model, in the output's unit.
    public struct DepthError: Sendable, Codable {
        /// The sample's name, or `all`.
        public var sample: String
        public var count: Int
        /// Root mean squared, mean absolute, 99th percentile and largest absolute error.
        public var rmse: Double
        public var mae: Double
        public var percentile99: Double
        public var maximum: Double
        /// In dB; infinite without error.
        public var acSQNR: Double
        /// Over the pixels with positive float depth; nil when there are none.
        public var absRel: Double?

        init(_ sample: String, reference: [Double], candidate: [Double]) {
            let statistics = ErrorStatistics(reference: reference, candidate: candidate)
            self.sample = sample
            count = statistics.count
            rmse = statistics.rootMeanSquare
            mae = statistics.mean
            percentile99 = statistics.percentile99
            maximum = statistics.maximum
            acSQNR = statistics.acSQNR
            absRel = DepthMetrics(reference: reference, prediction: candidate)?.absRel
        }
    }

    /// One of both models.
    public struct Side: Sendable, Codable {
        public var path: String
        public var byteCount: Int
        public var operators: Int
        /// Operators that compute on codes.
        public var integerOperators: Int
        /// Median of ``runs`` runs in depthc.
        public var milliseconds: Double
        public var runs: Int
    }

    public var reference: Side
    public var quantized: Side
    public var threads: Int
    /// The folder of the samples.
    public var data: String
    /// The output that is measured, what it is (`disparity`, `inverse-depth`, `depth`, or `output` when nothing says so)
    /// and its unit; empty when not known.
    public var output: String
    public var kind: String
    public var unit: String
    /// Samples in order, then all pixels of all samples together.
    public var errors: [DepthError]
    /// Worst first; see ``NoiseAnalysis``.
    public var operators: [OperatorNoise]
    /// For how many operators, and on how many of the samples, output errors were measured.
    public var measuredOperators: Int
    public var measuredSamples: Int
    public var usesFloatWeights: Bool
    public var histograms: [ValueHistogram]
    public var methods: [MethodOutcome]
    /// What was assumed and decided, one sentence each.
    public var remarks: [String]
    /// What making the report took.
    public var seconds: Double

    /// True when ``unit`` is a unit of measure.
    var hasUnit: Bool { !unit.isEmpty && unit != "relative" }
}

/// One sample's output of both models as pictures.
public struct OutputMaps: Sendable {
    public var sample: String
    public var width: Int
    public var height: Int
    /// Rows from the top, in the output's unit.
    public var float: [Float]
    public var quantized: [Float]
}

extension HTML {
    /// Errors by sample as the table `errors`.
    static func table(of errors: [AccuracyReport.DepthError]) -> String {
        table(
            id: "errors",
            heads: [
                ("sample", ""), ("RMSE", ""), ("mean", "mean absolute error"), ("99 %", "99th percentile"),
                ("largest", ""), ("AC-SQNR dB", ""), ("AbsRel", ""),
            ],
            rows: errors.map { error in
                [
                    .text(error.sample), .number(error.rmse), .number(error.mae), .number(error.percentile99),
                    .number(error.maximum), .number(error.acSQNR), .number(error.absRel),
                ]
            })
    }
}
