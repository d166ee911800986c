import TensorCore

extension HexagonKernels {
    /// The largest code of each window.
    ///
    /// - Parameter leftPadding: of the operand in the depth-32 layout. The library's own loops for 2x2 by 2 and 3x3 take it to
    ///   be 4, and take other columns where it is not, as after depthwise convolutions.
    /// - Throws: `Diagnostic` (.unsupported) where these columns hold what the library leaves undefined.
    static func maximum(_ request: PoolingRequest, _ operands: KernelInputs, leftPadding: Int) throws -> Tensor {
        let shift = operands.node.op == .maxPoolDepth32 ? request.columnShift(leftPadding: leftPadding) : 0
        if shift == 0 { return maximum(request) }
        guard operands.node.padding == .same else {
            throw operands.refused(
                "reads \(-shift) columns to the left of its operand, which the library leaves undefined after a depthwise"
                    + " convolution; SAME padding clears them")
        }
        let (rows, columns) = (request.rows.trimmed(), request.columns.trimmed())
        let memory = PaddedRows(request.codes, rows: rows.extent, leftPadding: leftPadding)
        let last = (columns.count - 1) * columns.stride - columns.before + shift + columns.window - 1
        if last >= memory.undefinedColumn {
            throw operands.refused("reads codes of the next 32 channels where the library leaves them undefined")
        }
        return shiftedMaximum(request, rows, columns, memory, shift: shift)
    }

    private static func maximum(_ request: PoolingRequest) -> Tensor {
        let (height, width, depth) = (request.codes.shape[1], request.codes.shape[2], request.codes.shape[3])
        var result = Tensor(zeros: TensorType(.uint8, request.shape))
        request.codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                var to = 0
                for n in 0..<request.shape[0] {
                    for y in 0..<request.rows.count {
                        let top = y * request.rows.stride - request.rows.before
                        for x in 0..<request.columns.count {
                            let left = x * request.columns.stride - request.columns.before
                            for row in Swift.max(top, 0)..<Swift.min(top + request.rows.window, height) {
                                for column in Swift.max(left, 0)..<Swift.min(left + request.columns.window, width) {
                                    let from = ((n * height + row) * width + column) * depth
                                    for k in 0..<depth { target[to + k] = Swift.max(target[to + k], source[from + k]) }
                                }
                            }
                            to += depth
                        }
                    }
                }
            }
        }
        return result
    }

    private static func shiftedMaximum(
        _ request: PoolingRequest, _ rows: PoolingAxis, _ columns: PoolingAxis, _ memory: PaddedRows, shift: Int
    ) -> Tensor {
        let depth = request.codes.shape[3]
        var result = Tensor(zeros: TensorType(.uint8, request.shape))
        request.codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                var to = 0
                for n in 0..<request.shape[0] {
                    for y in 0..<rows.count {
                        let top = y * rows.stride - rows.before
                        for x in 0..<columns.count {
                            let left = x * columns.stride - columns.before + shift
                            for row in top..<top + rows.window {
                                for column in left..<left + columns.window {
                                    for k in 0..<depth {
                                        guard let place = memory.place(n, row, column, k) else { continue }
                                        target[to + k] = Swift.max(target[to + k], source[place])
                                    }
                                }
                            }
                            to += depth
                        }
                    }
                }
            }
        }
        return result
    }
}

extension PoolingAxis {
    /// As maximum pools have it: an only window covers no more than the input.
    fileprivate func trimmed() -> PoolingAxis {
        guard count == 1 else { return self }
        var axis = self
        axis.extent = Swift.min(window - before, extent)
        axis.window = axis.extent
        axis.stride = 1
        axis.before = 0
        axis.after = 0
        return axis
    }
}

extension PoolingRequest {
    /// By how many columns the windows of the library's own loops lie further to the right than they should.
    ///
    /// They start at whole vectors of four columns: of the operand's left padding where windows reach into it, else of its
    /// columns. Source: nnlib hexagon/ops/src/op_maxpool_d32.c, `maxpool_execute`.
    fileprivate func columnShift(leftPadding: Int) -> Int {
        let (rows, columns) = (rows.trimmed(), columns.trimmed())
        guard rows.window == columns.window, rows.stride == columns.stride, rows.count > 1 || columns.count > 1,
            [[2, 2], [3, 1], [3, 2]].contains([rows.window, rows.stride])
        else { return 0 }
        return columns.before == 0 ? -(leftPadding & 3) : 4 - leftPadding
    }
}

/// Codes of the depth-32 layout with zeros around them: what lies behind a row's right padding is the same row of the next
/// 32 channels, and behind those the next row.
private struct PaddedRows {
    let shape: Shape
    /// Rows that are not seen as zeros.
    let rows: Int
    let leftPadding: Int
    /// Columns of a row with its paddings.
    let length: Int

    init(_ codes: Tensor, rows: Int, leftPadding: Int) {
        shape = codes.shape
        self.rows = rows
        self.leftPadding = leftPadding
        length = (leftPadding + codes.shape[2] + 3) & ~3
    }

    /// The first column of the next 32 channels, where some of these are undefined.
    var undefinedColumn: Int { shape[3] > 32 && shape[3] % 32 != 0 ? length : .max }

    /// Where an element stands; nil where there is a zero.
    func place(_ n: Int, _ row: Int, _ column: Int, _ channel: Int) -> Int? {
        var (row, column, channel) = (row, column, channel)
        while column >= length - leftPadding {
            column -= length
            channel += 32
            if channel & ~31 >= shape[3] {
                channel &= 31
                row += 1
            }
        }
        guard column >= 0, column < shape[2], row >= 0, row < rows else { return nil }
        return ((n * shape[1] + row) * shape[2] + column) * shape[3] + channel
    }
}
