import TensorCore

extension HexagonKernels {
    /// `QuantizedResizeBilinear_8`: by 2 and by 4 in integers, by 4 with aligned corners in 7 and 15 bits, else in
    /// binary32.
    ///
    /// Source: nnlib hexagon/ops/src/op_resizebilinear.c.
    ///
    /// - Throws: `Diagnostic` (.unsupported) for forms that the library refuses, or in which it reads what it should not.
    static func resizeFlat(
        _ operands: KernelInputs, _ codes: Tensor, _ request: ResizeRequest, _ result: inout Tensor
    ) throws {
        let (height, width, depth) = (codes.shape[1], codes.shape[2], codes.shape[3])
        let isDepthPower = depth & (depth - 1) == 0
        let isCorner = !request.alignsCorners && !request.usesHalfPixels
        let factor = { (factor: Int) in request.height == factor * height && request.width == factor * width }
        if isCorner, factor(2), isDepthPower, depth >= 128 || width & (width - 1) == 0 {
            enlarged(codes, by: 2, &result)
        } else if isCorner, factor(4), isDepthPower, depth < 32 {
            if (width - 1) * depth % 128 == 0 {
                throw operands.refused("reads past the end of rows of \(width) columns of depth \(depth)")
            }
            enlarged(codes, by: 4, &result)
        } else if request.alignsCorners, request.width == 4 * width, (width - 1) % 3 == 0, width * depth < 384 {
            if depth > 2 { throw operands.refused("has no scaling plan for depth \(depth)") }
            alignedByFour(codes, request, &result)
        } else {
            if request.alignsCorners, request.height == 1 || request.width == 1 {
                throw operands.refused("divides by zero for aligned corners of a row or column")
            }
            interpolatedInFloat(codes, request, &result)
        }
    }

    /// Weights in halves or quarters along both axes, one rounding; rows and columns past the end repeat the last
    /// (`resizebilinear_2x`, `resizebilinear_4x`).
    private static func enlarged(_ codes: Tensor, by factor: Int, _ result: inout Tensor) {
        let (height, width, depth) = (codes.shape[1], codes.shape[2], codes.shape[3])
        let shift = Int32(factor == 2 ? 2 : 4)
        codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                var to = 0
                for n in 0..<codes.shape[0] {
                    for y in 0..<factor * height {
                        let above = (n * height + y / factor) * width * depth
                        let below = y / factor + 1 < height ? above + width * depth : above
                        let down = Int32(y % factor)
                        let up = Int32(factor) - down
                        for x in 0..<factor * width {
                            let left = x / factor * depth
                            let right = x / factor + 1 < width ? left + depth : left
                            let after = Int32(x % factor)
                            let before = Int32(factor) - after
                            for k in 0..<depth {
                                let first =
                                    Int32(source[above + left + k]) &* up &+ Int32(source[below + left + k]) &* down
                                let second =
                                    Int32(source[above + right + k]) &* up &+ Int32(source[below + right + k]) &* down
                                target[to + k] = UInt8(
                                    truncatingIfNeeded: HexagonArithmetic.shiftRounded(
                                        first &* before &+ second &* after, shift))
                            }
                            to += depth
                        }
                    }
                }
            }
        }
    }

    /// Four times the width with aligned corners: 7-bit weights along the width, 15-bit fractions along the height
    /// (`resizebilinear_hvx`).
    private static func alignedByFour(_ codes: Tensor, _ request: ResizeRequest, _ result: inout Tensor) {
        let (height, width, depth) = (codes.shape[1], codes.shape[2], codes.shape[3])
        let columns = ResizeSteps(extent: width, count: request.width, bits: 15, request)
        let steps = max(request.height - 1, 1)
        let step = ((request.height > 1 ? height - 1 : height) << 32 + steps >> 1) / steps
        codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                var to = 0
                for n in 0..<codes.shape[0] {
                    var place = 1 << 16
                    for _ in 0..<request.height {
                        let row = min(place >> 32, height - 1)
                        // The unit's half is added to the fraction a second time here.
                        let fraction = row < height - 1 ? Int32(((place + 1 << 16) & 0xffff_ffff) >> 17) : 0
                        place += step
                        let above = (n * height + row) * width * depth
                        let below = row + 1 < height ? above + width * depth : above
                        for x in 0..<request.width {
                            let left = columns.before[x] * depth
                            let right = columns.before[x] + 1 < width ? left + depth : left
                            let weight = columns.fraction[x] >> 8
                            for k in 0..<depth {
                                let top =
                                    Int32(source[above + left + k]) &* (128 &- weight)
                                    &+ Int32(source[above + right + k]) &* weight
                                let bottom =
                                    Int32(source[below + left + k]) &* (128 &- weight)
                                    &+ Int32(source[below + right + k]) &* weight
                                let part = HexagonArithmetic.multiplyFraction(bottom &- top, fraction)
                                target[to + k] = UInt8(truncatingIfNeeded: (top &+ part &+ 64) >> 7)
                            }
                            to += depth
                        }
                    }
                }
            }
        }
    }

    /// Binary32, half added and the fraction dropped (`resizebilinear_general`).
    ///
    /// Additions that follow a multiplication are taken to be rounded twice: how the library was compiled is not known.
    private static func interpolatedInFloat(_ codes: Tensor, _ request: ResizeRequest, _ result: inout Tensor) {
        let (height, width, depth) = (codes.shape[1], codes.shape[2], codes.shape[3])
        func places(_ extent: Int, _ count: Int) -> [(before: Int, after: Int, fraction: Float)] {
            let scale =
                request.alignsCorners ? Float(extent - 1) / Float(count - 1) : Float(extent) / Float(count)
            return (0..<count).map {
                let place =
                    request.usesHalfPixels ? max(0, (Float($0) + 0.5) * scale - 0.5) : Float($0) * scale
                let fraction = place - place.rounded(.down)
                let whole = Int(place - fraction)
                return (min(whole, extent - 1), min(whole + 1, extent - 1), fraction)
            }
        }
        func between(_ a: Float, _ b: Float, _ fraction: Float) -> Float { a + (b - a) * fraction }
        let rows = places(height, request.height)
        let columns = places(width, request.width)
        codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                var to = 0
                for n in 0..<codes.shape[0] {
                    for y in rows {
                        let above = (n * height + y.before) * width
                        let below = (n * height + y.after) * width
                        for x in columns {
                            for k in 0..<depth {
                                let top = between(
                                    Float(source[(above + x.before) * depth + k]),
                                    Float(source[(above + x.after) * depth + k]), x.fraction)
                                let bottom = between(
                                    Float(source[(below + x.before) * depth + k]),
                                    Float(source[(below + x.after) * depth + k]), x.fraction)
                                target[to + k] = UInt8(between(top, bottom, y.fraction) + 0.5)
                            }
                            to += depth
                        }
                    }
                }
            }
        }
    }
}
