import TensorCore

/// What least squares needs to know of a layer: sums over rows of x̂ x̂ᵀ and y x̂ᵀ, and of both vectors, where x̂ are the
/// layer's quantised inputs and y the results it should give.
///
/// x̂ are codes less their zero point and y is rounded to multiples of a power of two, so that every sum is a sum of
/// integers, which binary64 holds exactly (up to 2^53): statistics merge to the same bits in any order.
package struct GramStatistics: Sendable, Hashable {
    package let inputs: Int
    package let outputs: Int
    /// Unit of y: a power of two.
    package let step: Double
    package private(set) var count = 0
    /// Lower triangle of the sum of x̂ x̂ᵀ.
    private var gram: Matrix
    /// Sum of y x̂ᵀ, in steps.
    private var cross: Matrix
    private var inputSums: [Double]
    private var outputSums: [Double]

    /// Largest magnitude of y, in steps.
    private static let largestTarget = 0x1p24

    /// - Parameter resolution: y is rounded to the power of two at or below it.
    package init(inputs: Int, outputs: Int, resolution: Double) {
        self.inputs = inputs
        self.outputs = outputs
        step = resolution > 0 && resolution.isFinite ? resolution.binade : 1
        gram = Matrix(rows: inputs, columns: inputs)
        cross = Matrix(rows: outputs, columns: inputs)
        inputSums = [Double](repeating: 0, count: inputs)
        outputSums = [Double](repeating: 0, count: outputs)
    }

    /// Adds rows. Precondition: `rows` holds integers of magnitude below 2^16, a multiple of `inputs`, and `targets` as
    /// many rows of `outputs` numbers.
    package mutating func add(_ rows: [Float], targets: [Float]) {
        let number = rows.count / max(inputs, 1)
        precondition(rows.count == number * inputs && targets.count == number * outputs)
        guard number > 0 else { return }
        count += number
        addGram(rows, number)
        var left = [Double](repeating: 0, count: targets.count)
        for (i, y) in targets.enumerated() {
            let steps = y.isNaN ? 0 : (Double(y) / step).rounded()
            left[i] = min(max(steps, -Self.largestTarget), Self.largestTarget)
            outputSums[i % outputs] += left[i]
        }
        let right = rows.map(Double.init)
        for row in 0..<number {
            for i in 0..<inputs { inputSums[i] += right[row * inputs + i] }
        }
        LinearAlgebra.addProduct(transposed: left, right, count: number, to: &cross)
    }

    /// Products of as many rows at a time as binary32 sums exactly.
    private mutating func addGram(_ rows: [Float], _ number: Int) {
        var largest: Float = 1
        for x in rows { largest = max(largest, abs(x)) }
        let block = max(1, Int(0x1p24 / (Double(largest) * Double(largest))))
        if Double(largest) > 0x1p12 {
            let wide = rows.map(Double.init)
            LinearAlgebra.addProduct(transposed: wide, wide, count: number, to: &gram)
            return
        }
        var partial = [Float](repeating: 0, count: inputs * inputs)
        for first in stride(from: 0, to: number, by: block) {
            LinearAlgebra.gram(
                rows, width: inputs, first: first, count: min(block, number - first), into: &partial)
            gram.elements.withUnsafeMutableBufferPointer { sums in
                partial.withUnsafeBufferPointer { addends in
                    for row in 0..<inputs {
                        for i in row * inputs...row * inputs + row { sums[i] += Double(addends[i]) }
                    }
                }
            }
        }
    }

    /// Adds statistics of other rows of the same layer. Precondition: same extents and step.
    package mutating func merge(_ other: GramStatistics) {
        precondition(other.inputs == inputs && other.outputs == outputs && other.step == step)
        count += other.count
        for i in gram.elements.indices { gram.elements[i] += other.gram.elements[i] }
        for i in cross.elements.indices { cross.elements[i] += other.cross.elements[i] }
        for i in inputSums.indices { inputSums[i] += other.inputSums[i] }
        for i in outputSums.indices { outputSums[i] += other.outputSums[i] }
    }

    /// The inputs' variances.
    package var variances: [Double] {
        let number = Double(max(count, 1))
        return (0..<inputs).map { gram[$0, $0] / number - (inputSums[$0] / number) * (inputSums[$0] / number) }
    }

    /// Mean products of deviations from the means: a constant that every row has in common, which is what a bias
    /// multiplies, is taken out of the problem. Input i of the result is input `order[i]` of the rows.
    package func moments(order: [Int]) -> CentredMoments {
        precondition(order.count == inputs)
        let number = Double(max(count, 1))
        let inputMeans = order.map { inputSums[$0] / number }
        let outputMeans = outputSums.map { $0 / number }
        var covariance = Matrix(rows: inputs, columns: inputs)
        for row in 0..<inputs {
            for column in 0...row {
                let (low, high) = (min(order[row], order[column]), max(order[row], order[column]))
                let value = gram[high, low] / number - inputMeans[row] * inputMeans[column]
                covariance[row, column] = value
                covariance[column, row] = value
            }
        }
        var crossCovariance = Matrix(rows: outputs, columns: inputs)
        for row in 0..<outputs {
            for column in 0..<inputs {
                crossCovariance[row, column] =
                    (cross[row, order[column]] / number - outputMeans[row] * inputMeans[column]) * step
            }
        }
        return CentredMoments(
            covariance: covariance, cross: crossCovariance, inputMeans: inputMeans,
            outputMeans: outputMeans.map { $0 * step })
    }
}

/// Means of a layer's inputs x̂ and wanted results y, and their mean products around them.
package struct CentredMoments: Sendable {
    /// Symmetric, both triangles filled.
    package var covariance: Matrix
    /// Of y (rows) with x̂ (columns).
    package var cross: Matrix
    package var inputMeans: [Double]
    package var outputMeans: [Double]

    /// The bias with which `weights` give the wanted results' means.
    package func bias(for weights: Matrix) -> [Double] {
        (0..<weights.rows).map { row in
            var sum = outputMeans[row]
            for column in 0..<weights.columns { sum -= weights[row, column] * inputMeans[column] }
            return sum
        }
    }
}

extension Matrix {
    /// Column i of the result is column `permutation[i]` of this matrix.
    func permutedColumns(_ permutation: [Int]) -> Matrix {
        var result = self
        for row in 0..<rows {
            for column in 0..<columns { result[row, column] = self[row, permutation[column]] }
        }
        return result
    }
}
