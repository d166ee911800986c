import TensorCore

extension HexagonKernels {
    /// `QuantizedResizeBilinear_8_d32`.
    ///
    /// Doubling has its own code where the left padding is even; it counts columns from whole vectors of four.
    ///
    /// Source: nnlib hexagon/ops/src/op_resizebilinear_d32.c.
    static func resizeDepth32(_ codes: Tensor, _ request: ResizeRequest, leftPadding: Int, _ result: inout Tensor) {
        let doubles = request.height == 2 * codes.shape[1] && request.width == 2 * codes.shape[2]
        if doubles, leftPadding % 2 == 0, !request.alignsCorners, !request.usesHalfPixels {
            doubled(codes, columnsBefore: leftPadding & 2, &result)
        } else {
            interpolated(codes, request, &result)
        }
    }

    /// Twice the height and width: averages of neighbours, first along the width rounded down, then along the height.
    ///
    /// Along the height the vector code rounds down too, except in the last group of four columns of a row, where it
    /// rounds up. Groups start `columnsBefore` columns before the row. Rows and columns past the end repeat the last.
    ///
    /// Source: nnlib hexagon/asm_src/resizebilinear_d32_h.S.
    private static func doubled(_ codes: Tensor, columnsBefore: Int, _ result: inout Tensor) {
        let (height, width, depth) = (codes.shape[1], codes.shape[2], codes.shape[3])
        let lastGroup = max((columnsBefore + width - 1) / 4 * 4 - columnsBefore, 0)
        let row = 2 * width * depth
        codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                for n in 0..<codes.shape[0] {
                    let top = n * 2 * height * row
                    for y in 0..<height {
                        let to = top + 2 * y * row
                        for x in 0..<width {
                            let from = ((n * height + y) * width + x) * depth
                            let next = x + 1 < width ? from + depth : from
                            for k in 0..<depth {
                                let (a, b) = (UInt32(source[from + k]), UInt32(source[next + k]))
                                target[to + 2 * x * depth + k] = UInt8(truncatingIfNeeded: a)
                                target[to + (2 * x + 1) * depth + k] = UInt8(truncatingIfNeeded: (a &+ b) >> 1)
                            }
                        }
                    }
                    for y in 0..<height {
                        let above = top + 2 * y * row
                        let below = y + 1 < height ? above + 2 * row : above
                        for k in 0..<row {
                            let rounding: UInt32 = k < 2 * lastGroup * depth ? 0 : 1
                            let sum = UInt32(target[above + k]) &+ UInt32(target[below + k]) &+ rounding
                            target[above + row + k] = UInt8(truncatingIfNeeded: sum >> 1)
                        }
                    }
                }
            }
        }
    }

    /// Any other size: 7-bit weights along the height without rounding, 15-bit fractions along the width with one, and
    /// a last rounding to codes.
    private static func interpolated(_ codes: Tensor, _ request: ResizeRequest, _ result: inout Tensor) {
        let (height, width, depth) = (codes.shape[1], codes.shape[2], codes.shape[3])
        let rows = ResizeSteps(extent: height, count: request.height, bits: 7, request)
        let columns = ResizeSteps(extent: width, count: request.width, bits: 15, request)
        let length = width * depth
        var blended = [Int32](repeating: 0, count: length)
        codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                blended.withUnsafeMutableBufferPointer { blended in
                    var to = 0
                    for n in 0..<codes.shape[0] {
                        for y in 0..<request.height {
                            let above = (n * height + rows.before[y]) * length
                            let below = rows.before[y] + 1 < height ? above + length : above
                            let weight = rows.fraction[y]
                            for k in 0..<length {
                                blended[k] =
                                    Int32(source[above + k]) &* (128 &- weight) &+ Int32(source[below + k]) &* weight
                            }
                            for x in 0..<request.width {
                                let from = columns.before[x] * depth
                                let next = columns.before[x] + 1 < width ? from + depth : from
                                let fraction = columns.fraction[x]
                                for k in 0..<depth {
                                    let left = blended[from + k]
                                    let part = HexagonArithmetic.multiplyFraction(blended[next + k] &- left, fraction)
                                    target[to + k] = UInt8(truncatingIfNeeded: (left &+ part &+ 64) >> 7)
                                }
                                to += depth
                            }
                        }
                    }
                }
            }
        }
    }
}
