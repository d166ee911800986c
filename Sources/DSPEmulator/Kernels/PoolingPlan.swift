import TensorCore

/// One axis of a pooling: the library trims the input and simplifies the window where that changes no result.
///
/// Sources: nnlib hexagon/include/nn_graph_padding.h; hexagon/src/integral_buffer.c, `setup_integral_buffer_plan`.
struct PoolingAxis {
    /// Elements of the input that are used.
    var extent: Int
    var window: Int
    var stride: Int
    /// Places of the first window before the input, and of the last behind it.
    var before: Int
    var after: Int
    /// Elements of the output; 0 when no window fits.
    var count: Int
    /// By how much a window is longer than the input and one more.
    var excess = 0

    init(extent: Int, window: Int, stride: Int, padding: HexagonPadding) {
        self.extent = extent
        self.window = window
        self.stride = stride
        count =
            padding == .valid ? (extent < window ? 0 : (extent - window) / stride + 1) : (extent + stride - 1) / stride
        let outside = padding == .valid ? 0 : Swift.max((count - 1) * stride - (extent - window), 0)
        before = outside / 2
        after = outside - before
    }

    /// As the integral image has it.
    func simplified() -> PoolingAxis {
        var axis = self
        if after == 0, stride > 1 { axis.extent = Swift.min(extent, window + (count - 1) * stride) }
        if count == 1 {
            axis.window = axis.extent
            axis.before = 0
            axis.after = 0
            axis.stride = 1
        } else if window - 1 > axis.extent {
            axis.excess = window - 1 - axis.extent
            let shrink = window - Swift.max(before, after) - axis.extent
            if shrink > 0 {
                axis.window -= 2 * shrink
                axis.excess -= 2 * shrink
                axis.before -= shrink
                axis.after -= shrink
            }
        }
        return axis
    }

    /// What a sum at the border is multiplied by to stand for the columns outside: minus p / (window - p), 15 bits
    /// (`integ_buf_find_padding_scales`).
    func borderScales() -> [Int32] {
        (0..<Swift.max(before, after)).map {
            let outside = Swift.max($0 + 1, excess + 1)
            let inside = window - outside
            if inside <= outside { return -32768 }
            let reciprocal = ((1 << 32) / inside + 1) / 2
            return HexagonArithmetic.wrapI16(-Int32((reciprocal * outside + 0x8000) >> 16))
        }
    }
}

/// A pooling's operands: codes, their range, and constants whose shapes are the window and the stride.
struct PoolingRequest {
    let codes: Tensor
    let range: HexagonRange
    let rows: PoolingAxis
    let columns: PoolingAxis

    init(_ operands: KernelInputs) throws {
        codes = try operands.codes(0)
        range = try operands.range(1)
        let window = operands.tensors[3].shape
        let stride = operands.tensors[4].shape
        for shape in [window, stride] {
            guard shape.rank == 4, shape[0] == 1, shape[3] == 1, shape[1] > 0, shape[2] > 0 else {
                throw operands.refused("a window or stride of \(shape) is no rectangle")
            }
        }
        let padding = operands.node.padding
        guard padding == .same || padding == .valid else {
            throw operands.refused("pads as SAME or VALID, not as \(padding)")
        }
        rows = PoolingAxis(extent: codes.shape[1], window: window[1], stride: stride[1], padding: padding)
        columns = PoolingAxis(extent: codes.shape[2], window: window[2], stride: stride[2], padding: padding)
        if rows.count < 1 || columns.count < 1 {
            throw operands.refused("\(codes.shape) is too small for a window of \(window)")
        }
    }

    /// The output's shape.
    var shape: Shape { [codes.shape[0], rows.count, columns.count, codes.shape[3]] }
}
