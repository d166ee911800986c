import GraphIR
import Operators
import TensorCore

/// The widths of a quantised graph's weights and of what its convolutions and matrix products read.
public struct BitWidths: Sendable, Hashable {
    /// 8 or 4: of the constant weights of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, the operators for which LiteRT
    /// has int4 kernels.
    public var weights = 8
    /// 8 or 4: of the activations that convolutions and matrix products read.
    public var activations = 8
    /// Nodes (by location) whose weights keep 8 bits.
    public var eightBitWeights: Set<String> = []
    /// Nodes (by location) whose operands keep 8 bits.
    public var eightBitOperands: Set<String> = []

    public init(weights: Int = 8, activations: Int = 8) {
        self.weights = weights
        self.activations = activations
    }

    /// Lets nodes (by location) keep 8-bit weights and operands.
    public mutating func keep8Bits(_ locations: some Sequence<String>) {
        eightBitWeights.formUnion(locations)
        eightBitOperands.formUnion(locations)
    }

    func hasNarrowWeights(_ node: Node) -> Bool {
        guard weights == 4, !eightBitWeights.contains(node.location) else { return false }
        switch node.op {
        case .conv2D, .depthwiseConv2D, .fullyConnected: return true
        default: return false
        }
    }

    func hasNarrowOperands(_ node: Node) -> Bool {
        activations == 4 && node.op.multipliesAndAccumulates && !eightBitOperands.contains(node.location)
    }
}
