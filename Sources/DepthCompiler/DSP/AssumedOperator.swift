import Operators
import ReferenceKernels
import TensorCore

/// One operator on codes as an accelerator whose arithmetic is not public is taken to compute it: the exact real result of
/// the operands' codes, rounded once to the result's codes.
///
/// Sums of products are formed in integers and scaled in binary64; averages and interpolations are formed on codes minus
/// their zero point in binary32, in which those of 8 bits are exact up to the division; other functions are
/// computed in binary64. Operators that only move or choose codes of one scale move codes.
struct AssumedOperator {
    let op: Operator
    let outputs: [TensorType]
    let rounding: AssumedRounding

    /// - Throws: `Diagnostic` where there is no kernel for the operands.
    func evaluate(_ inputs: [Tensor?]) throws -> [Tensor] {
        let contract = op.quantizationContract
        let data = inputs.enumerated().compactMap { contract.role(of: $0) == .index ? nil : $1?.type }
        guard (data + outputs).contains(where: \.isCodes), contract.output != .notQuantized || !data.isEmpty else {
            return try ReferenceKernels.evaluate(op, inputs: inputs, outputTypes: outputs)
        }
        if let output = outputs.first, let sums = try ReferenceKernels.exactSums(of: op, inputs: inputs, output: output)
        {
            return [try scaled(sums, as: output)]
        }
        if let (linear, activation) = linear { return [try evaluate(linear, limitedBy: activation, inputs)] }
        if contract.output == .sameAsOperands, let type = data.first,
            contract.activationTypes.contains(type.elementType),
            (data + outputs.filter(\.isCodes)).allSatisfy({ $0.hasCodes(of: type) })
        {
            return try ReferenceKernels.evaluate(op, inputs: inputs, outputTypes: outputs)
        }
        return try evaluateReals(inputs)
    }

    private func scaled(_ sums: ExactSums, as output: TensorType) throws -> Tensor {
        guard let scale = output.quantization?.scale, !sums.units.isEmpty else { return Tensor(zeros: output) }
        let factors = sums.units.map { $0 / Double(scale) }
        return try sums.sums.withUnsafeBufferPointer { values in
            try factors.withUnsafeBufferPointer { factors in
                try rounding.codes(of: output, limitedBy: sums.activation) {
                    Double(values[$0]) * factors[$0 % factors.count]
                }
            }
        }
    }

    /// Operators of which every result is a weighted mean or the greatest of some elements, and which have no kernel in
    /// binary64: without their activation.
    private var linear: (op: Operator, activation: Activation)? {
        switch op {
        case .averagePool2D(var pool), .maxPool2D(var pool):
            let activation = pool.activation
            pool.activation = .none
            if case .maxPool2D = op { return (.maxPool2D(pool), activation) }
            return (.averagePool2D(pool), activation)
        case .resizeBilinear: return (op, .none)
        default: return nil
        }
    }

    private func evaluate(_ linear: Operator, limitedBy activation: Activation, _ inputs: [Tensor?]) throws -> Tensor {
        guard let output = outputs.first, let input = inputs.first ?? nil, let from = input.type.quantization,
            let to = output.quantization, !from.isPerChannel, let codes = input.integers()
        else { throw Diagnostic(.badModel, at: op.name, "operand and result need one scale each") }
        let centered = codes.map { Float($0 - Int(from.zeroPoint)) }
        let results = try ReferenceKernels.evaluate(
            linear, inputs: [Tensor(centered, shape: input.shape)] + inputs.dropFirst(),
            outputTypes: [TensorType(.float32, output.shape)])
        let factor = Double(from.scale) / Double(to.scale)
        return try results[0].withElements(of: Float.self) { values in
            try rounding.codes(of: output, limitedBy: activation) { Double(values[$0]) * factor }
        }
    }

    private func evaluateReals(_ inputs: [Tensor?]) throws -> [Tensor] {
        let contract = op.quantizationContract
        let operands = inputs.enumerated().map { index, tensor in
            guard let tensor, tensor.type.isCodes, contract.role(of: index) != .index else { return tensor }
            return Tensor(tensor.realValues(), shape: tensor.shape)
        }
        let reals: [Tensor]
        switch op {
        case .quantize: reals = operands.compactMap { $0 }
        case .dequantize:
            return operands.compactMap { $0.map { Tensor($0.doubles().map { Float($0) }, shape: $0.shape) } }
        default:
            reals = try ReferenceKernels.evaluate(
                op, inputs: operands,
                outputTypes: outputs.map { $0.isCodes ? TensorType(.float64, $0.shape) : $0 })
        }
        return try zip(reals, outputs).map { real, type in
            guard type.isCodes, let scale = type.quantization?.scale else { return real }
            let values = real.doubles()
            return try values.withUnsafeBufferPointer { values in
                try rounding.codes(of: type) { values[$0] / Double(scale) }
            }
        }
    }
}

extension TensorType {
    /// True for integers that stand for reals.
    fileprivate var isCodes: Bool { quantization != nil && !elementType.isFloat }

    fileprivate func hasCodes(of other: TensorType) -> Bool {
        elementType == other.elementType && quantization == other.quantization
    }
}
