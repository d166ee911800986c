import GraphIR
import Operators
import TensorCore

/// 4-bit activations as int8 tensors: the highest 16 codes, 112 to 127. Saturation is the upper clamp, so that every
/// int8 kernel computes with them as it is.
package enum NarrowCodes {
    package static let lowest: Int32 = 112
    /// What an int4 code is less than the int8 code that stands for it.
    static let offset: Int32 = 120

    /// Parameters with 16 levels for a real interval that contains 0.
    static func covering(_ range: ClosedRange<Float>) -> QuantizationParameters {
        var result = QuantizationParameters.covering(range, .int4)
        result.zeroPoints = result.zeroPoints.map { $0 + offset }
        return result
    }
}

/// Which values of a graph are computed with 4 bits: those that only layers with 4-bit operands read, directly or through
/// operators that pass codes on. Other operands of such layers are rounded once more.
struct NarrowValues {
    let values: Set<ValueID>

    /// - Parameter polished: values that are computed with 8 bits and stored with 4.
    init(
        _ graph: Graph, _ placements: [NodeID: NodePlacement], _ widths: BitWidths, except polished: Set<ValueID> = []
    ) {
        var found = Set<ValueID>()
        guard widths.activations == 4 else {
            values = found
            return
        }
        for node in graph.nodes.reversed() where placements[node.id] == .integer {
            for output in node.outputs where graph.type(of: output).elementType == .float32 {
                let users = graph.users(of: output).map { graph[$0] }
                guard !users.isEmpty, !graph.isOutput(output), !polished.contains(output) else { continue }
                let isNarrow = users.allSatisfy { user in
                    guard placements[user.id] == .integer else { return false }
                    if user.op.multipliesAndAccumulates { return widths.hasNarrowOperands(user) }
                    return user.op.passesCodes && user.outputs.allSatisfy(found.contains)
                }
                if isNarrow { found.insert(output) }
            }
        }
        values = found
    }
}

extension Operator {
    /// True when the kernel clamps its results at real 0 from below.
    var clampsAtZero: Bool {
        func clamps(_ activation: Activation) -> Bool { activation == .relu || activation == .relu6 }
        switch self {
        case .conv2D(let op): return clamps(op.activation)
        case .depthwiseConv2D(let op): return clamps(op.activation)
        case .transposeConv(let op): return clamps(op.activation)
        case .fullyConnected(let op): return clamps(op.activation)
        case .binary(let op): return clamps(op.activation)
        case .unary(let kind): return kind == .relu || kind == .relu6
        default: return false
        }
    }
}
