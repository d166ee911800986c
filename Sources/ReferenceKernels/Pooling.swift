import Operators
import TensorCore

extension ReferenceKernels {
    static func averagePool2D(_ op: Pool2D, _ call: Invocation) throws -> Tensor {
        let window = try PoolWindow(op, call)
        switch try call.input(0).elementType {
        case .float32:
            return try pool(window, Float.self, call) { values, indices in
                var sum: Float = 0
                for i in indices { sum += values[i] }
                return op.activation.apply(sum / Float(indices.count))
            }
        case .int8: return try averageOfCodes(op, window, Int8.self, call)
        case .uint8: return try averageOfCodes(op, window, UInt8.self, call)
        case .int16: return try averageOfCodes(op, window, Int16.self, call)
        default: throw call.unsupported()
        }
    }

    static func maxPool2D(_ op: Pool2D, _ call: Invocation) throws -> Tensor {
        let window = try PoolWindow(op, call)
        switch try call.input(0).elementType {
        case .float32:
            return try pool(window, Float.self, call) { values, indices in
                var best = -Float.greatestFiniteMagnitude
                for i in indices where best < values[i] { best = values[i] }
                return op.activation.apply(best)
            }
        case .int8: return try maximumOfCodes(op, window, Int8.self, call)
        case .uint8: return try maximumOfCodes(op, window, UInt8.self, call)
        case .int16: return try maximumOfCodes(op, window, Int16.self, call)
        default: throw call.unsupported()
        }
    }

    /// Calls `body` for every result with the indices of the input elements in its window.
    ///
    /// - Throws: `Diagnostic` (.badData) when a window holds no element.
    static func pool<T: TensorElement>(
        _ window: PoolWindow, _: T.Type, _ call: Invocation,
        _ body: (_ values: UnsafeBufferPointer<T>, _ indices: [Int]) throws -> T
    ) throws -> Tensor {
        var result = Tensor(zeros: try call.output())
        var emptyWindow = false
        try result.withMutableElements(of: T.self) { output in
            try call.input(0).withElements(of: T.self) { values in
                try window.forEachResult { index, indices in
                    guard !indices.isEmpty else {
                        emptyWindow = true
                        return
                    }
                    output[index] = try body(values, indices)
                }
            }
        }
        guard !emptyWindow else { throw Diagnostic(.badData, at: call.name, "a window holds no element") }
        return result
    }
}

/// Where the windows of a pooling operator lie.
struct PoolWindow {
    let geometry: ConvolutionGeometry
    let channels: Int

    init(_ op: Pool2D, _ call: Invocation) throws {
        let (input, output) = (try call.input(0), try call.output())
        guard input.shape.rank == 4, output.shape.rank == 4, output.shape[3] == input.shape[3],
            output.shape[0] == input.shape[0], output.elementType == input.elementType
        else { throw call.badShape() }
        channels = input.shape[3]
        geometry = ConvolutionGeometry(
            input: input.shape, window: [1, op.window.height, op.window.width, 1], output: output.shape,
            stride: op.stride, dilation: Extent2D(1), padding: op.padding)
    }

    func forEachResult(_ body: (_ index: Int, _ indices: [Int]) throws -> Void) throws {
        var failure: (any Error)?
        geometry.forEachPixel { _, pixel, taps in
            guard failure == nil else { return }
            do {
                var indices = taps.map { $0.pixel * channels }
                for channel in 0..<channels {
                    try body(pixel * channels + channel, indices)
                    for i in indices.indices { indices[i] += 1 }
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
