import TensorCore

/// Runs a graph of the library node by node, with the library's integers.
///
/// Tensors are row-major, of four extents, and without quantisation: the ranges are tensors of the graph. What enters at
/// INPUT and leaves at OUTPUT has the element type of the model (int8 or uint8); between the casts codes are uint8.
package struct HexagonInterpreter: Sendable {
    package let graph: HexagonGraph
    package let architecture: HexagonArchitecture
    /// What the caller must give: INPUT's results in their order.
    package let inputs: [HexagonOutput]
    private let results: [HexagonReference]
    /// What the delegate declares of ``results``.
    private let resultShapes: [Shape]
    /// For every node of the graph, the earlier ones that nobody reads after it.
    private let released: [[Int]]

    /// - Throws: `Diagnostic` (.badModel) when nodes share an id, read results that do not stand before them, or the graph
    ///   has not one INPUT and one OUTPUT.
    package init(_ graph: HexagonGraph, architecture: HexagonArchitecture) throws {
        let entries = graph.nodes.filter { $0.op == .input }
        let exits = graph.nodes.filter { $0.op == .output }
        guard let entry = entries.first, entries.count == 1, let exit = exits.first, exits.count == 1 else {
            throw Diagnostic(
                .badModel, at: "graph for the DSP", "has \(entries.count) INPUT and \(exits.count) OUTPUT nodes")
        }
        var lastReader: [Int: Int] = [:]
        var outputCounts: [Int: Int] = [:]
        for (position, node) in graph.nodes.enumerated() {
            for input in node.inputs {
                guard let count = outputCounts[input.node], input.output >= 0, input.output < count else {
                    throw Diagnostic(
                        .badModel, at: node.location,
                        "reads result \(input.output) of node \(input.node), which is not there")
                }
                lastReader[input.node] = position
            }
            guard outputCounts.updateValue(node.outputs.count, forKey: node.id) == nil else {
                throw Diagnostic(.badModel, at: node.location, "has the id of another node")
            }
            lastReader[node.id] = position
        }
        var released = [[Int]](repeating: [], count: graph.nodes.count)
        for (id, position) in lastReader { released[position].append(id) }
        self.graph = graph
        self.architecture = architecture
        self.released = released
        inputs = entry.outputs
        results = exit.inputs
        let declared = Dictionary(graph.nodes.map { ($0.id, $0.outputs) }, uniquingKeysWith: { first, _ in first })
        resultShapes = exit.inputs.map { Shape(declared[$0.node]?[$0.output].shape ?? []) }
    }

    /// Runs every node and returns what OUTPUT reads.
    ///
    /// - Parameters:
    ///   - values: as many as ``inputs``, each with as many elements as declared there; other extents are seen as these.
    ///   - observe: called after every node with its results; constants and INPUT included, OUTPUT not.
    /// - Throws: `Diagnostic` at the node: .badData when `values` do not fit, .unsupported for what the library refuses.
    package func run(
        _ values: [Tensor], observe: (HexagonNode, [Tensor]) throws -> Void = { _, _ in }
    ) throws -> [Tensor] {
        var live: [Int: [Tensor]] = [:]
        // By node; those of nodes without the depth-32 layout are never read.
        var paddings: [Int: Int] = [:]
        var outputs: [Tensor] = []
        for (position, node) in graph.nodes.enumerated() {
            let computed: [Tensor]
            switch node.op {
            case .input:
                computed = try given(values, to: node)
            case .constant:
                computed = [try constant(node)]
            case .output:
                outputs = try operands(node, live)
                for (tensor, shape) in zip(outputs, resultShapes) where tensor.count != shape.elementCount {
                    throw Diagnostic(.unsupported, at: node.location, "gets \(tensor.type), the model has \(shape)")
                }
                computed = []
            default:
                (computed, paddings[node.id]) = try evaluate(
                    node, operands(node, live), node.inputs.map { paddings[$0.node] ?? 4 })
            }
            if node.op != .output { try observe(node, computed) }
            live[node.id] = computed
            for id in released[position] { live[id] = nil }
        }
        return outputs
    }

    private func given(_ values: [Tensor], to node: HexagonNode) throws -> [Tensor] {
        guard values.count == node.outputs.count else {
            throw Diagnostic(
                .badData, at: node.location, "got \(values.count) tensors instead of \(node.outputs.count)")
        }
        return try zip(values, node.outputs).enumerated().map { index, pair in
            let (value, declared) = pair
            guard value.elementType.byteCount == declared.elementSize,
                Shape(declared.shape).checkedElementCount() == value.count
            else {
                throw Diagnostic(
                    .badData, at: node.location,
                    "tensor \(index) is \(value.type), declared as \(Shape(declared.shape))")
            }
            return value.retyped(TensorType(value.elementType, Shape(declared.shape)))
        }
    }

    private func constant(_ node: HexagonNode) throws -> Tensor {
        guard let constant = node.constant else {
            throw Diagnostic(.internalError, at: node.location, "has no elements")
        }
        return constant
    }

    private func operands(_ node: HexagonNode, _ live: [Int: [Tensor]]) throws -> [Tensor] {
        try node.inputs.map { input in
            guard let tensors = live[input.node], input.output < tensors.count else {
                throw Diagnostic(.internalError, at: node.location, "lost result \(input.output) of node \(input.node)")
            }
            return tensors[input.output]
        }
    }

    /// Results, and their left padding in the depth-32 layout.
    private func evaluate(
        _ node: HexagonNode, _ operands: [Tensor], _ paddings: [Int]
    ) throws -> ([Tensor], leftPadding: Int) {
        do {
            let computed = try HexagonKernels.evaluate(
                node, operands, leftPadding: paddings.first ?? 4, architecture: architecture)
            guard computed.count == node.outputs.count else {
                throw Diagnostic(.internalError, at: "", "gave \(computed.count) results of \(node.outputs.count)")
            }
            for (tensor, declared) in zip(computed, node.outputs) where !declared.holds(tensor, of: node.op) {
                throw Diagnostic(
                    .unsupported, at: "", "gives \(tensor.type) where the delegate declares \(Shape(declared.shape))")
            }
            let padding = try computed.first.map { try node.leftPadding(operands, paddings, result: $0) } ?? 4
            return (computed, padding)
        } catch let problem as Diagnostic {
            let reason = problem.location == node.op.rawValue ? "" : problem.location
            throw Diagnostic(
                problem.code, at: reason.isEmpty ? node.location : "\(node.location): \(reason)", problem.message,
                suggestion: problem.suggestion)
        }
    }
}

