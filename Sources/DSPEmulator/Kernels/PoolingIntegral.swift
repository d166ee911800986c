import TensorCore

extension HexagonKernels {
    /// Averages from differences of an integral image of 256ths; what lies outside is estimated from the sums next to the
    /// border, so that a window at the border averages over the elements in it.
    ///
    /// Sources: nnlib hexagon/include/nn_integral_buffer.h, hexagon/src/integral_buffer.c, op_avgpool_d32.c.
    static func averageByIntegralImage(
        _ request: PoolingRequest, _ rows: PoolingAxis, _ columns: PoolingAxis
    ) -> Tensor {
        let size = rows.window * columns.window
        let shift = Int32(size == 1 ? 0 : Int.bitWidth - (size - 1).leadingZeroBitCount) + 1
        let factor = Int32(((16384 << Int(shift)) / size + 1) >> 1)
        let depth = request.codes.shape[3]
        var result = Tensor(zeros: TensorType(.uint8, request.shape))
        var image = IntegralImage(rows, columns, depth: Swift.min(depth, 32))
        for n in 0..<request.shape[0] {
            for start in stride(from: 0, to: depth, by: 32) {
                image.depth = Swift.min(depth - start, 32)
                image.load(request.codes, batch: n, from: start)
                result.withMutableElements(of: UInt8.self) { target in
                    image.forEachWindow { y, x, k, sum in
                        let half = HexagonArithmetic.saturateI16(HexagonArithmetic.shiftRounded(sum, shift))
                        let code = HexagonArithmetic.shiftRounded(
                            HexagonArithmetic.multiplyFraction(half, factor), 6)
                        let place = ((n * rows.count + y) * columns.count + x) * depth + start + k
                        target[place] = UInt8(truncatingIfNeeded: HexagonArithmetic.saturateU8(code))
                    }
                }
            }
        }
        return result
    }

    /// The average of the whole input, with a range found from all sums.
    ///
    /// Source: nnlib hexagon/ops/src/op_avgpool_d32.c, `avgpool_reduce_to_1x1_worker_thread` and the like for the rest.
    static func averageOfAll(
        _ request: PoolingRequest, _ rows: PoolingAxis, _ columns: PoolingAxis
    ) -> [Tensor] {
        let (height, width, depth) = (request.codes.shape[1], request.codes.shape[2], request.codes.shape[3])
        var sums = [Int32](repeating: 0, count: request.shape[0] * depth)
        request.codes.withElements(of: UInt8.self) { source in
            for n in 0..<request.shape[0] {
                for y in 0..<rows.extent {
                    for x in 0..<columns.extent {
                        let from = ((n * height + y) * width + x) * depth
                        for k in 0..<depth { sums[n * depth + k] &+= Int32(source[from + k]) }
                    }
                }
            }
        }
        let size = Float(rows.window * columns.window)
        let step = (request.range.max - request.range.min) / (255 * size)
        let zero = -request.range.min / step
        // Where the depth is no multiple of 32, unused places take part in the search: the library gives their sums the
        // low byte of the zero's alone. Seen here as zeros, which they are after convolutions; after conversions of
        // layout, joins and tables they are not, and the library finds a slightly different range.
        let unused = depth % 32 == 0 ? nil : RangeArithmetic.rounded(zero)
        let least = sums.reduce(unused ?? .max) { Swift.min($0, $1) }
        let most = sums.reduce(unused ?? .min) { Swift.max($0, $1) }
        var low = Swift.min(0, Float(least) - zero) * step
        var high = Swift.max(Swift.max(0, Float(most) - zero) * step, low + 0.001)
        if 255.1 * step >= high - low {
            let wider = (255.1 * step) / (high - low)
            low *= wider
            high *= wider
        }
        let output = RangeArithmetic.adjusted(low, high)
        let gain = step * output.perUnit
        let shift = Swift.min(31, Swift.max(0, 0 - Int32(RangeArithmetic.exponent(gain))))
        let factor = HexagonArithmetic.saturateI16(
            RangeArithmetic.rounded(gain * HexagonArithmetic.powerOfTwo(shift + 15)))
        var outputZero: Float = 0
        if output.low < 0 {
            outputZero = -output.low * output.perUnit / (Float(factor) * HexagonArithmetic.powerOfTwo(-(shift + 15)))
        }
        let offset = RangeArithmetic.rounded(2 * (outputZero - zero))
        let codes = sums.map { sum in
            let doubled = Int64(sum &+ sum &+ offset)
            let scaled = Int32(clamping: (doubled * Int64(factor) + 0x4000) >> 15) >> shift
            return UInt8(
                HexagonArithmetic.saturateU8(
                    HexagonArithmetic.saturateI16(HexagonArithmetic.shiftRounded(scaled, 1))))
        }
        return results(
            Tensor(codes, shape: request.shape), HexagonRange(min: output.low, max: output.high))
    }
}

