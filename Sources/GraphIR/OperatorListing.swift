import Operators
import TensorCore

/// A tensor of a file, as a runtime that reads the file sees it.
package struct ListedTensor: Sendable {
    package var name: String
    /// Element type and quantisation from the file, extents as they follow from the inputs.
    package var type: TensorType
    /// The data that the file holds for it; nil for everything that is fed or computed.
    package var constant: Tensor?
    /// The value that it became; nil for tensors that the graph does not need.
    package var value: ValueID?

    package init(name: String, type: TensorType, constant: Tensor? = nil, value: ValueID? = nil) {
        self.name = name
        self.type = type
        self.constant = constant
        self.value = value
    }
}

/// An operator of a file, with what ``Graph`` leaves out.
package struct ListedOperator: Sendable {
    /// The name in the file, such as `CONV_2D`.
    package var builtin: String
    /// The version in the file.
    package var version: Int
    package var op: Operator
    /// Tensor indices in the file's order; nil where an optional operand is marked absent.
    package var inputs: [Int?]
    package var outputs: [Int]
    /// The node that it became; nil for operators that the graph does not need.
    package var node: NodeID?

    package init(
        builtin: String, version: Int, op: Operator, inputs: [Int?], outputs: [Int], node: NodeID? = nil
    ) {
        self.builtin = builtin
        self.version = version
        self.op = op
        self.inputs = inputs
        self.outputs = outputs
        self.node = node
    }
}

/// The operators of a file as they stand in it: what a delegate, which looks at the file and not at a ``Graph``, sees.
///
/// Operators that compute shapes or that no output needs are listed too, and every operator has its version.
package struct OperatorListing: Sendable {
    /// In execution order.
    package var operators: [ListedOperator]
    /// Tensor indices of the graph's inputs.
    package var inputs: [Int]
    /// Tensor indices of the graph's outputs.
    package var outputs: [Int]
    private var tensors: [Int: ListedTensor]

    /// Precondition: `tensors` has every index that is used.
    package init(operators: [ListedOperator], tensors: [Int: ListedTensor], inputs: [Int], outputs: [Int]) {
        self.operators = operators
        self.tensors = tensors
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Lists a graph that has no file: its nodes in order, tensors numbered like values.
    ///
    /// - Parameter version: of the builtin that a node is in a file.
    package init(_ graph: Graph, version: (Node) -> Int) {
        tensors = [:]
        for id in graph.valueIDs {
            let value = graph[id]
            tensors[id.index] = ListedTensor(name: value.name, type: value.type, constant: value.constant, value: id)
        }
        operators = graph.nodes.map { node in
            ListedOperator(
                builtin: node.op.name, version: version(node), op: node.op, inputs: node.inputs.map { $0?.index },
                outputs: node.outputs.map(\.index), node: node.id)
        }
        inputs = graph.inputs.map(\.value.index)
        outputs = graph.outputs.map(\.value.index)
    }

    package subscript(tensor index: Int) -> ListedTensor {
        guard let found = tensors[index] else { preconditionFailure("tensor \(index) is not listed") }
        return found
    }

    /// The tensor of an operator's operand; nil where it is absent.
    package func input(_ index: Int, of entry: ListedOperator) -> ListedTensor? {
        guard index < entry.inputs.count, let tensor = entry.inputs[index] else { return nil }
        return self[tensor: tensor]
    }

    /// Where an operator is, for reports: the name of its first result.
    package func location(of entry: ListedOperator) -> String {
        entry.outputs.first.map { self[tensor: $0].name } ?? "without results"
    }
}
