import GraphIR
import Operators
import TensorCore

/// The window of a convolution or pooling: one entry for every spatial axis.
struct WindowAttributes {
    var kernel: [Int]
    var strides: [Int]
    var dilations: [Int]
    /// Padding in front of and behind every axis.
    var before: [Int]
    var after: [Int]

    /// Extent of the dilated kernel.
    func effective(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }

    /// Reads strides, dilations and paddings of `node` for spatial extents `input`; automatic padding is resolved.
    init(_ node: NodeContext, kernel: [Int], input: [Int]) throws {
        let rank = input.count
        self.kernel = kernel
        strides = try node.ints("strides") ?? [Int](repeating: 1, count: rank)
        dilations = try node.ints("dilations") ?? [Int](repeating: 1, count: rank)
        let pads = try node.ints("pads") ?? [Int](repeating: 0, count: 2 * rank)
        let sane = 1...1 << 16
        guard kernel.count == rank, strides.count == rank, dilations.count == rank, pads.count == 2 * rank,
            kernel.allSatisfy(sane.contains), strides.allSatisfy(sane.contains), dilations.allSatisfy(sane.contains),
            pads.allSatisfy({ -(1 << 16)...1 << 16 ~= $0 }), input.allSatisfy({ 1...1 << 30 ~= $0 })
        else { throw node.bad("its window \(kernel), strides, dilations or pads do not fit an input of \(input)") }
        before = Array(pads.prefix(rank))
        after = Array(pads.suffix(rank))
        switch try node.string("auto_pad", default: "NOTSET") {
        case "NOTSET", "": break
        case "VALID":
            before = [Int](repeating: 0, count: rank)
            after = before
        case "SAME_UPPER": resolveSame(input, upper: true)
        case "SAME_LOWER": resolveSame(input, upper: false)
        default: throw node.bad("its automatic padding is of no known kind")
        }
    }

    private mutating func resolveSame(_ input: [Int], upper: Bool) {
        for axis in input.indices {
            let output = (input[axis] + strides[axis] - 1) / strides[axis]
            let total = max(0, (output - 1) * strides[axis] + effective(axis) - input[axis])
            before[axis] = upper ? total / 2 : total - total / 2
            after[axis] = total - before[axis]
        }
    }

    /// Number of windows along `axis`; with `ceiling` a last one may reach over the end but must not start behind it.
    func output(_ axis: Int, input: Int, ceiling: Bool) -> Int {
        let room = input + before[axis] + after[axis] - effective(axis)
        guard room >= 0 || ceiling else { return 0 }
        let stride = strides[axis]
        var count = (ceiling ? room + stride - 1 : room) / stride + 1
        if ceiling, (count - 1) * stride >= input + before[axis] { count -= 1 }
        return max(count, 0)
    }

    /// Widens the padding behind so that whole windows give the `ceiling` output.
    mutating func makeWhole(_ input: [Int]) {
        for axis in input.indices {
            let count = output(axis, input: input[axis], ceiling: true)
            after[axis] = max(0, (count - 1) * strides[axis] + effective(axis) - input[axis] - before[axis])
        }
    }

    /// The TFLite padding that equals these pads, nil when a PAD is needed.
    func padding(input: [Int]) -> Padding? {
        if (before + after).allSatisfy({ $0 == 0 }) { return .valid }
        let same = input.indices.allSatisfy { axis in
            let geometry = WindowGeometry(
                input: input[axis], window: kernel[axis], stride: strides[axis], dilation: dilations[axis],
                padding: .same)
            let total = max(0, (geometry.output - 1) * strides[axis] + effective(axis) - input[axis])
            return geometry.before == before[axis]
                && output(axis, input: input[axis], ceiling: false) == geometry.output
                && after[axis] >= total - geometry.before
        }
        return same ? .same : nil
    }

    var stride2D: Extent2D { Extent2D(height: strides[0], width: strides[1]) }
    var dilation2D: Extent2D { Extent2D(height: dilations[0], width: dilations[1]) }
    var kernel2D: Extent2D { Extent2D(height: kernel[0], width: kernel[1]) }

    /// The same window with a height of one in front, for operators on one spatial axis.
    var widened: WindowAttributes {
        var copy = self
        copy.kernel.insert(1, at: 0)
        copy.strides.insert(1, at: 0)
        copy.dilations.insert(1, at: 0)
        copy.before.insert(0, at: 0)
        copy.after.insert(0, at: 0)
        return copy
    }
}
