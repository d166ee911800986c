import TensorCore

extension HexagonGraph {
    /// One line a node: id, operator, border, what it reads, and the declared extents of its first result.
    ///
    /// Constants are written where they are read: up to eight values in a row or in pairs as they are, others by their
    /// extents. A result other than the first has its index behind the id.
    package var listing: String {
        let constants = Dictionary(
            nodes.compactMap { node in node.constant.map { (node.id, $0) } }, uniquingKeysWith: { first, _ in first })
        return nodes.filter { $0.op != .constant }.map { node in
            let inputs = node.inputs.map { input -> String in
                guard let constant = constants[input.node] else {
                    return input.output == 0 ? "%\(input.node)" : "%\(input.node).\(input.output)"
                }
                return Self.text(constant)
            }
            let padding = node.padding == .none ? "" : " \(node.padding)"
            let result = node.outputs.first.map { " -> \(Shape($0.shape))" } ?? ""
            return "%\(node.id) \(node.op.rawValue)\(padding)(\(inputs.joined(separator: ", ")))\(result)"
        }.joined(separator: "\n")
    }

    private static func text(_ constant: Tensor) -> String {
        let shape = constant.shape
        let isFlat =
            shape.dimensions.dropLast().allSatisfy { $0 == 1 } || constant.elementType == .int32 && shape[3] == 2
        guard constant.count <= 8, isFlat else { return "\(shape)" }
        let values =
            constant.integers().map { $0.map(String.init) } ?? constant.elements(of: Float.self).map { "\($0)" }
        return constant.count == 1 ? values[0] : "[\(values.joined(separator: " "))]"
    }
}
