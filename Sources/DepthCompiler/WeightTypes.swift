import GraphIR
import Operators

extension Graph {
    /// How many operators of each kind have constant weights of each integer type, by names such as `int4 CONV_2D`; empty
    /// when no weights are int4.
    var weightTypes: [String: Int] {
        var result: [String: Int] = [:]
        var hasFourBits = false
        for node in nodes {
            let contract = node.op.quantizationContract
            for (index, input) in node.inputs.enumerated() {
                guard case .weight(channelAxis: .some) = contract.role(of: index), let weights = constant(input),
                    weights.type.quantization != nil
                else { continue }
                if weights.elementType == .int4 { hasFourBits = true }
                result["\(weights.elementType.rawValue) \(node.op.name)", default: 0] += 1
            }
        }
        return hasFourBits ? result : [:]
    }
}
