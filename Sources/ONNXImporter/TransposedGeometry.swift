import GraphIR
import Operators
import TensorCore

/// Where the result of a transposed convolution lies in the full one, per spatial axis.
struct TransposedGeometry {
    private var kernel: [Int]
    private var strides: [Int]
    private(set) var dilations: [Int]
    private var input: [Int]
    /// Elements of the full result that are cut off in front.
    private var before: [Int]
    /// Extent of the result.
    private(set) var output: [Int]

    init(_ node: NodeContext, kernel: [Int], input: [Int]) throws {
        let window = try WindowAttributes(node, kernel: kernel, input: input)
        self.kernel = kernel
        self.input = input
        strides = window.strides
        dilations = window.dilations
        before = window.before
        let extra = try node.ints("output_padding") ?? [Int](repeating: 0, count: input.count)
        guard extra.count == input.count, extra.allSatisfy({ 0..<1 << 16 ~= $0 }) else {
            throw node.bad("its output padding does not fit")
        }
        let full = input.indices.map { (input[$0] - 1) * window.strides[$0] + window.effective($0) }
        let automatic = try node.string("auto_pad", default: "NOTSET")
        var shape = try node.ints("output_shape")
        if shape == nil, automatic.hasPrefix("SAME") { shape = zip(input, window.strides).map { $0 * $1 } }
        if let shape {
            let extents = Array(shape.suffix(input.count))
            guard extents.count == input.count, extents.allSatisfy({ 1..<1 << 24 ~= $0 }) else {
                throw node.bad("an output of \(shape)")
            }
            output = extents
            before = input.indices.map { axis in
                let total = max(0, full[axis] + extra[axis] - extents[axis])
                return automatic == "SAME_UPPER" ? total / 2 : total - total / 2
            }
        } else {
            output = input.indices.map { full[$0] + extra[$0] - window.before[$0] - window.after[$0] }
        }
        guard output.allSatisfy({ $0 > 0 }), before.allSatisfy({ $0 >= 0 }) else {
            throw node.bad("its pads leave no output")
        }
    }

    /// Puts a height of one in front.
    mutating func widen() {
        kernel.insert(1, at: 0)
        strides.insert(1, at: 0)
        dilations.insert(1, at: 0)
        input.insert(1, at: 0)
        before.insert(0, at: 0)
        output.insert(1, at: 0)
    }

    /// What is known of one spatial axis.
    struct Axis {
        var input: Int
        var stride: Int
        var dilation: Int
        /// Extent of the full result, elements of it that are cut off in front, and what is left.
        var full: Int
        var before: Int
        var output: Int
    }

    /// Takes the first spatial axis away.
    mutating func removeFirst() -> Axis {
        let full = (input[0] - 1) * strides[0] + effective(0)
        kernel.removeFirst()
        return Axis(
            input: input.removeFirst(), stride: strides.removeFirst(), dilation: dilations.removeFirst(), full: full,
            before: before.removeFirst(), output: output.removeFirst())
    }

    private func effective(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }

    /// True when TFLite's SAME padding cuts off the same elements.
    private var isSame: Bool {
        input.indices.allSatisfy { axis in
            let geometry = WindowGeometry(
                input: output[axis], window: effective(axis), stride: strides[axis], padding: .same)
            return geometry.output == input[axis] && geometry.before == before[axis]
        }
    }

    /// Appends the operators for `image` `[N,H,W,C]` and `weights` `[O,KH,KW,C]`.
    func apply(
        _ image: ValueID, _ weights: ValueID, _ bias: ValueID?, _ builder: GraphBuilder
    ) throws -> ValueID {
        let (batch, channels) = (builder.shape(image)[0], builder.shape(weights)[0])
        let stride = Extent2D(height: strides[0], width: strides[1])
        func emit(_ extents: [Int], _ padding: Padding, _ bias: ValueID?) throws -> ValueID {
            let shape = try builder.int32s([batch] + extents + [channels])
            let op = TransposeConv(stride: stride, padding: padding)
            return try builder.emit1(.transposeConv(op), [shape, weights, image] + (bias.map { [$0] } ?? []))
        }
        if isSame { return try emit(output, .same, bias) }
        // Whole windows fit up to one stride less one behind the last of them; what lies further is bias alone.
        let full = input.indices.map { (input[$0] - 1) * strides[$0] + effective($0) }
        let reach = input.indices.map { max(full[$0], min(full[$0] + strides[$0] - 1, before[$0] + output[$0])) }
        let missing = input.indices.map { max(0, before[$0] + output[$0] - reach[$0]) }
        let complete = missing.allSatisfy { $0 == 0 }
        var result = try emit(reach, .valid, complete ? bias : nil)
        if !complete {
            result = try builder.pad(result, before: [0, 0, 0, 0], after: [0] + missing + [0])
            if let bias { result = try builder.add(result, bias) }
        }
        return try builder.slice(
            result, begin: [0] + before + [0], count: [batch] + output + [channels])
    }
}
