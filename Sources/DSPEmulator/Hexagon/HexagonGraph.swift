import GraphIR
import TensorCore

/// One result of a node of the library.
package struct HexagonReference: Sendable, Hashable {
    /// ``HexagonNode/id`` of the node that computes it.
    package var node: Int
    package var output: Int

    package init(_ node: Int, _ output: Int = 0) {
        self.node = node
        self.output = output
    }
}

/// What the delegate declares of a result: four extents `[batch, height, width, depth]` and bytes of an element.
package struct HexagonOutput: Sendable, Hashable {
    package var shape: [Int]
    package var elementSize: Int

    package init(_ shape: [Int], elementSize: Int) {
        self.shape = shape
        self.elementSize = elementSize
    }
}

/// A node of the library: an operator on results of earlier nodes.
package struct HexagonNode: Sendable {
    /// Counted from 1 in the order in which the delegate makes builders; those that preparation adds follow.
    package var id: Int
    package var op: HexagonOperator
    package var padding: HexagonPadding
    package var inputs: [HexagonReference]
    package var outputs: [HexagonOutput]
    /// The elements of a constant: shape `[batch, height, width, depth]`. The stride constants of convolutions carry
    /// their meaning in the shape alone.
    package var constant: Tensor?
    /// Index of the TFLite operator that it belongs to; nil for inputs, outputs, constants and casts.
    package var source: Int?

    package init(
        id: Int, op: HexagonOperator, padding: HexagonPadding = .none, inputs: [HexagonReference] = [],
        outputs: [HexagonOutput] = [], constant: Tensor? = nil, source: Int? = nil
    ) {
        self.id = id
        self.op = op
        self.padding = padding
        self.inputs = inputs
        self.outputs = outputs
        self.constant = constant
        self.source = source
    }
}

/// What one delegated partition becomes: nodes in execution order, the first of them INPUT, the last OUTPUT.
package struct HexagonGraph: Sendable {
    package var nodes: [HexagonNode]
    /// Where the values of the model are computed: unsigned codes, those of int8 values with the highest bit flipped.
    /// Rewrites keep it true and drop the values that no longer exist.
    package var values: [ValueID: HexagonReference]

    package init(nodes: [HexagonNode] = [], values: [ValueID: HexagonReference] = [:]) {
        self.nodes = nodes
        self.values = values
    }
}
