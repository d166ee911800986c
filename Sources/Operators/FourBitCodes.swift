import TensorCore

extension Operator {
    /// True when a result may be of `type` where ``Inference`` gives `inferred`.
    ///
    /// Activations of `int4` are codes of the `int8` kernel of the same operator, limited to [-8, 7]. An operator that
    /// rescales its results takes and gives both widths; one whose results have its operands' parameters keeps the width.
    public func admitsResult(of type: ElementType, inferred: ElementType) -> Bool {
        if type == inferred { return true }
        let widths: Set<ElementType> = [.int4, .int8]
        let contract = quantizationContract
        return widths.contains(type) && widths.contains(inferred) && contract.output == .calibrated
            && contract.activationTypes.contains(.int8)
    }

    /// True when `int4` and `int8` operands may be mixed.
    var mixesCodeWidths: Bool {
        let contract = quantizationContract
        return contract.output == .calibrated && contract.activationTypes.contains(.int8)
    }
}

extension Inference {
    /// The element type of elementwise results from operands of two types: their common one, `int8` for `int4` with
    /// `int8` where `op` mixes them.
    ///
    /// - Throws: `Diagnostic` (.badModel) for any other two types.
    static func commonType(_ left: TensorType, _ right: TensorType, of op: Operator) throws -> ElementType {
        let (a, b) = (left.elementType, right.elementType)
        if a == b { return a }
        guard op.mixesCodeWidths, Set([a, b]) == [.int4, .int8] else {
            throw mismatch("operands are \(a.rawValue) and \(b.rawValue)")
        }
        return .int8
    }
}
