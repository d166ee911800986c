import GraphIR
import Operators
import TensorCore

/// The int32 accumulator of a linear operator with one 8-bit result per pixel: what one unit of it stands for, and the
/// interval that the result's codes and its fused activation leave.
struct HeadAccumulator {
    let node: Node
    let weights: Tensor
    /// In units of the accumulator.
    let bias: Int32
    /// Scale of the operator's activation operand.
    let inputScale: Float
    /// Real value of one unit.
    let unit: Double
    /// Ends of the result's range, in units.
    let lowest: Double
    let highest: Double

    /// Positions of the activation operand and of the bias.
    static func positions(_ op: Operator) -> (input: Int, bias: Int) {
        if case .transposeConv = op { return (2, 3) }
        return (0, 2)
    }

    /// - Throws: `Diagnostic` (.unsupported) when the operator does not compute on int8 codes.
    init(_ node: Node, in graph: Graph) throws(Diagnostic) {
        let positions = Self.positions(node.op)
        let result = graph.type(of: node.outputs[0])
        guard let input = node.inputs[positions.input].map({ graph.type(of: $0) }), input.elementType == .int8,
            result.elementType == .int8, let inputParameters = input.quantization, let output = result.quantization,
            let weights = graph.constant(node.inputs[1]), weights.elementType == .int8,
            let weightParameters = weights.type.quantization
        else {
            throw DepthTail.refusal(
                node,
                "is computed in \(result.elementType.rawValue), not on int8 codes; the head of an exact curve is int8")
        }
        let codes = weights.elements(of: Int8.self)
        guard weightParameters.scales.count == 1, !codes.contains(-128) else {
            throw DepthTail.refusal(node, "has weights that cannot be negated in 8 bits")
        }
        self.node = node
        self.weights = weights
        inputScale = inputParameters.scale
        unit = Double(inputParameters.scale) * Double(weightParameters.scale)
        let activation = node.op.activation
        let lower = (-128 - Double(output.zeroPoint)) * Double(output.scale)
        let upper = (127 - Double(output.zeroPoint)) * Double(output.scale)
        lowest = max(lower, activation.bounds.lower.map(Double.init) ?? lower) / unit
        highest = min(upper, activation.bounds.upper.map(Double.init) ?? upper) / unit
        if let operand = positions.bias < node.inputs.count ? node.inputs[positions.bias] : nil {
            guard let constant = graph.constant(operand), constant.elementType == .int32, constant.count == 1 else {
                throw DepthTail.refusal(node, "has a bias that is no int32 constant")
            }
            bias = constant.elements(of: Int32.self)[0]
        } else {
            bias = 0
        }
        // Knots are int32 biases; the accumulator itself may reach its operands' largest sum beyond them.
        let reach = 255.0 * 127 * Double(codes.count) + abs(Double(bias))
        guard unit > 1e-30, unit < 1e30, highest - lowest >= 1,
            max(abs(lowest), abs(highest)) + reach < Double(Int32.max)
        else {
            throw DepthTail.refusal(node, "has a range that its int32 accumulator does not resolve")
        }
    }
}

extension Operator {
    /// The fused activation of a linear operator.
    var activation: Activation {
        switch self {
        case .conv2D(let op): op.activation
        case .depthwiseConv2D(let op): op.activation
        case .transposeConv(let op): op.activation
        case .fullyConnected(let op): op.activation
        default: .none
        }
    }
}
