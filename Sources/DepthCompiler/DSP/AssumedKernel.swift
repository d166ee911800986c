import GraphIR
import Runtime
import TensorCore

/// Runs one partition of an accelerator whose arithmetic is not public, operator by operator; see ``AssumedOperator``.
package struct AssumedKernel: DelegateKernel {
    private let part: Graph
    private let rounding: AssumedRounding

    /// - Parameter part: the partition as a graph of its own; see `Graph.part(_:)`.
    package init(_ part: Graph, rounding: AssumedRounding) {
        self.part = part
        self.rounding = rounding
    }

    package func run(_ inputs: [Tensor], observe: ValueObserver?) throws -> [Tensor] {
        var values: [ValueID: Tensor] = [:]
        for (port, tensor) in zip(part.inputs, inputs) { values[port.value] = tensor }
        func value(_ id: ValueID) throws -> Tensor {
            guard let tensor = values[id] ?? part.constant(id) else {
                throw Diagnostic(.internalError, at: part[id].name, "was not computed")
            }
            return tensor.retyped(part.type(of: id))
        }
        for node in part.nodes {
            let operation = AssumedOperator(op: node.op, outputs: part.outputTypes(of: node), rounding: rounding)
            let results: [Tensor]
            do {
                results = try operation.evaluate(try node.inputs.map { try $0.map(value) })
            } catch let diagnostic as Diagnostic {
                throw diagnostic.located(in: "\(node.op.name) \(node.location)")
            }
            for (output, tensor) in zip(node.outputs, results) {
                values[output] = tensor
                try observe?(output, tensor)
            }
        }
        return try part.outputs.map { try value($0.value) }
    }
}
