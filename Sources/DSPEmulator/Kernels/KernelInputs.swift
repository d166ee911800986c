import TensorCore

/// The operands of a node, checked as they are taken.
struct KernelInputs {
    let node: HexagonNode
    let tensors: [Tensor]

    init(_ node: HexagonNode, _ tensors: [Tensor], count: ClosedRange<Int>) throws {
        guard count.contains(tensors.count) else {
            throw Diagnostic(
                .unsupported, at: node.op.rawValue,
                "has \(tensors.count) inputs instead of \(count.lowerBound) to \(count.upperBound)")
        }
        self.node = node
        self.tensors = tensors
    }

    func refused(_ reason: String) -> Diagnostic { Diagnostic(.unsupported, at: node.op.rawValue, reason) }

    /// A tensor of four extents.
    func tensor(_ index: Int, _ type: ElementType) throws -> Tensor {
        let tensor = tensors[index]
        guard tensor.elementType == type, tensor.shape.rank == 4 else {
            throw refused("input \(index) is \(tensor.type) instead of \(type.rawValue) of four extents")
        }
        return tensor
    }

    /// The first of the binary32 numbers of an input.
    func scalar(_ index: Int) throws -> Float {
        guard let first = try numbers(index).first else { throw refused("input \(index) is empty") }
        return first
    }

    func numbers(_ index: Int) throws -> [Float] { try tensor(index, .float32).elements() }

    static func scalarTensor(_ value: Float) -> Tensor { Tensor([value], shape: [1, 1, 1, 1]) }
}
