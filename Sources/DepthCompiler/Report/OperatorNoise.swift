import Foundation
import GraphIR
import Operators
import Quantization
import TensorCore

/// What one operator of a quantised graph adds to the error.
public struct OperatorNoise: Sendable, Codable {
    /// The name of its first result.
    public var name: String
    public var operatorName: String
    /// Of its first result: element type and shape.
    public var elementType: String
    public var shape: [Int]
    /// True when it computes on codes.
    public var isInteger: Bool
    /// Why it computes in float; nil for integer operators, and where the file does not say.
    public var floatReason: String?
    public var multiplyAccumulates: Int
    /// Parameters of its first result; nil when that is no per-tensor quantised tensor.
    public var scale: Float?
    public var zeroPoint: Int32?
    /// Largest over smallest scale of its weights' channels; nil without per-channel weights.
    public var weightScaleSpread: Double?
    /// SQNR of the result against the same value of the float graph, in dB: all noise up to here. nil when they are
    /// equal, or are no reals.
    public var accumulatedSQNR: Double?
    /// SQNR of the result against the float operator (float weights) on the same, dequantised operands, in dB. nil when
    /// they are equal, or are no reals.
    public var ownSQNR: Double?
    /// Share of the result's elements whose float value is more than half a step outside the range; nil where there is
    /// no range.
    public var clipped: Double?
    /// Root mean squared error of the output that this operator's own noise alone causes in the float graph, in the
    /// output's unit; nil where it was not measured.
    public var outputError: Double?
    /// Its square as a share of the squared error of the quantised graph's output. Shares need not sum to 1.
    public var outputShare: Double?
}

/// The distribution of one value in the float graph and the range that its codes express.
public struct ValueHistogram: Sendable, Codable {
    public var name: String
    /// Smallest and largest float value.
    public var minimum: Double
    public var maximum: Double
    /// Both ends of the chosen range; nil for a value that is not quantised.
    public var rangeLow: Double?
    public var rangeHigh: Double?
    /// Counts of elements in equal parts of `minimum...maximum`.
    public var counts: [Int]

    /// The most bars of a histogram.
    static let barCount = 80

    init(_ name: String, _ statistics: RangeStatistics, range: ClosedRange<Float>?) {
        self.name = name
        minimum = statistics.count > 0 ? Double(statistics.minimum) : 0
        maximum = statistics.count > 0 ? Double(statistics.maximum) : 0
        rangeLow = range.map { Double($0.lowerBound) }
        rangeHigh = range.map { Double($0.upperBound) }
        counts = [Int](repeating: 0, count: Self.barCount)
        guard maximum > minimum else {
            counts = [Int(clamping: statistics.count)]
            return
        }
        let width = Double(sign: .plus, exponent: statistics.exponent, significand: 1)
        for (bin, count) in statistics.bins.enumerated() where count > 0 {
            let centre = (Double(bin - statistics.binsPerSide) + 0.5) * width
            let bar = Int((centre - minimum) / (maximum - minimum) * Double(Self.barCount))
            counts[min(max(bar, 0), Self.barCount - 1)] += Int(clamping: count)
        }
    }
}

extension OperatorNoise {
    init(_ node: Node, of graph: Graph, isInteger: Bool, reason: String?) {
        let types = graph.outputTypes(of: node)
        let first = types.first
        name = node.outputs.first.map { graph[$0].name } ?? node.location
        operatorName = node.op.name
        elementType = first?.elementType.rawValue ?? ""
        shape = first?.shape.dimensions ?? []
        self.isInteger = isInteger
        floatReason = isInteger ? nil : reason
        multiplyAccumulates = Cost.multiplyAccumulates(of: node.op, inputs: graph.inputTypes(of: node), outputs: types)
        if let parameters = first?.quantization, !parameters.isPerChannel {
            scale = parameters.scale
            zeroPoint = parameters.zeroPoint
        }
        for (index, input) in node.inputs.enumerated() {
            guard case .weight = node.op.quantizationContract.role(of: index), let input,
                let scales = graph.type(of: input).quantization?.scales, scales.count > 1,
                let low = scales.min(), let high = scales.max(), low > 0
            else { continue }
            weightScaleSpread = Double(high) / Double(low)
        }
    }
}

/// `10 log10(1 / relative)`; nil without noise.
func decibels(relativeNoise relative: Double) -> Double? {
    relative > 0 && relative.isFinite ? -10 * log10(relative) : nil
}
