import Operators
import TensorCore

extension ReferenceKernels {
    /// Bilinear interpolation of raw codes with positions in units of 1/1024, halves away from zero.
    ///
    /// Source: LiteRT `ResizeBilinearInteger` (kernels/internal/reference/resize_bilinear.h).
    static func interpolateCodes<C: Code>(
        _ options: ResizeOptions, _ extents: ResizeExtents, _: C.Type, _ call: Invocation
    ) throws -> Tensor {
        let rows = (0..<extents.output.height).map {
            options.linearFixed($0, input: extents.input.height, output: extents.output.height)
        }
        let columns = (0..<extents.output.width).map {
            options.linearFixed($0, input: extents.input.width, output: extents.output.width)
        }
        return try call.codes(try call.output(), of: C.self) { output in
            try call.input(0).withElements(of: C.self) { input in
                var index = 0
                for batch in 0..<extents.batches {
                    for y in rows {
                        for x in columns {
                            let corners = [
                                (y.lower, x.lower, (1024 - y.fraction) * (1024 - x.fraction)),
                                (y.upper, x.lower, y.fraction * (1024 - x.fraction)),
                                (y.lower, x.upper, (1024 - y.fraction) * x.fraction),
                                (y.upper, x.upper, y.fraction * x.fraction),
                            ].map { (extents.pixel(batch, $0.0, $0.1) * extents.channels, Int64($0.2)) }
                            for c in 0..<extents.channels {
                                var sum: Int64 = 0
                                for (start, weight) in corners { sum &+= Int64(input[start + c]) &* weight }
                                let half: Int64 = sum > 0 ? 1 << 19 : -(1 << 19)
                                output[index] = C(truncatingIfNeeded: (sum &+ half) / (1 << 20))
                                index += 1
                            }
                        }
                    }
                }
            }
        }
    }
}

extension ResizeOptions {
    /// Source: LiteRT `ComputeInterpolationValuesInteger`.
    func linearFixed(_ index: Int, input: Int, output: Int) -> (lower: Int, upper: Int, fraction: Int) {
        let scale =
            alignCorners && output > 1
            ? (1024 * (input - 1) + (output - 1) / 2) / (output - 1) : (1024 * input + output / 2) / output
        let position = halfPixelCenters ? index * scale + scale / 2 - 512 : index * scale
        let lower = min(max(position / 1024, 0), input - 1)
        let upper = max(min((position + 1023) / 1024, input - 1), 0)
        return (lower, upper, position - 1024 * lower)
    }
}