/// Sums of 256ths of codes over all rectangles from a corner, with borders on all sides.
struct IntegralImage {
    private let rows: PoolingAxis
    private let columns: PoolingAxis
    private let rowScales: [Int32]
    private let columnScales: [Int32]
    /// Channels in use.
    var depth: Int
    private let width: Int
    private var sums: [Int32]

    init(_ rows: PoolingAxis, _ columns: PoolingAxis, depth: Int) {
        self.rows = rows
        self.columns = columns
        self.depth = depth
        rowScales = rows.borderScales()
        columnScales = columns.borderScales()
        width = columns.before + 1 + columns.extent + columns.after
        sums = [Int32](repeating: 0, count: (rows.before + 1 + rows.extent + rows.after) * width * depth)
    }

    /// A sum times a scale of 15 bits, rounded (`vmpyo(w,h):<<1:rnd:sat`).
    @inline(__always) private static func scaled(_ sum: Int32, _ scale: Int32) -> Int32 {
        Int32(clamping: (Int64(sum) &* Int64(scale) &+ 0x4000) >> 15)
    }

    /// Sums up `depth` channels of one image from channel `start` on.
    mutating func load(_ codes: Tensor, batch: Int, from start: Int) {
        let (rows, columns, depth) = (self.rows, self.columns, self.depth)
        let (rowScales, columnScales) = (self.rowScales, self.columnScales)
        let line = width * depth
        codes.withElements(of: UInt8.self) { source in
            sums.withUnsafeMutableBufferPointer { sums in
                let zero = rows.before * line
                for i in zero..<zero + line { sums[i] = 0 }
                for y in 0..<rows.extent {
                    let row = zero + (y + 1) * line + columns.before * depth
                    for k in 0..<depth { sums[row + k] = 0 }
                    var from = ((batch * codes.shape[1] + y) * codes.shape[2]) * codes.shape[3] + start
                    for x in 0..<columns.extent {
                        let to = row + x * depth
                        for k in 0..<depth {
                            sums[to + depth + k] =
                                sums[to + k] &+ sums[to + depth - line + k] &- sums[to - line + k]
                                &+ Int32(source[from + k]) &* 256
                        }
                        from += codes.shape[3]
                    }
                    Self.extend(sums, row: row, by: depth, columns, columnScales, depth)
                }
                Self.extend(sums, row: zero, by: line, rows, rowScales, line)
            }
        }
    }

    /// Estimates the sums outside along one axis: before the zero at `row`, and behind the extent after it.
    private static func extend(
        _ sums: UnsafeMutableBufferPointer<Int32>, row: Int, by step: Int, _ axis: PoolingAxis, _ scales: [Int32],
        _ length: Int
    ) {
        for p in stride(from: 1, through: axis.before, by: 1) {
            let to = row - p * step
            for k in 0..<length {
                sums[to + k] = p <= axis.excess ? 0 : scaled(sums[to + axis.window * step + k], scales[p - 1])
            }
        }
        let last = row + axis.extent * step
        for p in stride(from: 1, through: axis.after, by: 1) {
            let reference = last - Swift.min(axis.extent, axis.window - p) * step
            for k in 0..<length {
                sums[last + p * step + k] =
                    sums[last + k] &- scaled(sums[last + k] &- sums[reference + k], scales[p - 1])
            }
        }
    }

    /// Calls `body` with row, column, channel and the sum of 256ths of each window.
    @inline(__always)
    func forEachWindow(_ body: (Int, Int, Int, Int32) -> Void) {
        let line = width * depth
        sums.withUnsafeBufferPointer { sums in
            for y in 0..<rows.count {
                for x in 0..<columns.count {
                    let from = y * rows.stride * line + x * columns.stride * depth
                    let down = rows.window * line
                    let across = columns.window * depth
                    for k in from..<from + depth {
                        body(
                            y, x, k - from,
                            (sums[k + down + across] &- sums[k + across]) &- (sums[k + down] &- sums[k]))
                    }
                }
            }
        }
    }
}
