import GraphIR
import Operators
import TensorCore

/// A convolution or matrix product seen as a product with patches: in every group, an output position's results are
/// `weights * patch + bias`, and a patch is `taps` window positions of `channels` inputs.
package struct LayerGeometry: Sendable, Hashable {
    var groups: Int
    /// Input channels of a group.
    var channels: Int
    /// Output channels of a group.
    var outputs: Int
    /// Output positions of one sample.
    package var positions: Int
    private var input: [Int]
    private var output: [Int]
    private var window: Extent2D
    private var stride: Extent2D
    private var dilation: Extent2D
    private var before: Extent2D
    private var isTransposed = false
    private var isDepthwise = false

    var taps: Int { window.height * window.width }
    /// Weights of one output.
    var width: Int { taps * channels }
    private var totalChannels: Int { groups * channels }

    /// Nil for operators that are no such product.
    package init?(_ node: Node, in graph: Graph) {
        guard let roles = LayerOperands(node, in: graph) else { return nil }
        let weights = graph.type(of: roles.weights).shape.dimensions
        let result = graph.type(of: node.outputs[0]).shape.dimensions
        let data = graph.type(of: roles.data).shape
        switch node.op {
        case .conv2D(let op):
            self.init(data.dimensions, result, weights, op.stride, op.dilation, op.padding)
            groups = data.dimensions[3] / max(weights[3], 1)
            channels = weights[3]
        case .depthwiseConv2D(let op):
            self.init(data.dimensions, result, weights, op.stride, op.dilation, op.padding)
            groups = data.dimensions[3]
            channels = 1
            isDepthwise = true
        case .transposeConv(let op):
            self.init(data.dimensions, result, weights, op.stride, Extent2D(1), op.padding)
            func before(_ axis: Int, _ stride: Int) -> Int {
                WindowGeometry.transposedBefore(
                    output: result[axis], input: data[axis], window: weights[axis], stride: stride, padding: op.padding)
            }
            self.before = Extent2D(height: before(1, op.stride.height), width: before(2, op.stride.width))
            isTransposed = true
        case .fullyConnected:
            let rows = data.elementCount / max(weights[1], 1)
            self.init(
                [1, rows, 1, weights[1]], [1, rows, 1, weights[0]], [weights[0], 1, 1, weights[1]], Extent2D(1),
                Extent2D(1), .valid)
        default: return nil
        }
        guard groups > 0, output[3] % groups == 0, width > 0 else { return nil }
        outputs = output[3] / groups
    }

    private init(
        _ input: [Int], _ output: [Int], _ weights: [Int], _ stride: Extent2D, _ dilation: Extent2D, _ padding: Padding
    ) {
        (self.input, self.output, self.stride, self.dilation) = (input, output, stride, dilation)
        window = Extent2D(height: weights[1], width: weights[2])
        func geometry(_ axis: Int, _ stride: Int, _ dilation: Int) -> WindowGeometry {
            WindowGeometry(
                input: input[axis], window: weights[axis], stride: stride, dilation: dilation, padding: padding)
        }
        before = Extent2D(
            height: geometry(1, stride.height, dilation.height).before,
            width: geometry(2, stride.width, dilation.width).before)
        groups = 1
        channels = input[3]
        outputs = output[3]
        positions = output[0] * output[1] * output[2]
    }

    // MARK: Weights

    /// Weights with one row of ``width`` for every output channel, from the operator's own layout.
    package func rows<T>(_ weights: [T]) -> [T] {
        guard isDepthwise else { return weights }
        let count = groups * outputs
        return (0..<weights.count).map { weights[$0 % taps * count + $0 / taps] }
    }

    /// The inverse of ``rows(_:)``.
    func layout<T>(_ rows: [T]) -> [T] {
        guard isDepthwise else { return rows }
        let count = groups * outputs
        return (0..<rows.count).map { rows[$0 % count * taps + $0 / count] }
    }

    // MARK: Patches

    /// The patches at output `positions` of `tensor`: for every position all taps of all channels. Codes less their zero
    /// point; padding is 0.
    package func patches(_ tensor: Tensor, at positions: [Int]) -> [Float]? {
        let zeroPoint = tensor.type.quantization?.zeroPoint ?? 0
        switch tensor.elementType {
        case .int8: return patches(tensor, Int8.self, at: positions) { Float(Int32($0) - zeroPoint) }
        case .int16: return patches(tensor, Int16.self, at: positions) { Float(Int32($0) - zeroPoint) }
        case .float32: return patches(tensor, Float.self, at: positions) { $0 }
        default: return nil
        }
    }

    private func patches<T: TensorElement>(
        _ tensor: Tensor, _: T.Type, at positions: [Int], _ real: (T) -> Float
    ) -> [Float] {
        let depth = totalChannels
        var result = [Float](repeating: 0, count: positions.count * taps * depth)
        tensor.withElements(of: T.self) { source in
            result.withUnsafeMutableBufferPointer { target in
                for (row, position) in positions.enumerated() {
                    let x = position % output[2]
                    let y = position / output[2] % output[1]
                    let batch = position / (output[1] * output[2])
                    for tap in 0..<taps {
                        guard let iy = index(y, tap / window.width, 1), let ix = index(x, tap % window.width, 2) else {
                            continue
                        }
                        let from = ((batch * input[1] + iy) * input[2] + ix) * depth
                        let to = (row * taps + tap) * depth
                        for channel in 0..<depth { target[to + channel] = real(source[from + channel]) }
                    }
                }
            }
        }
        return result
    }

    /// The input index that window position `tap` of output index `position` reads; nil in the padding.
    private func index(_ position: Int, _ tap: Int, _ axis: Int) -> Int? {
        let (stride, dilation, before) =
            axis == 1
            ? (self.stride.height, self.dilation.height, self.before.height)
            : (self.stride.width, self.dilation.width, self.before.width)
        var found = position * stride + tap * dilation - before
        if isTransposed {
            let reach = position + before - tap
            guard reach >= 0, reach % stride == 0 else { return nil }
            found = reach / stride
        }
        return found >= 0 && found < input[axis] ? found : nil
    }

    /// The part of `patches` that a group sees: rows of ``width``.
    func group(_ group: Int, of patches: [Float]) -> [Float] {
        guard groups > 1 else { return patches }
        let count = patches.count / totalChannels
        var result = [Float](repeating: 0, count: count * channels)
        for tap in 0..<count {
            for channel in 0..<channels {
                result[tap * channels + channel] = patches[tap * totalChannels + group * channels + channel]
            }
        }
        return result
    }

    /// A group's columns of rows with all outputs.
    func outputs(of group: Int, in rows: [Float]) -> [Float] {
        guard groups > 1 else { return rows }
        let total = groups * outputs
        return (0..<rows.count / total * outputs).map { rows[$0 / outputs * total + group * outputs + $0 % outputs] }
    }

    /// `weights * patch + bias` for every patch, all outputs. `weights` as ``rows(_:)`` gives them.
    package func results(_ patches: [Float], weights: [Float], bias: [Float]) -> [Float] {
        let total = groups * outputs
        let count = patches.count / (taps * totalChannels)
        var result = [Float](repeating: 0, count: count * total)
        for group in 0..<groups {
            let part = LinearAlgebra.products(
                self.group(group, of: patches), width: width, count: count,
                weights: Array(weights[group * outputs * width..<(group + 1) * outputs * width]))
            for row in 0..<count {
                for output in 0..<outputs {
                    let channel = group * outputs + output
                    result[row * total + channel] = part[row * outputs + output] + bias[channel]
                }
            }
        }
        return result
    }
}

/// The operands of a weighted layer with constant weights.
struct LayerOperands: Sendable {
    var data: ValueID
    var weights: ValueID
    var weightPosition: Int
    var bias: ValueID?
    var biasPosition: Int

    /// Nil for other nodes, and when the weights are computed.
    init?(_ node: Node, in graph: Graph) {
        let contract = node.op.quantizationContract
        let roles = contract.operands
        guard
            let weightPosition = roles.firstIndex(where: {
                if case .weight(channelAxis: .some) = $0 { true } else { false }
            }),
            let biasPosition = roles.firstIndex(where: { if case .bias = $0 { true } else { false } }),
            let dataPosition = roles.firstIndex(of: .activation), node.inputs.count > max(weightPosition, dataPosition),
            let data = node.inputs[dataPosition], let weights = node.inputs[weightPosition],
            graph.constant(weights) != nil, graph.constant(data) == nil
        else { return nil }
        self.data = data
        self.weights = weights
        self.weightPosition = weightPosition
        self.biasPosition = biasPosition
        bias = biasPosition < node.inputs.count ? node.inputs[biasPosition] : nil
    }
}
