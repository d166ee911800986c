import Operators
import TensorCore

extension ReferenceKernels {
    static func resizeBilinear(_ options: ResizeOptions, _ call: Invocation) throws -> Tensor {
        let input = try call.input(0)
        let extents = try ResizeExtents(call)
        switch input.elementType {
        case .float32:
            return try interpolate(options, extents, Float.self, call) {
                $0
            } from: {
                $0
            }
        case .uint8:
            return try interpolate(options, extents, UInt8.self, call) {
                saturatingInteger(Double($0 + 0.5), as: UInt8.self)
            } from: {
                Float($0)
            }
        case .int8: return try interpolateCodes(options, extents, Int8.self, call)
        case .int16: return try interpolateCodes(options, extents, Int16.self, call)
        default: throw call.unsupported()
        }
    }

    static func resizeNearestNeighbor(_ options: ResizeOptions, _ call: Invocation) throws -> Tensor {
        let (input, output) = (try call.input(0), try call.output())
        let extents = try ResizeExtents(call)
        guard input.elementType == output.elementType else { throw call.unsupported() }
        let rows = (0..<extents.output.height).map {
            options.nearest($0, input: extents.input.height, output: extents.output.height)
        }
        let columns = (0..<extents.output.width).map {
            options.nearest($0, input: extents.input.width, output: extents.output.width)
        }
        let size = extents.channels * input.elementType.byteCount
        var result = Tensor(zeros: output)
        result.withUnsafeMutableBytes { target in
            input.withUnsafeBytes { source in
                var offset = 0
                for batch in 0..<extents.batches {
                    for row in rows {
                        for column in columns {
                            let from = extents.pixel(batch, row, column) * size
                            UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + size]).copyMemory(
                                from: UnsafeRawBufferPointer(rebasing: source[from..<from + size]))
                            offset += size
                        }
                    }
                }
            }
        }
        return result
    }

    /// Bilinear interpolation in float32.
    ///
    /// Source: LiteRT `ResizeBilinear` (kernels/internal/reference/resize_bilinear.h).
    private static func interpolate<T: TensorElement>(
        _ options: ResizeOptions, _ extents: ResizeExtents, _: T.Type, _ call: Invocation, to: (Float) -> T,
        from: (T) -> Float
    ) throws -> Tensor {
        let rows = (0..<extents.output.height).map {
            options.linear($0, input: extents.input.height, output: extents.output.height)
        }
        let columns = (0..<extents.output.width).map {
            options.linear($0, input: extents.input.width, output: extents.output.width)
        }
        var result = Tensor(zeros: try call.output())
        try result.withMutableElements(of: T.self) { output in
            try call.input(0).withElements(of: T.self) { input in
                var index = 0
                for batch in 0..<extents.batches {
                    for y in rows {
                        for x in columns {
                            let topLeft = extents.pixel(batch, y.lower, x.lower) * extents.channels
                            let bottomLeft = extents.pixel(batch, y.upper, x.lower) * extents.channels
                            let topRight = extents.pixel(batch, y.lower, x.upper) * extents.channels
                            let bottomRight = extents.pixel(batch, y.upper, x.upper) * extents.channels
                            for c in 0..<extents.channels {
                                var sum = from(input[topLeft + c]) * (1 - y.fraction) * (1 - x.fraction)
                                sum += from(input[bottomLeft + c]) * y.fraction * (1 - x.fraction)
                                sum += from(input[topRight + c]) * (1 - y.fraction) * x.fraction
                                sum += from(input[bottomRight + c]) * y.fraction * x.fraction
                                output[index] = to(sum)
                                index += 1
                            }
                        }
                    }
                }
            }
        }
        return result
    }
}

/// Extents of a resize operator.
struct ResizeExtents {
    let batches: Int
    let input: Extent2D
    let output: Extent2D
    let channels: Int

    init(_ call: Invocation) throws {
        let (source, target) = (try call.input(0).shape, try call.output().shape)
        guard source.rank == 4, target.rank == 4, source[0] == target[0], source[3] == target[3],
            source[1] > 0 && source[2] > 0 || target.elementCount == 0,
            source[1] < 1 << 20, source[2] < 1 << 20, target[1] < 1 << 20, target[2] < 1 << 20
        else { throw call.badShape() }
        batches = source[0]
        input = Extent2D(height: source[1], width: source[2])
        output = Extent2D(height: target[1], width: target[2])
        channels = source[3]
    }

    func pixel(_ batch: Int, _ row: Int, _ column: Int) -> Int { (batch * input.height + row) * input.width + column }
}

extension ResizeOptions {
    /// The two input positions around output position `index` and the distance from the lower one.
    ///
    /// Source: LiteRT `ComputeInterpolationValues`.
    func linear(_ index: Int, input: Int, output: Int) -> (lower: Int, upper: Int, fraction: Float) {
        let scale = alignCorners && output > 1 ? Float(input - 1) / Float(output - 1) : Float(input) / Float(output)
        let position = halfPixelCenters ? (Float(index) + 0.5) * scale - 0.5 : Float(index) * scale
        let lower = min(max(Int(position.rounded(.down)), 0), input - 1)
        let upper = min(Int(position.rounded(.up)), input - 1)
        return (lower, max(upper, 0), position - Float(lower))
    }

    /// The input position that output position `index` copies.
    ///
    /// Source: LiteRT `GetNearestNeighbor` (kernels/internal/reference/resize_nearest_neighbor.h).
    func nearest(_ index: Int, input: Int, output: Int) -> Int {
        let scale = alignCorners && output > 1 ? Float(input - 1) / Float(output - 1) : Float(input) / Float(output)
        let position = (Float(index) + (halfPixelCenters ? 0.5 : 0)) * scale
        let rounded = alignCorners ? position.rounded(.toNearestOrAwayFromZero) : position.rounded(.down)
        return max(0, min(Int(rounded), input - 1))
    }
}
