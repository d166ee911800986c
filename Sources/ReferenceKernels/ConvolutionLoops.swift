import Operators
import TensorCore

/// Where the windows of a convolution lie: extents of input, window and output, strides, dilations and the padding in
/// front.
struct ConvolutionGeometry {
    var batches: Int
    var input: Extent2D
    var output: Extent2D
    var window: Extent2D
    var stride: Extent2D
    var dilation: Extent2D
    var before: Extent2D

    init(input: Shape, window: Shape, output: Shape, stride: Extent2D, dilation: Extent2D, padding: Padding) {
        batches = input[0]
        self.input = Extent2D(height: input[1], width: input[2])
        self.output = Extent2D(height: output[1], width: output[2])
        self.window = Extent2D(height: window[1], width: window[2])
        self.stride = stride
        self.dilation = dilation
        before = Extent2D(
            height: WindowGeometry(
                input: input[1], window: window[1], stride: stride.height, dilation: dilation.height, padding: padding
            ).before,
            width: WindowGeometry(
                input: input[2], window: window[2], stride: stride.width, dilation: dilation.width, padding: padding
            ).before)
    }

    var taps: Int { window.height * window.width }

    /// Calls `body` for every output pixel in row-major order with the pixel's batch, its index, and the taps inside the
    /// image as pairs of the tap's index and the input pixel's index.
    @inline(__always)
    func forEachPixel(_ body: (_ batch: Int, _ pixel: Int, _ taps: [(tap: Int, pixel: Int)]) -> Void) {
        var inside: [(tap: Int, pixel: Int)] = []
        inside.reserveCapacity(taps)
        var pixel = 0
        for batch in 0..<batches {
            for y in 0..<output.height {
                for x in 0..<output.width {
                    inside.removeAll(keepingCapacity: true)
                    for ky in 0..<window.height {
                        let row = y * stride.height - before.height + ky * dilation.height
                        guard row >= 0, row < input.height else { continue }
                        for kx in 0..<window.width {
                            let column = x * stride.width - before.width + kx * dilation.width
                            guard column >= 0, column < input.width else { continue }
                            inside.append(
                                (ky * window.width + kx, (batch * input.height + row) * input.width + column))
                        }
                    }
                    body(batch, pixel, inside)
                    pixel += 1
                }
            }
        }
    }
}

/// Sums of products of convolutions, for any accumulator. Every sum is formed tap by tap, then channel by channel;
/// positions outside the image are left out.
enum ConvolutionLoops {
    /// - Parameters:
    ///   - weights: `[O, KH, KW, C/groups]`.
    ///   - finish: called with the batch, the first output index of a pixel, and the sums of all its channels.
    static func conv2D<A: Accumulator>(
        _ geometry: ConvolutionGeometry, input: [A], channels: Int, weights: [A], results: Int,
        finish: (_ batch: Int, _ start: Int, _ sums: UnsafeBufferPointer<A>) -> Void
    ) {
        let depth = weights.count / max(results * geometry.taps, 1)
        guard depth > 0, results > 0 else { return }
        let groups = channels / depth
        let perGroup = results / groups
        // [group][tap][channel][result]: the innermost loop runs over results, so that each sum keeps its order.
        var packed = [A](repeating: .zero, count: weights.count)
        for result in 0..<results {
            let (group, local) = (result / perGroup, result % perGroup)
            for inner in 0..<geometry.taps * depth {
                packed[(group * geometry.taps * depth + inner) * perGroup + local] =
                    weights[result * geometry.taps * depth + inner]
            }
        }
        withScratch(of: A.self, results) { sums in
            input.withUnsafeBufferPointer { input in
                packed.withUnsafeBufferPointer { packed in
                    geometry.forEachPixel { batch, pixel, taps in
                        sums.update(repeating: .zero)
                        for (tap, source) in taps {
                            for channel in 0..<channels {
                                let (group, local) = (channel / depth, channel % depth)
                                let row = ((group * geometry.taps + tap) * depth + local) * perGroup
                                multiplyAdd(
                                    UnsafeMutableBufferPointer(
                                        rebasing: sums[group * perGroup..<(group + 1) * perGroup]),
                                    input[source * channels + channel],
                                    UnsafeBufferPointer(rebasing: packed[row..<row + perGroup]))
                            }
                        }
                        finish(batch, pixel * results, UnsafeBufferPointer(sums))
                    }
                }
            }
        }
    }

