import Operators
import TensorCore

/// The three operators that slide a window, as one shape of work.
struct SlidingWindow {
    enum Kind { case dense, depthwise, transposed }
    let kind: Kind
    let geometry: ConvolutionGeometry
    let input: Tensor
    let weights: Tensor
    /// Index of the optional bias among the operands.
    let biasIndex: Int
    let channels: Int
    let results: Int
    let activation: Activation

    /// The same.
    ///
    /// - Throws: `Diagnostic` (.badModel) when the call's result has another number of elements.
    func fitting(_ call: Invocation) throws -> SlidingWindow {
        let pixels = kind == .transposed ? geometry.input : geometry.output
        guard try call.output().shape.elementCount == geometry.batches * pixels.height * pixels.width * results else {
            throw call.badShape()
        }
        return self
    }

    /// Calls `finish` for every output pixel with its batch, its first output index and the sums of its channels.
    func forEachPixel<A: Accumulator>(
        input: [A], weights: [A], finish: (_ batch: Int, _ start: Int, _ sums: UnsafeBufferPointer<A>) -> Void
    ) {
        switch kind {
        case .dense:
            ConvolutionLoops.conv2D(
                geometry, input: input, channels: channels, weights: weights, results: results, finish: finish)
        case .depthwise:
            ConvolutionLoops.depthwise(
                geometry, input: input, channels: channels, weights: weights, results: results, finish: finish)
        case .transposed:
            let sums = ConvolutionLoops.transposed(
                geometry, input: input, channels: channels, weights: weights, results: results)
            guard results > 0 else { return }
            sums.withUnsafeBufferPointer { sums in
                let pixels = geometry.input.height * geometry.input.width
                for pixel in 0..<geometry.batches * pixels {
                    let start = pixel * results
                    finish(pixel / pixels, start, UnsafeBufferPointer(rebasing: sums[start..<start + results]))
                }
            }
        }
    }
}

extension ReferenceKernels {
    static func conv2D(_ op: Conv2D, _ call: Invocation) throws -> Tensor { try slide(try window(op, call), call) }

    static func window(_ op: Conv2D, _ call: Invocation) throws -> SlidingWindow {
        let (input, weights, output) = (try call.input(0), try call.input(1), try call.output())
        guard input.shape.rank == 4, weights.shape.rank == 4, output.shape.rank == 4, weights.shape[3] > 0,
            input.shape[3] % weights.shape[3] == 0, output.shape[3] == weights.shape[0],
            input.shape[3] == 0 || weights.shape[0] % (input.shape[3] / weights.shape[3]) == 0
        else { throw call.badShape() }
        let geometry = ConvolutionGeometry(
            input: input.shape, window: weights.shape, output: output.shape, stride: op.stride,
            dilation: op.dilation, padding: op.padding)
        return try SlidingWindow(
            kind: .dense, geometry: geometry, input: input, weights: weights, biasIndex: 2,
            channels: input.shape[3], results: weights.shape[0], activation: op.activation
        ).fitting(call)
    }

    static func depthwiseConv2D(_ op: DepthwiseConv2D, _ call: Invocation) throws -> Tensor {
        try slide(try window(op, call), call)
    }

    static func window(_ op: DepthwiseConv2D, _ call: Invocation) throws -> SlidingWindow {
        let (input, weights, output) = (try call.input(0), try call.input(1), try call.output())
        guard input.shape.rank == 4, weights.shape.rank == 4, output.shape.rank == 4, input.shape[3] > 0,
            weights.shape[3] % input.shape[3] == 0, output.shape[3] == weights.shape[3], weights.shape[0] == 1
        else { throw call.badShape() }
        let geometry = ConvolutionGeometry(
            input: input.shape, window: weights.shape, output: output.shape, stride: op.stride,
            dilation: op.dilation, padding: op.padding)
        return try SlidingWindow(
            kind: .depthwise, geometry: geometry, input: input, weights: weights, biasIndex: 2,
            channels: input.shape[3], results: weights.shape[3], activation: op.activation
        ).fitting(call)
    }

    static func transposeConv(_ op: TransposeConv, _ call: Invocation) throws -> Tensor {
        try slide(try window(op, call), call)
    }

    static func window(_ op: TransposeConv, _ call: Invocation) throws -> SlidingWindow {
        let (weights, input, output) = (try call.input(1), try call.input(2), try call.output())
        guard input.shape.rank == 4, weights.shape.rank == 4, output.shape.rank == 4,
            weights.shape[3] == input.shape[3], output.shape[3] == weights.shape[0], output.shape[0] == input.shape[0]
        else { throw call.badShape() }
        let geometry = ConvolutionGeometry(
            input: output.shape, window: weights.shape, output: input.shape, stride: op.stride,
            dilation: Extent2D(1), padding: op.padding)
        return try SlidingWindow(
            kind: .transposed, geometry: geometry, input: input, weights: weights, biasIndex: 3,
            channels: input.shape[3], results: weights.shape[0], activation: op.activation
        ).fitting(call)
    }

    private static func slide(_ work: SlidingWindow, _ call: Invocation) throws -> Tensor {
        switch (work.input.elementType, work.weights.elementType) {
        case (.float32, .float32): return try floatSlide(work, call)
        case (.float32, .int8): return try hybridSlide(work, call)
        case (.int8, .int8): return try quantizedSlide(work, Int8.self, Int32.self, call)
        case (.uint8, .uint8): return try quantizedSlide(work, UInt8.self, Int32.self, call)
        case (.int16, .int8):
            // Sums are as wide as the bias.
            if call.optional(work.biasIndex)?.elementType == .int32 {
                return try quantizedSlide(work, Int16.self, Int32.self, call)
            }
            return try quantizedSlide(work, Int16.self, Int64.self, call)
        default: throw call.unsupported()
        }
    }

    private static func floatSlide(_ work: SlidingWindow, _ call: Invocation) throws -> Tensor {
        let bias = try call.floatBias(work.biasIndex, count: work.results)
        return try floatResult(call) { output in
            work.forEachPixel(input: work.input.elements(of: Float.self), weights: work.weights.elements()) {
                _, start, sums in
                for r in 0..<sums.count { output[start + r] = work.activation.apply(sums[r] + bias[r]) }
            }
        }
    }

    /// A float32 result of the call's first output type, filled by `body`.
    static func floatResult(
        _ call: Invocation, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws -> Tensor {
        let type = try call.output()
        guard type.elementType == .float32 else {
            throw call.unsupported("a result of \(type.elementType.rawValue) from float operands")
        }
        var result = Tensor(zeros: type)
        try result.withMutableElements(of: Float.self, body)
        return result
    }
}
