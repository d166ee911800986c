import TensorCore

extension HexagonKernels {
    /// Average and maximum over windows.
    ///
    /// Sources: nnlib hexagon/ops/src/op_maxpool.c, op_maxpool_d32.c, op_avgpool_d32.c.
    static func pooling(_ node: HexagonNode, _ inputs: [Tensor], leftPadding: Int) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 5...5)
        let request = try PoolingRequest(operands)
        if node.op == .maxPool || node.op == .maxPoolDepth32 {
            return results(try maximum(request, operands, leftPadding: leftPadding), request.range)
        }
        if node.op == .averagePool {
            throw operands.refused("the average outside the depth-32 layout is not built")
        }
        let rows = request.rows.simplified()
        let columns = request.columns.simplified()
        if rows.count == 1, columns.count == 1 { return averageOfAll(request, rows, columns) }
        if rows.window == 3, columns.window == 3, rows.stride == 1, columns.stride == 1, rows.extent > 1,
            columns.extent > 1
        {
            return results(averageOf3x3(request, rows, columns), request.range)
        }
        if rows.window == 2, columns.window == 2, columns.stride == 2 {
            return results(averageOf2x2(request, rows, columns), request.range)
        }
        if Swift.max(rows.window, columns.window) > 128 {
            throw operands.refused("windows of more than 128 rows or columns read past a table")
        }
        return results(averageByIntegralImage(request, rows, columns), request.range)
    }

    /// 2x2 windows with a horizontal stride of 2: four codes, rounded once; past an edge the last row or column repeats.
    private static func averageOf2x2(
        _ request: PoolingRequest, _ rows: PoolingAxis, _ columns: PoolingAxis
    ) -> Tensor {
        let (height, width, depth) = (request.codes.shape[1], request.codes.shape[2], request.codes.shape[3])
        var result = Tensor(zeros: TensorType(.uint8, request.shape))
        request.codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                var to = 0
                for n in 0..<request.shape[0] {
                    for y in 0..<rows.count {
                        let top = y * rows.stride - rows.before
                        let above = (n * height + Swift.max(top, 0)) * width
                        let below = (n * height + Swift.min(top + 1, rows.extent - 1)) * width
                        for x in 0..<columns.count {
                            let left = Swift.max(2 * x - columns.before, 0) * depth
                            let right = Swift.min(2 * x - columns.before + 1, columns.extent - 1) * depth
                            for k in 0..<depth {
                                let sum =
                                    Int32(source[above * depth + left + k]) &+ Int32(source[above * depth + right + k])
                                    &+ Int32(source[below * depth + left + k])
                                    &+ Int32(source[below * depth + right + k])
                                target[to + k] = UInt8(truncatingIfNeeded: (sum &+ 2) >> 2)
                            }
                            to += depth
                        }
                    }
                }
            }
        }
        return result
    }

    /// 3x3 windows with a stride of 1: nine codes times 3641 / 32,768, rounded once.
    ///
    /// A row or column outside is the average of the two next to it, rounded up: rows first, then columns.
    private static func averageOf3x3(
        _ request: PoolingRequest, _ rows: PoolingAxis, _ columns: PoolingAxis
    ) -> Tensor {
        let (height, width, depth) = (request.codes.shape[1], request.codes.shape[2], request.codes.shape[3])
        let (top, left) = (rows.before, columns.before)
        let wide = columns.extent + left + columns.after
        let high = rows.extent + top + rows.after
        let line = wide * depth
        var result = Tensor(zeros: TensorType(.uint8, request.shape))
        var padded = [UInt8](repeating: 0, count: high * line)
        request.codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                padded.withUnsafeMutableBufferPointer { padded in
                    /// The average of what stands one and two steps further.
                    func fill(_ start: Int, _ length: Int, _ step: Int) {
                        for i in start..<start + length {
                            padded[i] = UInt8((Int(padded[i + step]) + Int(padded[i + 2 * step]) + 1) >> 1)
                        }
                    }
                    var to = 0
                    for n in 0..<request.shape[0] {
                        for y in 0..<rows.extent {
                            let from = (n * height + y) * width * depth
                            let start = (y + top) * line + left * depth
                            for k in 0..<columns.extent * depth { padded[start + k] = source[from + k] }
                        }
                        if top > 0 { fill(0, line, line) }
                        if rows.after > 0 { fill((high - 1) * line, line, -line) }
                        for y in 0..<high {
                            if left > 0 { fill(y * line, depth, depth) }
                            if columns.after > 0 { fill(y * line + line - depth, depth, -depth) }
                        }
                        for y in 0..<rows.count {
                            for x in 0..<columns.count * depth {
                                var sum: Int32 = 0
                                for row in 0..<3 {
                                    let from = (y + row) * line + x
                                    sum &+= Int32(padded[from])
                                    sum &+= Int32(padded[from + depth])
                                    sum &+= Int32(padded[from + 2 * depth])
                                }
                                target[to] = UInt8(truncatingIfNeeded: (sum &* 3641 &+ 16384) >> 15)
                                to += 1
                            }
                        }
                    }
                }
            }
        }
        return result
    }
}