extension HexagonNode {
    /// Where it is, for diagnostics: operator, id and the TFLite operator that it belongs to.
    package var location: String {
        "\(op.rawValue) (node \(id)\(source.map { ", operator \($0) of the model" } ?? ""))"
    }
}

extension HexagonOutput {
    /// True when a result fits into the memory that the library takes for it: the declared extents, with the margins of the
    /// depth-32 layout where the operator writes that, in steps of 128 bytes.
    ///
    /// Source: nnlib hexagon/src/newnode.c, `compute_max_size_with_pad`; hexagon/include/nn_graph_types.h,
    /// `tensor_out_prepare_normal`.
    fileprivate func holds(_ tensor: Tensor, of op: HexagonOperator) -> Bool {
        // A concatenation in place has no memory of its own, and the kernel for shallow inputs gets at least 16 KB.
        if op == .fakeConcatDepth32 || op == .inputSupernode { return true }
        guard tensor.shape.rank == 4, shape.count == 4, Shape(shape).checkedElementCount() != nil else { return false }
        let hasMargins = op.hasDepth32Result && elementSize == 1
        func bytes(_ shape: [Int], _ elementSize: Int) -> Int {
            let wide =
                hasMargins ? [shape[0], shape[1] + 8, (shape[2] + 7) & ~3, (shape[3] + 31) & ~31] : shape
            return (wide.reduce(elementSize, *) + 127) & ~127
        }
        return bytes(tensor.shape.dimensions, tensor.elementType.byteCount) <= bytes(shape, elementSize)
    }
}

extension HexagonOperator {
    /// Whether the library marks it as one that writes the depth-32 layout.
    fileprivate var hasDepth32Result: Bool {
        switch self {
        case .argMaxDepth32, .argMinDepth32, .mirrorPadDepth32, .convertFromDepth32: false
        default: rawValue.hasSuffix("_d32")
        }
    }
}
