import Operators
import TensorCore

extension Graph: CustomStringConvertible {
    /// One line for every input, node and output, with names, types and payloads; constants by type only.
    public var description: String {
        var lines = ["graph \(name)"]
        for port in inputs {
            lines.append("  input %\(port.value.index) \(self[port.value].name): \(self[port.value].type)")
        }
        for node in nodes {
            let operands = node.inputs.map { input -> String in
                guard let input else { return "_" }
                let value = self[input]
                guard let constant = value.constant else { return "%\(input.index)" }
                if let integers = constant.integers(), integers.count <= 8, constant.type.quantization == nil {
                    return "\(integers)"
                }
                return "const \(value.type)"
            }
            let results = node.outputs.map { "%\($0.index): \(self[$0].type)" }.joined(separator: ", ")
            let attributes = node.op.attributes
            lines.append(
                "  \(results) = \(node.op.name)(\(operands.joined(separator: ", ")))"
                    + (attributes.isEmpty ? "" : " {\(attributes)}"))
        }
        for port in outputs {
            lines.append("  output %\(port.value.index) \(self[port.value].name): \(self[port.value].type)")
        }
        return lines.joined(separator: "\n")
    }

    /// True when both graphs have the same nodes in the same order, with equal payloads, types, names and constants.
    public func isIdentical(to other: Graph) -> Bool { firstDifference(from: other) == nil }

    /// Where two graphs differ first, in words; nil when they are identical.
    public func firstDifference(from other: Graph) -> String? {
        var match: [ValueID: ValueID] = [:]
        func differs(_ a: ValueID?, _ b: ValueID?) -> String? {
            guard let a, let b else { return a == nil && b == nil ? nil : "an optional operand" }
            if let known = match[a] { return known == b ? nil : "wiring at \(self[a].name)" }
            let (x, y) = (self[a], other[b])
            guard x.name == y.name else { return "name \(x.name) and \(y.name)" }
            guard x.type == y.type else { return "\(x.name) is \(x.type) and \(y.type)" }
            switch (x.constant, y.constant) {
            case (nil, nil): break
            case (let p?, let q?): if !p.isIdentical(to: q) { return "the bytes of \(x.name)" }
            default: return "\(x.name) is constant in one of them"
            }
            match[a] = b
            return nil
        }
        guard inputs.count == other.inputs.count, outputs.count == other.outputs.count else { return "number of ports" }
        guard order.count == other.order.count else { return "\(order.count) and \(other.order.count) nodes" }
        for (a, b) in zip(inputs, other.inputs) { if let found = differs(a.value, b.value) { return found } }
        for (a, b) in zip(nodes, other.nodes) {
            guard a.op == b.op else { return "\(a.location): \(a.op) and \(b.op)" }
            guard a.inputs.count == b.inputs.count, a.outputs.count == b.outputs.count else {
                return "\(a.location): number of operands"
            }
            for (x, y) in zip(a.inputs, b.inputs) { if let found = differs(x, y) { return "\(a.location): \(found)" } }
            for (x, y) in zip(a.outputs, b.outputs) {
                if let found = differs(x, y) { return "\(a.location): \(found)" }
            }
        }
        for (a, b) in zip(outputs, other.outputs) { if let found = differs(a.value, b.value) { return found } }
        return nil
    }
}
