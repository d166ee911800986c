import GraphIR
import Operators

extension OperatorListing {
    /// The first operator whose result has extents that the runtime does not know before it runs; nil when there is none.
    ///
    /// An operand that decides a shape has to be in the file, or to be computed while operators are prepared, which the
    /// runtime does for some operators on such operands only.
    ///
    /// Source: core/subgraph.cc, ModifyGraphWithDelegateImpl and PrepareOpsStartingAt; the Prepare functions in kernels/.
    var firstOpenShape: Int? {
        var known: Set<Int> = []
        func isKnown(_ tensor: Int) -> Bool { known.contains(tensor) || self[tensor: tensor].constant != nil }
        for (index, entry) in operators.enumerated() {
            let deciding = entry.op.extentOperands.compactMap { $0 < entry.inputs.count ? entry.inputs[$0] : nil }
            var isOpen = !deciding.allSatisfy(isKnown)
            // The only operator that asks for data of the file.
            if case .transposeConv = entry.op { isOpen = deciding.contains { self[tensor: $0].constant == nil } }
            if isOpen { return index }
            let operands = entry.inputs.compactMap { $0 }
            if entry.op.isComputedBeforehand(of: operands.allSatisfy(isKnown)) { known.formUnion(entry.outputs) }
        }
        return nil
    }
}

extension Operator {
    /// The operands on whose values the extents of the results depend.
    fileprivate var extentOperands: [Int] {
        switch self {
        case .cumulativeSum, .reverse: []
        default: constantOperands
        }
    }

    /// True when the runtime computes the results while it prepares.
    fileprivate func isComputedBeforehand(of known: Bool) -> Bool {
        switch self {
        case .shape: true
        case .binary(let op): known && op.kind == .mul
        case .concatenation, .gather, .range, .reduce, .reshape, .stridedSlice, .tile: known
        default: false
        }
    }
}