    /// - Parameter weights: `[1, KH, KW, C * multiplier]`.
    static func depthwise<A: Accumulator>(
        _ geometry: ConvolutionGeometry, input: [A], channels: Int, weights: [A], results: Int,
        finish: (_ batch: Int, _ start: Int, _ sums: UnsafeBufferPointer<A>) -> Void
    ) {
        guard channels > 0, results > 0 else { return }
        let multiplier = results / channels
        withScratch(of: A.self, results) { sums in
            input.withUnsafeBufferPointer { input in
                weights.withUnsafeBufferPointer { weights in
                    geometry.forEachPixel { batch, pixel, taps in
                        sums.update(repeating: .zero)
                        for (tap, source) in taps {
                            if multiplier == 1 {
                                for c in 0..<channels {
                                    sums[c].addProduct(input[source * channels + c], weights[tap * results + c])
                                }
                            } else {
                                for r in 0..<results {
                                    sums[r].addProduct(
                                        input[source * channels + r / multiplier], weights[tap * results + r])
                                }
                            }
                        }
                        finish(batch, pixel * results, UnsafeBufferPointer(sums))
                    }
                }
            }
        }
    }

    /// Scatters every input element times its window into the output; the sums of one output run over input rows,
    /// columns and channels.
    ///
    /// - Parameters:
    ///   - geometry: of the convolution that this one transposes, so its output is this one's input.
    ///   - weights: `[O, KH, KW, C]`.
    /// - Returns: the sums, `[N, H, W, O]`.
    static func transposed<A: Accumulator>(
        _ geometry: ConvolutionGeometry, input: [A], channels: Int, weights: [A], results: Int
    ) -> [A] {
        let pixels = geometry.batches * geometry.input.height * geometry.input.width
        var sums = [A](repeating: .zero, count: pixels * results)
        guard results > 0, channels > 0 else { return sums }
        // [channel][tap][result]
        var packed = [A](repeating: .zero, count: weights.count)
        for result in 0..<results {
            for tap in 0..<geometry.taps {
                for channel in 0..<channels {
                    packed[(channel * geometry.taps + tap) * results + result] =
                        weights[(result * geometry.taps + tap) * channels + channel]
                }
            }
        }
        sums.withUnsafeMutableBufferPointer { sums in
            input.withUnsafeBufferPointer { input in
                packed.withUnsafeBufferPointer { packed in
                    geometry.forEachPixel { _, pixel, taps in
                        for channel in 0..<channels {
                            let value = input[pixel * channels + channel]
                            for (tap, target) in taps {
                                let row = (channel * geometry.taps + tap) * results
                                multiplyAdd(
                                    UnsafeMutableBufferPointer(
                                        rebasing: sums[target * results..<(target + 1) * results]), value,
                                    UnsafeBufferPointer(rebasing: packed[row..<row + results]))
                            }
                        }
                    }
                }
            }
        }
        return sums
    }

    /// `[rows, depth]` times `[depth, columns]`; every sum runs along the depth.
    static func matrixProduct<A: Accumulator>(
        _ left: UnsafeBufferPointer<A>, _ right: UnsafeBufferPointer<A>, rows: Int, depth: Int, columns: Int,
        finish: (_ row: Int, _ sums: UnsafeBufferPointer<A>) -> Void
    ) {
        withScratch(of: A.self, columns) { sums in
            for row in 0..<rows {
                sums.update(repeating: .zero)
                for k in 0..<depth {
                    multiplyAdd(
                        sums, left[row * depth + k],
                        UnsafeBufferPointer(rebasing: right[k * columns..<(k + 1) * columns]))
                }
                finish(row, UnsafeBufferPointer(sums))
            }
        }
    }

    @inline(__always)
    private static func multiplyAdd<A: Accumulator>(
        _ sums: UnsafeMutableBufferPointer<A>, _ value: A, _ row: UnsafeBufferPointer<A>
    ) {
        guard let sums = sums.baseAddress, let base = row.baseAddress else { return }
        for i in 0..<row.count { sums[i].addProduct(value, base[i]) }
    }

    private static func withScratch<A: Accumulator>(
        of _: A.Type, _ count: Int, _ body: (UnsafeMutableBufferPointer<A>) -> Void
    ) {
        let scratch = UnsafeMutableBufferPointer<A>.allocate(capacity: count)
        defer { scratch.deallocate() }
        scratch.initialize(repeating: .zero)
        body(scratch)
    }
}
