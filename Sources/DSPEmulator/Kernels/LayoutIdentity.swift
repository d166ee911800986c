import TensorCore

extension HexagonKernels {
    /// What keeps every element in its place: changes of layout and of shape, and the two casts.
    ///
    /// - The casts flip the highest bit of every code and hand the range on. They are part of the newer binary library
    ///   alone: what they do is known from their use in the delegate, not from source.
    /// - The conversions to and from the depth-32 layout do nothing to a tensor that is held row-major.
    /// - Reshape reads one to four extents, one of which may be negative and is then worked out.
    ///
    /// Source: nnlib hexagon/ops/src/op_convert_d32.c, op_reshape.c, op_nop.c.
    static func layoutIdentity(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        switch node.op {
        case .castInt8ToUInt8, .castUInt8ToInt8:
            return try cast(KernelInputs(node, inputs, count: 3...3))
        case .reshape:
            let operands = try KernelInputs(node, inputs, count: 2...2)
            let source = operands.tensors[0]
            let shape = try reshapeExtents(operands, count: source.count)
            return [source.retyped(TensorType(source.elementType, Shape(shape)))]
        default:
            return try KernelInputs(node, inputs, count: 1...1).tensors
        }
    }

    private static func cast(_ operands: KernelInputs) throws -> [Tensor] {
        let isToUnsigned = operands.node.op == .castInt8ToUInt8
        let source = try operands.tensor(0, isToUnsigned ? .int8 : .uint8)
        let flipped = source.elements(of: UInt8.self).map { $0 ^ 0x80 }
        return [
            Tensor(flipped, shape: source.shape, as: isToUnsigned ? .uint8 : .int8), operands.tensors[1],
            operands.tensors[2],
        ]
    }

    private static func reshapeExtents(_ operands: KernelInputs, count: Int) throws -> [Int] {
        let given = try operands.integers(1)
        guard (1...4).contains(given.count) else {
            throw operands.refused("has \(given.count) extents instead of 1 to 4")
        }
        guard given.count(where: { $0 < 0 }) <= 1 else { throw operands.refused("has two extents to be worked out") }
        var known = 1
        for extent in given where extent >= 0 {
            let (product, overflow) = known.multipliedReportingOverflow(by: extent)
            guard !overflow, product > 0, product < Int(UInt32.max) else {
                throw operands.refused("has the extents \(given)")
            }
            known = product
        }
        let shape = given.map { $0 < 0 ? count / known : $0 }
        guard shape.reduce(1, *) == count else { throw operands.refused("cannot see \(count) elements as \(given)") }
        return [Int](repeating: 1, count: 4 - given.count) + shape
    }
}
