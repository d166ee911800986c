import TensorCore

/// How the elements of a tensor, or of one of its channels, fall on the 256 codes of its int8 form.
package struct CodeDistribution {
    /// The int8 form, per tensor.
    let parameters: QuantizationParameters
    /// By `code + 128`: elements, and the sum of their reals.
    private(set) var counts = [Double](repeating: 0, count: 256)
    private(set) var sums = [Double](repeating: 0, count: 256)
    /// Sum of the squares of all reals.
    private(set) var squares = 0.0

    /// Elements count as the centres of their bins, which are narrower than the steps of the int8 form.
    package init(_ statistics: RangeStatistics, _ parameters: QuantizationParameters) {
        self.parameters = parameters
        let half = RangeStatistics.powerOfTwo(statistics.exponent) / 2
        for bin in statistics.bins.indices where statistics.bins[bin] > 0 {
            add(statistics.edge(bin) + half, count: Double(statistics.bins[bin]))
        }
    }

    init(_ parameters: QuantizationParameters) { self.parameters = parameters }

    private mutating func add(_ x: Double, count: Double) {
        let code = (x / Double(parameters.scale)).rounded() + Double(parameters.zeroPoint)
        let index = Int(min(max(code, -128), 127)) + 128
        counts[index] += count
        sums[index] += count * x
        squares += count * x * x
    }

    /// Adds the elements of another channel of the same tensor, each counting `weight` times.
    mutating func merge(_ other: CodeDistribution, weight: Double) {
        for index in 0..<256 {
            counts[index] += other.counts[index] * weight
            sums[index] += other.sums[index] * weight
        }
        squares += other.squares * weight
    }

    func real(_ code: Int8) -> Double { Double(parameters.scale) * (Double(code) - Double(parameters.zeroPoint)) }

    /// The code nearest to a real, half away from zero.
    func code(_ real: Double) -> Int8 {
        let code = (real / Double(parameters.scale)).rounded() + Double(parameters.zeroPoint)
        return Int8(min(max(code, -128), 127))
    }

    /// Sum of the squared differences between the elements and the reals (by `code + 128`) that their codes become.
    func squaredError(_ reals: [Double]) -> Double {
        var error = squares
        for index in 0..<256 where counts[index] > 0 {
            error += reals[index] * (reals[index] * counts[index] - 2 * sums[index])
        }
        return max(error, 0)
    }

    package func squaredError(_ codebook: PolishingCodebook) -> Double { squaredError(codebook.composed.map(real)) }
}
