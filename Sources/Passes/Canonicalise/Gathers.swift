import GraphIR
import Operators
import ReferenceKernels
import TensorCore

extension Pass {
    /// A GATHER whose constant indices are the same for every batch needs no batches, and its indices are stored once.
    package static let gathers = Pass("gathers") { graph, node, patch in
        guard case .gather(let axis, let batch) = node.op, batch > 0, axis >= batch, let source = node.inputs[0],
            let indices = node.inputs[1], let once = withoutBatches(indices, batch, graph, depth: 8)
        else { return }
        let operand = patch.addConstant(once, name: graph[indices].name)
        try patch.replace(node, with: .gather(axis: axis, batchDimensions: 0), [source, operand], in: graph)
    }

    /// What `value` holds for every index of its first `batch` axes, when it is the same for all of them.
    private static func withoutBatches(_ value: ValueID, _ batch: Int, _ graph: Graph, depth: Int) -> Tensor? {
        let shape = graph.type(of: value).shape
        guard shape.rank >= batch, depth > 0, shape.elementCount > 0 else { return nil }
        let rest = Shape(Array(shape.dimensions.dropFirst(batch)))
        if let tensor = graph.constant(value) { return once(tensor, batch) }
        guard let node = graph.producer(of: value), let source = node.inputs.first ?? nil else { return nil }
        let inner = graph.type(of: source).shape
        switch node.op {
        case .cast:
            guard let tensor = withoutBatches(source, batch, graph, depth: depth - 1) else { return nil }
            let type = graph.type(of: value).with(shape: rest)
            return try? ReferenceKernels.evaluate(node.op, inputs: [tensor], outputTypes: [type]).first
        case .reshape:
            guard inner.dimensions.prefix(batch) == shape.dimensions.prefix(batch), inner.rank >= batch else {
                return nil
            }
            return withoutBatches(source, batch, graph, depth: depth - 1).map { $0.retyped($0.type.with(shape: rest)) }
        case .tile, .broadcastTo:
            guard let tensor = graph.constant(source), inner.rank == shape.rank,
                Shape(Array(inner.dimensions.dropFirst(batch))) == rest
            else { return nil }
            return once(tensor, batch)
        default: return nil
        }
    }

    /// The first of the equal parts that the first `batch` axes count.
    private static func once(_ tensor: Tensor, _ batch: Int) -> Tensor? {
        let rest = Shape(Array(tensor.shape.dimensions.dropFirst(batch)))
        let type = tensor.type.with(shape: rest)
        let size = type.byteCount
        guard size > 0, type.quantization?.axis == nil else { return nil }
        return tensor.withUnsafeBytes { bytes in
            for start in stride(from: size, to: bytes.count, by: size) {
                for i in 0..<size where bytes[start + i] != bytes[i] { return nil }
            }
            return Tensor(type, bytes: UnsafeRawBufferPointer(rebasing: bytes[0..<size]))
        }
    }
}
