import CKernels
import Operators
import TensorCore

extension FastKernels {
    static func pool(_ op: Pool2D, average: Bool, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let output = site.outputs.first, input.count < 1 << 30, output.count < 1 << 30,
            op.window.height < 1 << 12, op.window.width < 1 << 12, op.stride.height < 1 << 12, op.stride.width < 1 << 12
        else { return nil }
        let h = WindowGeometry(
            input: input.shape[1], window: op.window.height, stride: op.stride.height, padding: op.padding)
        let w = WindowGeometry(
            input: input.shape[2], window: op.window.width, stride: op.stride.width, padding: op.padding)
        let shape = ck_pool_shape(
            batch: Int32(input.shape[0]), in_h: Int32(input.shape[1]), in_w: Int32(input.shape[2]),
            channels: Int32(input.shape[3]), window_h: Int32(op.window.height), window_w: Int32(op.window.width),
            stride_h: Int32(op.stride.height), stride_w: Int32(op.stride.width), pad_top: Int32(h.before),
            pad_left: Int32(w.before), out_h: Int32(output.shape[1]), out_w: Int32(output.shape[2]))
        let rows = output.shape[0] * output.shape[1]
        let cost = output.count * op.window.height * op.window.width / 4
        if site.isFloat(input, output) {
            let (lowest, highest) = floatBounds(op.activation)
            let run = average ? ck_average_pool_f32 : ck_max_pool_f32
            return Step(units: rows, grain: 2, cost: cost) { range, _ in
                var shape = shape
                run(
                    &shape, input.elements(Float.self), output.elements(Float.self), lowest, highest,
                    Int32(range.lowerBound), Int32(range.upperBound))
            }
        }
        guard Requantization.isCode(input.type), input.type == output.type.with(shape: input.shape),
            let limits = Requantization.range(op.activation, output.type)
        else { return nil }
        let run = average ? ck_average_pool_codes : ck_max_pool_codes
        let isUnsigned: Int32 = input.type.elementType == .uint8 ? 1 : 0
        return Step(units: rows, grain: 2, cost: cost) { range, _ in
            var shape = shape
            run(
                &shape, isUnsigned, input.elements(UInt8.self), output.elements(UInt8.self), limits.lowerBound,
                limits.upperBound, Int32(range.lowerBound), Int32(range.upperBound))
        }
    }

    /// Positions along one axis of a resize: for every output index both neighbours and the weight of the upper one.
    ///
    /// Source: LiteRT `ComputeInterpolationValues` (kernels/internal/reference/resize_bilinear.h).
    private final class Positions {
        var low: [Int32] = []
        var high: [Int32] = []
        var fraction: [Float] = []

        init(input: Int, output: Int, _ options: ResizeOptions) {
            let scale =
                options.alignCorners && output > 1
                ? Float(input - 1) / Float(output - 1) : Float(input) / Float(output)
            for index in 0..<output {
                let position = options.halfPixelCenters ? (Float(index) + 0.5) * scale - 0.5 : Float(index) * scale
                let first = max(Int(position.rounded(.down)), 0)
                low.append(Int32(clamping: min(first, input - 1)))
                high.append(Int32(clamping: max(0, min(Int(position.rounded(.up)), input - 1))))
                fraction.append(position - Float(first))
            }
        }
    }

