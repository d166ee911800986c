import TensorCore

/// The work of a partition: its nodes in execution order.
package struct PartitionWork: Sendable {
    package var works: [MachineWork] = []
    /// Positions of the works whose results leave the partition.
    package var results: Set<Int> = []
    /// Bytes of the partition's inputs.
    package var inputBytes = 0

    package init() {}
}

extension PartitionWork {
    /// The work of a prepared graph.
    ///
    /// - Throws: `Diagnostic` (.badData) for a node whose operands or extents are not declared.
    package init(_ graph: HexagonGraph) throws {
        var nodes: [Int: HexagonNode] = [:]
        var positions: [Int: Int] = [:]
        for node in graph.nodes {
            nodes[node.id] = node
            switch node.op {
            case .constant: continue
            case .input: inputBytes = node.outputs.reduce(0) { $0 + Shape($1.shape).elementCount * $1.elementSize }
            case .output:
                for input in node.inputs {
                    if let position = positions[input.node] { results.insert(position) }
                }
            default:
                guard let work = try MachineWork(node, nodes, positions) else { continue }
                if work.kind == .none, work.reads.count == 1 {
                    // Its result is the operand: readers read that.
                    positions[node.id] = work.reads[0]
                } else {
                    positions[node.id] = works.count
                    works.append(work)
                }
            }
        }
    }
}

extension MachineWork {
    /// The work of a node; nil when none of its results are codes.
    fileprivate init?(_ node: HexagonNode, _ nodes: [Int: HexagonNode], _ positions: [Int: Int]) throws {
        func declared(_ reference: HexagonReference) throws -> HexagonOutput {
            guard let producer = nodes[reference.node], reference.output < producer.outputs.count,
                producer.outputs[reference.output].shape.count == 4
            else {
                throw Diagnostic(.badData, at: node.location, "reads what no node before it declares")
            }
            return producer.outputs[reference.output]
        }
        func constant(_ reference: HexagonReference) -> [Int]? {
            nodes[reference.node]?.constant?.shape.dimensions
        }
        guard let result = node.outputs.first, result.shape.count == 4 else { return nil }
        // Operands of one element are ends of ranges; constants other than weights are small.
        let operands = try node.inputs.filter {
            try constant($0) == nil && declared($0).shape.reduce(1, *) > 1
        }
        guard let first = operands.first ?? node.inputs.first else { return nil }
        let input = try declared(first)
        self.init(
            Self.kind(of: node.op), node.op, id: node.id, input: WorkExtents(input.shape),
            output: WorkExtents(result.shape))
        source = node.source
        // A split has several results; all of them are written.
        if [.split, .splitDepth32].contains(node.op) { output = WorkExtents(input.shape) }
        reads = operands.isEmpty ? [nil] : operands.map { positions[$0.node] }
        otherInputBytes = try operands.dropFirst().reduce(0) { try $0 + WorkExtents(declared($1).shape).bytes }
        let usesSecondConstant: [HexagonOperator] = [
            .add, .addDepth32, .multiplyDepth32, .subtractDepth32, .concatDepth32,
        ]
        if usesSecondConstant.contains(node.op) {
            for reference in node.inputs {
                if let shape = constant(reference), shape.count == 4, shape.reduce(1, *) > 1 {
                    otherInputBytes += WorkExtents(shape).bytes
                }
            }
        }
        try takeWindow(node) { try constant($0) ?? declared($0).shape }
    }

    /// - Parameter shape: of an operand, constant or computed.
    private mutating func takeWindow(_ node: HexagonNode, _ shape: (HexagonReference) throws -> [Int]) throws {
        func extents(_ index: Int) throws -> [Int] {
            guard index < node.inputs.count, case let shape = try shape(node.inputs[index]), shape.count == 4 else {
                throw Diagnostic(.badData, at: node.location, "input \(index) has not four extents")
            }
            return shape
        }
        switch kind {
        case .convolution, .shallowConvolution, .depthwise:
            let filter = try extents(1)
            let stride = try extents(6)
            (filterHeight, filterWidth) = (filter[0], filter[1])
            (strideHeight, strideWidth) = (max(stride[1], 1), max(stride[2], 1))
        case .window:
            let window = try extents(3)
            let stride = try extents(4)
            (filterHeight, filterWidth) = (window[1], window[2])
            (strideHeight, strideWidth) = (max(stride[1], 1), max(stride[2], 1))
        case .matrix:
            // A product sees its operand as rows as deep as the weights are high.
            let weights = try extents(1)
            let depth = max(weights[2] * weights[0] * weights[1], 1)
            let rows = input.count / depth
            input = WorkExtents(1, 1, rows, depth)
            output = WorkExtents(1, 1, rows, weights[3])
        case .stream, .none: break
        }
    }

    private static func kind(of op: HexagonOperator) -> Kind {
        switch op {
        case .supernode, .supernodeDepth32, .supernode3322, .conv2D, .transposeConv2D: .convolution
        case .inputSupernode: .shallowConvolution
        case .depthwiseSupernode, .depthwiseSupernodeDepth32: .depthwise
        case .matMul, .superFullyConnected: .matrix
        case .averagePool, .averagePoolDepth32, .maxPool, .maxPoolDepth32: .window
        case .nop, .reshape, .fakeConcatDepth32, .batchSequence: .none
        default: .stream
        }
    }
}
