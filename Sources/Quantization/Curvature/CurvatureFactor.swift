#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Orthonormal directions over a layer's channels: the channels themselves when there are as many directions, else random.
struct Directions {
    private let rows: [[Double]]
    let channels: Int
    /// True when the directions span everything.
    var isComplete: Bool { rows.count == channels }

    init(count: Int, channels: Int, seed: UInt64) {
        self.channels = channels
        guard count < channels else {
            rows = (0..<channels).map { channel in (0..<channels).map { $0 == channel ? 1 : 0 } }
            return
        }
        var random = SplitMix64(seed: seed ^ 0x6A09_E667_F3BC_C908)
        var rows: [[Double]] = []
        while rows.count < count {
            // A sum of uniform numbers is near enough to a normal one.
            var row = (0..<channels).map { _ in
                (0..<4).reduce(0.0) { sum, _ in sum + Double(random.next() >> 11) * 0x1p-53 - 0.5 }
            }
            // Twice, for what rounding leaves of the first time.
            for _ in 0..<2 {
                for known in rows {
                    let share = zip(row, known).reduce(0) { $0 + $1.0 * $1.1 }
                    for i in row.indices { row[i] -= share * known[i] }
                }
            }
            let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard norm > 1e-6 else { continue }
            rows.append(row.map { $0 / norm })
        }
        self.rows = rows
    }

    var count: Int { rows.count }
    subscript(index: Int) -> [Double] { rows[index] }

    /// Vᵀ M V for the directions as rows of V, and `rest` on the diagonal of what they do not span.
    func expand(_ inner: Matrix, rest: Double) -> Matrix {
        if isComplete { return inner }
        let basis = Matrix(rows: count, columns: channels, rows.flatMap { $0 })
        var shifted = inner
        for i in 0..<count { shifted[i, i] -= rest }
        var half = Matrix(rows: count, columns: channels)
        LinearAlgebra.multiply(shifted, basis, addingTo: &half)
        var result = Matrix(rows: channels, columns: channels).addingToDiagonal(rest)
        LinearAlgebra.addProduct(transposed: basis.elements, half.elements, count: count, to: &result)
        return result
    }
}

/// Sums the products of output changes over draws and makes a safely positive definite matrix of them.
struct CurvatureFactor {
    let directions: Directions
    /// One unit of every channel in the directions.
    let scales: [Double]
    private var sum: Matrix
    /// Sum over draws of the squares of all elements off the diagonal.
    private var squares = 0.0
    private var draws = 0

    /// Added to the diagonal, in shares of its mean: channels that no output depends on stay bounded.
    private static let ridge = 1e-3
    /// Shrinkage where one draw tells nothing of its own variance.
    private static let singleDraw = 0.5

    init(directions: Directions, scales: [Double]) {
        self.directions = directions
        self.scales = scales
        sum = Matrix(rows: directions.count, columns: directions.count)
    }

    /// Adds the changes of one draw: `count` rows with one column for every direction.
    mutating func add(_ changes: [Double], count: Int) {
        var gram = Matrix(rows: directions.count, columns: directions.count)
        LinearAlgebra.addProduct(transposed: changes, changes, count: count, to: &gram)
        squares += Self.offDiagonal(gram)
        for i in gram.elements.indices { sum.elements[i] += gram.elements[i] }
        draws += 1
    }

    private static func offDiagonal(_ matrix: Matrix) -> Double {
        var result = 0.0
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns where row != column {
                result += matrix[row, column] * matrix[row, column]
            }
        }
        return result
    }

    /// The mean over draws without any shrinkage, in units of the channels.
    var mean: Matrix? { finish(shrinkage: 0, ridge: 0) }

    /// The mean over draws, shrunk towards its diagonal by as much as the draws differ from each other (Ledoit and Wolf,
    /// A well-conditioned estimator for large-dimensional covariance matrices, 2004). Nil when nothing ever changed.
    var matrix: Matrix? {
        guard draws > 0 else { return nil }
        let count = Double(draws)
        var shrinkage = Self.singleDraw
        if draws > 1 {
            let energy = Self.offDiagonal(sum) / (count * count)
            let variance = max(0, squares / count - energy) / (count - 1)
            shrinkage = energy > 0 ? min(1, variance / energy) : 1
        }
        return finish(shrinkage: shrinkage, ridge: Self.ridge)
    }

    private func finish(shrinkage: Double, ridge: Double) -> Matrix? {
        var inner = sum
        for i in inner.elements.indices { inner.elements[i] /= Double(max(draws, 1)) }
        let unit = inner.meanOfDiagonal
        guard unit > 0, unit.isFinite else { return nil }
        for row in 0..<inner.rows {
            for column in 0..<inner.columns where row != column { inner[row, column] *= 1 - shrinkage }
            inner[row, row] += ridge * unit
        }
        var result = directions.expand(inner, rest: unit)
        for row in 0..<result.rows {
            for column in 0...row {
                // Both triangles to the same bits.
                let mean = (result[row, column] + result[column, row]) / 2 / (scales[row] * scales[column])
                result[row, column] = mean
                result[column, row] = mean
            }
        }
        return result
    }
}

/// Numbers summed with random signs to fewer, which keeps products of vectors in expectation.
struct Sketch {
    let size: Int
    /// Reciprocal deviations times the signs, one for every element of every output.
    private let factors: [[Float]]
    private let wanted: [[Float]]

    /// - Parameters:
    ///   - outputs: what changes are counted from; each counts relative to its variance and number of elements.
    ///   - among: how many outputs the mean is over; more than `outputs` when the others never change.
    init(outputs: [[Float]], among: Int, size: Int, random: inout SplitMix64) {
        let total = outputs.reduce(0) { $0 + $1.count }
        self.size = max(1, min(size, total))
        let isReduced = total > size
        wanted = outputs
        var factors: [[Float]] = []
        for output in outputs {
            let count = Double(max(output.count, 1))
            let mean = output.reduce(0) { $0 + Double($1) } / count
            let energy = output.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            let factor = energy > 0 && energy.isFinite ? Float(1 / (energy * Double(among)).squareRoot()) : 0
            factors.append(output.map { _ in isReduced && random.next() & 1 == 0 ? -factor : factor })
        }
        self.factors = factors
    }

    /// The changes to `outputs`, summed.
    func sums(_ outputs: [[Float]]) -> [Double] {
        var result = [Double](repeating: 0, count: size)
        var bucket = 0
        for (index, output) in outputs.enumerated() {
            for i in output.indices {
                let change = (output[i] - wanted[index][i]) * factors[index][i]
                if change.isFinite { result[bucket] += Double(change) }
                bucket += 1
                if bucket == size { bucket = 0 }
            }
        }
        return result
    }
}
