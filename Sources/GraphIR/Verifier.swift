import Operators
import TensorCore

extension Graph {
    /// Checks the whole graph: order, uses, types against inference, quantisation contracts.
    ///
    /// - Throws: `Diagnostic` (.internalError) naming the first node that is wrong.
    public func verify() throws {
        var computed = Set(inputs.map(\.value))
        for node in nodes {
            for case let input? in node.inputs {
                guard input.index < valueSlots.count, let value = valueSlots[input.index] else {
                    throw fault(node, "reads a value that does not exist")
                }
                guard value.constant != nil || computed.contains(input) else {
                    throw fault(node, "reads \(value.name) before it is computed")
                }
                guard userSlots[input.index].contains(node.id) else {
                    throw fault(node, "is not among the users of \(value.name)")
                }
            }
            try verify(node.id)
            computed.formUnion(node.outputs)
        }
        for port in outputs {
            guard port.value.index < valueSlots.count, let value = valueSlots[port.value.index],
                value.constant != nil || computed.contains(port.value)
            else { throw Diagnostic(.internalError, at: port.sourceName, "the output is never computed") }
        }
    }

    /// Checks one node: its results have the types that inference gives, and same-scale operators have equal parameters.
    func verify(_ id: NodeID) throws {
        let node = self[id]
        let inferred = try inferTypes(node.op, operands(node.inputs), location: node.location)
        guard inferred.count == node.outputs.count else {
            throw fault(node, "has \(node.outputs.count) results instead of \(inferred.count)")
        }
        for (expected, output) in zip(inferred, node.outputs) {
            let value = self[output]
            guard value.type.shape == expected.shape,
                node.op.admitsResult(of: value.type.elementType, inferred: expected.elementType)
            else {
                throw fault(node, "\(value.name) is \(value.type), inference says \(expected)")
            }
        }
        guard case .binary(let binary) = node.op, binary.kind == .maximum || binary.kind == .minimum else { return }
        let parameters = (inputTypes(of: node).compactMap { $0 } + outputTypes(of: node)).map(\.quantization)
        guard parameters.allSatisfy({ $0 == parameters[0] }) else {
            throw fault(node, "compares codes of different scales")
        }
    }

    private func fault(_ node: Node, _ message: String) -> Diagnostic {
        Diagnostic(.internalError, at: "\(node.op.name) \(node.location)", message)
    }
}
