import TensorCore

/// Recognises operators that exporters spell out, before they are lowered one by one.
enum PatternFusion {
    /// Replaces x * (1 + erf(x / sqrt 2)) / 2, in any order of its factors, by Gelu.
    static func fuse(_ nodes: [ONNXNode], outputs: Set<String>, scope: Scope) -> [ONNXNode] {
        guard nodes.contains(where: { $0.operatorType == "Erf" }) else { return nodes }
        var search = GeluSearch(nodes, outputs: outputs, scope: scope)
        return search.fuse()
    }
}

/// The search for spelled-out GELUs in one graph.
private struct GeluSearch {
    private var nodes: [ONNXNode?]
    private let outputs: Set<String>
    private let scope: Scope
    private var producers: [String: Int] = [:]
    private var uses: [String: [Int]] = [:]

    init(_ nodes: [ONNXNode], outputs: Set<String>, scope: Scope) {
        self.nodes = nodes
        self.outputs = outputs
        self.scope = scope
        for (i, node) in nodes.enumerated() {
            for name in node.outputs { producers[name] = i }
            for name in node.inputs { uses[name, default: []].append(i) }
        }
    }

    mutating func fuse() -> [ONNXNode] {
        for i in nodes.indices where nodes[i]?.operatorType == "Erf" { replace(erf: i) }
        return nodes.compactMap { $0 }
    }

    private mutating func replace(erf index: Int) {
        guard let erf = nodes[index], let argument = erf.inputs.first, let result = erf.outputs.first,
            let scaling = producers[argument], let scale = nodes[scaling], let x = scaled(scale),
            let adding = onlyUser(result), let add = nodes[adding], add.operatorType == "Add",
            let sum = add.outputs.first, other(add, than: result).flatMap(number) == 1
        else { return }
        // The sum is multiplied by x and by one half, in either order.
        guard let first = onlyUser(sum), let firstNode = nodes[first], firstNode.operatorType == "Mul",
            let factor = other(firstNode, than: sum), let product = firstNode.outputs.first
        else { return }
        var removed = [index, adding, first]
        var last = first
        if let half = producers[factor], let halving = nodes[half], halving.operatorType == "Mul",
            isHalf(halving, of: x), onlyUser(factor) == first
        {
            removed.append(half)
        } else if let second = onlyUser(product), let secondNode = nodes[second], secondNode.operatorType == "Mul",
            let remaining = other(secondNode, than: product),
            (factor == x && number(remaining) == 0.5) || (number(factor) == 0.5 && remaining == x)
        {
            removed.append(second)
            last = second
        } else {
            return
        }
        if onlyUser(argument) == index { removed.append(scaling) }
        guard let output = nodes[last]?.outputs.first else { return }
        let gelu = ONNXNode(
            name: erf.name, operatorType: "Gelu", domain: "", inputs: [x], outputs: [output], attributes: [:])
        for i in removed { nodes[i] = nil }
        nodes[last] = gelu
    }

    /// x of x / sqrt 2 or x * sqrt(1/2).
    private func scaled(_ node: ONNXNode) -> String? {
        guard node.inputs.count == 2 else { return nil }
        func isClose(_ name: String, _ expected: Double) -> Bool {
            number(name).map { abs($0 - expected) < 1e-4 } ?? false
        }
        switch node.operatorType {
        case "Div": return isClose(node.inputs[1], 2.0.squareRoot()) ? node.inputs[0] : nil
        case "Mul":
            if isClose(node.inputs[1], 0.5.squareRoot()) { return node.inputs[0] }
            return isClose(node.inputs[0], 0.5.squareRoot()) ? node.inputs[1] : nil
        default: return nil
        }
    }

    private func isHalf(_ node: ONNXNode, of x: String) -> Bool {
        other(node, than: x).flatMap(number) == 0.5
    }

    private func other(_ node: ONNXNode, than name: String) -> String? {
        guard node.inputs.count == 2 else { return nil }
        if node.inputs[0] == name { return node.inputs[1] }
        return node.inputs[1] == name ? node.inputs[0] : nil
    }

    private func onlyUser(_ name: String) -> Int? {
        guard let users = uses[name], users.count == 1, !outputs.contains(name) else { return nil }
        return users[0]
    }

    /// The number a name stands for when it is a constant of one element.
    private func number(_ name: String) -> Double? {
        if let tensor = scope.lazy[name] { return single(tensor) }
        guard let index = producers[name], let node = nodes[index], node.operatorType == "Constant" else { return nil }
        switch node.attributes["value"] ?? node.attributes["value_float"] {
        case .tensor(let tensor): return single(tensor)
        case .float(let value): return Double(value)
        default: return nil
        }
    }

    private func single(_ tensor: ONNXTensor) -> Double? {
        guard case .tensor(let loaded) = tensor.payload, loaded.count == 1, loaded.elementType.isFloat else {
            return nil
        }
        return loaded.doubles().first
    }
}
