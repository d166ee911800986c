import GraphIR
import Operators
import TensorCore

extension Pass {
    /// A PAD in front of a convolution or maximum pooling that pads as SAME does becomes part of it.
    package static let padding = Pass("padding") { graph, node, patch in
        guard let input = node.inputs.first ?? nil, graph.hasSingleUse(input),
            let producer = graph.producer(of: input), producer.op == .pad || producer.op == .padV2,
            let source = producer.inputs[0],
            let paddings = graph.integers(producer.inputs[1]), paddings.count == 8,
            graph.type(of: source).quantization == graph.type(of: input).quantization
        else { return }
        let before = graph.type(of: source).shape
        let result = graph.type(of: node.outputs[0]).shape
        let op: Operator
        let window: [Int]
        let (strides, dilations): (Extent2D, Extent2D)
        switch node.op {
        case .conv2D(var payload):
            guard payload.padding == .valid, producer.op == .pad, let weights = node.inputs[1] else { return }
            window = Array(graph.type(of: weights).shape.dimensions[1...2])
            (strides, dilations) = (payload.stride, payload.dilation)
            payload.padding = .same
            op = .conv2D(payload)
        case .depthwiseConv2D(var payload):
            guard payload.padding == .valid, producer.op == .pad, let weights = node.inputs[1] else { return }
            window = Array(graph.type(of: weights).shape.dimensions[1...2])
            (strides, dilations) = (payload.stride, payload.dilation)
            payload.padding = .same
            op = .depthwiseConv2D(payload)
        case .maxPool2D(var payload):
            guard payload.padding == .valid, padsWithLowest(producer, in: graph) else { return }
            window = [payload.window.height, payload.window.width]
            (strides, dilations) = (payload.stride, Extent2D(1))
            payload.padding = .same
            op = .maxPool2D(payload)
        default: return
        }
        guard paddings[0] == 0, paddings[1] == 0, paddings[6] == 0, paddings[7] == 0 else { return }
        for (axis, stride, dilation) in [(1, strides.height, dilations.height), (2, strides.width, dilations.width)] {
            let same = WindowGeometry(
                input: before[axis], window: window[axis - 1], stride: stride, dilation: dilation, padding: .same)
            // What is behind the last window does not count.
            let reach = (same.output - 1) * stride + (window[axis - 1] - 1) * dilation + 1
            guard same.output == result[axis], paddings[2 * axis] == same.before,
                paddings[2 * axis + 1] >= reach - before[axis] - same.before
            else { return }
        }
        var inputs = node.inputs
        inputs[0] = source
        try patch.replace(node, with: op, inputs, in: graph)
        patch.remove(producer.id)
    }

    /// True for a PADV2 whose value can never win a maximum.
    private static func padsWithLowest(_ node: Node, in graph: Graph) -> Bool {
        guard node.op == .padV2, node.inputs.count > 2, let tensor = graph.constant(node.inputs[2]),
            let value = tensor.doubles().first
        else {
            return false
        }
        if tensor.elementType == .float32 { return value <= -Double(Float.greatestFiniteMagnitude) }
        return tensor.elementType.integerRange.map { value == Double($0.lowerBound) } ?? false
    }
}
