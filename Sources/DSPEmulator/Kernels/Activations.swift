import TensorCore

extension HexagonKernels {
    /// Functions of one operand.
    static func activation(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        switch node.op {
        case .relu, .reluX: try rectified(node, inputs)
        case .tanh, .tanhDepth32: try sigmoidal(node, inputs, .tanh)
        case .sigmoid, .sigmoidDepth32: try sigmoidal(node, inputs, .sigmoid)
        case .hardSwish: try hardSwish(node, inputs)
        case .l2Normalize: try l2Normalize(node, inputs)
        default: throw notBuilt(node)
        }
    }

    /// `QuantizedRelu_8` and `QuantizedReluX_8`: codes not below zero's, and not above the limit's. The range stays.
    ///
    /// Source: nnlib hexagon/ops/src/op_relu.c.
    private static func rectified(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let isLimited = node.op == .reluX
        let operands = try KernelInputs(node, inputs, count: isLimited ? 4...4 : 3...3)
        let codes = try operands.codes(0)
        let range = try operands.range(1)
        let zero = HexagonArithmetic.quantized(0, range)
        let limit = isLimited ? HexagonArithmetic.quantized(try operands.scalar(3), range) : 255
        return results(lookUp(table { Swift.min(Swift.max($0, zero), limit) }, codes), range)
    }

    /// `QuantizedTanh_8(_d32)` and `QuantizedSigmoid_8(_d32)`.
    private static func sigmoidal(
        _ node: HexagonNode, _ inputs: [Tensor], _ function: SigmoidalTable
    ) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 3...3)
        let codes = try operands.codes(0)
        return results(lookUp(function.codes(for: try operands.range(1)), codes), function.output)
    }

    /// `QuantizedHardSwish_8`: not in the public library; its arithmetic is assumed.
    ///
    /// Assumed: for each code x min(max(x + 3, 0), 6) / 6 in binary32, rounded to the nearest code of the given range.
    private static func hardSwish(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 5...5)
        let codes = try operands.codes(0)
        let range = try operands.range(1)
        let output = try operands.range(3)
        let (step, zero) = range.stepAndZero
        let table = table {
            let x = Float($0 - zero) * step
            return HexagonArithmetic.quantized(x * Swift.min(Swift.max(x + 3, 0), 6) / 6, output)
        }
        return results(lookUp(table, codes), output)
    }
}
