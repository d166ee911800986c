import GraphIR
import Operators
import ReferenceKernels
import TensorCore

/// The 16 highest codes of int8 as 4-bit codes: a tensor that holds no other codes is an int4 tensor whose codes and zero
/// point are 120 lower.
enum FourBitCodes {
    static let lowest = 112
    static let offset: Int32 = 120

    /// Whether tensors of `type` may be 4-bit codes: int8 with a zero point among the 16 highest codes.
    static func mayHold(_ type: TensorType) -> Bool {
        guard type.elementType == .int8, let q = type.quantization, !q.isPerChannel, q.scale > 0 else { return false }
        return Int32(lowest)...127 ~= q.zeroPoint
    }

    /// Whether all codes of a constant are among the 16.
    static func holds(_ tensor: Tensor) -> Bool {
        mayHold(tensor.type) && tensor.withElements(of: Int8.self) { $0.allSatisfy { $0 >= lowest } }
    }

    /// The int4 type in the place of `type`.
    static func narrowed(_ type: TensorType) -> TensorType {
        guard let q = type.quantization else { return type }
        let parameters = QuantizationParameters(scale: q.scale, zeroPoint: q.zeroPoint - offset)
        return TensorType(.int4, type.shape, quantization: parameters)
    }

    static func narrowed(_ tensor: Tensor) -> Tensor {
        Tensor(
            tensor.elements(of: Int8.self).map { Int8(Int32($0) - offset) }, shape: tensor.shape, as: .int4,
            quantization: narrowed(tensor.type).quantization)
    }
}

extension Node {
    /// The operands that a node's results share codes with: nil where it computes new ones, or where its arithmetic on
    /// codes depends on more than their distance from each other (means round away from code 0).
    func operandsWithSameCodes(in graph: Graph) -> [ValueID]? {
        switch op {
        case .averagePool2D, .resizeBilinear, .scatterND, .topK: return nil
        case .concatenation(_, let activation) where activation != .none: return nil
        default: break
        }
        let contract = op.quantizationContract
        guard contract.output == .sameAsOperands else { return nil }
        return inputs.enumerated().compactMap { index, input in
            contract.role(of: index) == .activation ? input : nil
        }
    }

    /// The operand of MAXIMUM with the constant code 112 in all places.
    func operandOfLowerLimit(in graph: Graph) -> ValueID? {
        guard op == .binary(Binary(.maximum)), inputs.count == 2, let result = outputs.first else { return nil }
        for (index, input) in inputs.enumerated() {
            guard let constant = graph.constant(input), FourBitCodes.mayHold(constant.type),
                constant.withElements(of: Int8.self, { $0.allSatisfy { $0 == FourBitCodes.lowest } }),
                let operand = inputs[1 - index], graph.constant(operand) == nil,
                graph.type(of: operand).shape == graph.type(of: result).shape
            else { continue }
            return operand
        }
        return nil
    }

    /// Whether the results are codes that the node rescales, and so may be int4 with int8 operands.
    func rescales(in graph: Graph) -> Bool {
        if case .quantize(to: .int8) = op { return true }
        return outputs.allSatisfy { op.admitsResult(of: .int4, inferred: graph.type(of: $0).elementType) }
    }

    /// Whether the node computes no code below 112, by itself or from operands that `restricted` says the same of.
    func keepsToHighCodes(in graph: Graph, restricted: (ValueID) -> Bool) -> Bool {
        guard outputs.allSatisfy({ FourBitCodes.mayHold(graph.type(of: $0)) }), let result = outputs.first else {
            return false
        }
        if operandOfLowerLimit(in: graph) != nil { return true }
        if let operands = operandsWithSameCodes(in: graph) { return operands.allSatisfy(restricted) }
        guard rescales(in: graph) else { return false }
        if let lower = fusedActivation?.bounds.lower, let q = graph.type(of: result).quantization {
            let steps = (lower / q.scale).rounded(.toNearestOrAwayFromZero)
            return Double(q.zeroPoint) + Double(steps) >= Double(FourBitCodes.lowest)
        }
        return tabulated(in: graph)
    }

    /// Whether a function of one int8 operand gives no code below 112 for any code.
    private func tabulated(in graph: Graph) -> Bool {
        switch op {
        case .unary, .leakyRelu, .gelu, .quantize: break
        default: return false
        }
        guard inputs.count == 1, let input = inputs[0], graph.type(of: input).elementType == .int8,
            let result = outputs.first
        else { return false }
        let codes = Tensor(
            (0...255).map { Int8(truncatingIfNeeded: $0) }, shape: [256],
            quantization: graph.type(of: input).quantization)
        let results = try? ReferenceKernels.evaluate(
            op, inputs: [codes], outputTypes: [graph.type(of: result).with(shape: [256])])
        return results?.first.map(FourBitCodes.holds) ?? false
    }

    private var fusedActivation: Activation? {
        switch op {
        case .conv2D(let op): op.activation
        case .depthwiseConv2D(let op): op.activation
        case .transposeConv(let op): op.activation
        case .fullyConnected(let op): op.activation
        case .binary(let op): op.activation
        default: nil
        }
    }
}