    static func bilinear(_ options: ResizeOptions, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let output = site.outputs.first, input.count < 1 << 30, output.count < 1 << 30
        else { return nil }
        let rows = output.shape[0] * output.shape[1]
        var shape = ck_bilinear()
        shape.batch = Int32(input.shape[0])
        shape.in_h = Int32(input.shape[1])
        shape.in_w = Int32(input.shape[2])
        shape.channels = Int32(input.shape[3])
        shape.out_h = Int32(output.shape[1])
        shape.out_w = Int32(output.shape[2])
        let sizes = shape
        if site.isFloat(input, output) {
            let y = Positions(input: input.shape[1], output: output.shape[1], options)
            let x = Positions(input: input.shape[2], output: output.shape[2], options)
            return Step(units: rows, grain: 2, cost: output.count) { range, _ in
                withPointers(y.low, y.high, x.low, x.high) { yLow, yHigh, xLow, xHigh in
                    y.fraction.withUnsafeBufferPointer { yFraction in
                        x.fraction.withUnsafeBufferPointer { xFraction in
                            var shape = sizes
                            (shape.y_low, shape.y_high, shape.x_low, shape.x_high) = (yLow, yHigh, xLow, xHigh)
                            shape.y_fraction = yFraction.baseAddress
                            shape.x_fraction = xFraction.baseAddress
                            ck_bilinear_f32(
                                &shape, input.elements(Float.self), output.elements(Float.self),
                                Int32(range.lowerBound), Int32(range.upperBound))
                        }
                    }
                }
            }
        }
        guard input.type.elementType != .uint8, Requantization.isCode(input.type),
            input.type == output.type.with(shape: input.shape),
            max(input.shape[1], input.shape[2], output.shape[1], output.shape[2]) < 1 << 20
        else { return nil }
        let y = CodePositions(input: input.shape[1], output: output.shape[1], options)
        let x = CodePositions(input: input.shape[2], output: output.shape[2], options)
        // Weights beyond this, which rounded scales of very long axes give, could overflow 32 bits.
        // Those beyond 1024 lead out of the range of codes.
        let fractions = input.type.elementType == .int4 ? 0...1024 : -600...1600
        guard (y.fraction + x.fraction).allSatisfy({ fractions.contains(Int($0)) }) else { return nil }
        return Step(units: rows, grain: 2, cost: output.count * 2) { range, _ in
            withPointers(y.low, y.high, x.low, x.high) { yLow, yHigh, xLow, xHigh in
                y.fraction.withUnsafeBufferPointer { yFraction in
                    x.fraction.withUnsafeBufferPointer { xFraction in
                        var shape = sizes
                        (shape.y_low, shape.y_high, shape.x_low, shape.x_high) = (yLow, yHigh, xLow, xHigh)
                        ck_bilinear_codes(
                            &shape, yFraction.baseAddress, xFraction.baseAddress, 0,
                            input.elements(UInt8.self), output.elements(UInt8.self), Int32(range.lowerBound),
                            Int32(range.upperBound))
                    }
                }
            }
        }
    }

    /// Positions in 1/1024 of a step, as LiteRT's integer resize has them.
    ///
    /// Source: LiteRT `ComputeInterpolationValuesInteger` (kernels/internal/reference/resize_bilinear.h).
    private final class CodePositions {
        var low: [Int32] = []
        var high: [Int32] = []
        var fraction: [Int32] = []

        init(input: Int, output: Int, _ options: ResizeOptions) {
            let scale =
                options.alignCorners && output > 1
                ? (1024 * (input - 1) + (output - 1) / 2) / (output - 1) : (1024 * input + output / 2) / output
            for index in 0..<output {
                let position = options.halfPixelCenters ? index * scale + scale / 2 - 512 : index * scale
                let first = max(position / 1024, 0)
                low.append(Int32(clamping: min(first, input - 1)))
                high.append(Int32(clamping: max(0, min((position + 1023) / 1024, input - 1))))
                fraction.append(Int32(clamping: position - 1024 * first))
            }
        }
    }

    private static func withPointers(
        _ a: [Int32], _ b: [Int32], _ c: [Int32], _ d: [Int32],
        _ body: (
            UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Void
    ) {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                c.withUnsafeBufferPointer { c in
                    d.withUnsafeBufferPointer { d in
                        body(a.baseAddress, b.baseAddress, c.baseAddress, d.baseAddress)
                    }
                }
            }
        }
    }

    /// Source: LiteRT `GetNearestNeighbor` (kernels/internal/reference/resize_nearest_neighbor.h).
    static func nearest(_ options: ResizeOptions, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let output = site.outputs.first,
            input.type == output.type.with(shape: input.shape)
        else { return nil }
        func positions(_ input: Int, _ output: Int) -> [Int64] {
            let scale =
                options.alignCorners && output > 1
                ? Float(input - 1) / Float(output - 1) : Float(input) / Float(output)
            let offset: Float = options.halfPixelCenters ? 0.5 : 0
            return (0..<output).map { index in
                let position = (Float(index) + offset) * scale
                let nearest = position.rounded(options.alignCorners ? .toNearestOrAwayFromZero : .down)
                return Int64(max(0, min(Int(nearest), input - 1)))
            }
        }
        let y = positions(input.shape[1], output.shape[1])
        let x = positions(input.shape[2], output.shape[2])
        let size = input.type.elementType.byteCount
        let pixel = input.shape[3] * size
        let (inRow, outRow) = (input.shape[2] * pixel, output.shape[2] * pixel)
        let (inHeight, outHeight, inWidth) = (input.shape[1], output.shape[1], input.shape[2])
        return Step(
            units: output.shape[0] * outHeight, grain: max(1, 16384 / outRow), cost: output.type.byteCount / 8
        ) { range, _ in
            for row in range {
                let (image, line) = row.quotientAndRemainder(dividingBy: outHeight)
                let from = input.address + (image * inHeight + Int(y[line])) * inRow
                x.withUnsafeBufferPointer { x in
                    _ = ck_gather_rows(
                        from, x.baseAddress, output.address + row * outRow, Int64(pixel), Int64(inWidth), 0,
                        Int64(x.count))
                }
            }
        }
    }
}
