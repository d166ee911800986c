import CKernels
import GraphIR
import Operators
import TensorCore

/// CAST of codes to int32, perhaps ADD of constant offsets (one, or one for every channel), and GATHER from a constant
/// table of codes, as one look-up from byte to byte.
///
/// The indices have no other users. Codes that lead out of the table are found as the GATHER would find them.
struct LookupFusion {
    /// The CAST and the ADD, which do nothing then.
    let inner: [NodeID]
    /// The operand of the CAST.
    let codes: ValueID
    /// One, or one for every index of the last axis.
    private let offsets: [Int32]
    private let table: Tensor
    private let codeRange: ClosedRange<Int>

    init?(_ node: Node, in graph: Graph) {
        guard case .gather(_, let batchDimensions) = node.op, batchDimensions == 0, let indices = node.inputs[1],
            let table = graph.constant(node.inputs[0]), table.shape.rank == 1, table.elementType.byteCount == 1,
            graph.hasSingleUse(indices), var producer = graph.producer(of: indices)
        else { return nil }
        var inner = [producer.id]
        var offsets: [Int32] = [0]
        if case .binary(let sum) = producer.op {
            guard sum == Binary(.add), let (operand, found) = LookupFusion.offsets(of: producer, in: graph),
                graph.hasSingleUse(operand), let cast = graph.producer(of: operand)
            else { return nil }
            offsets = found
            producer = cast
            inner.append(cast.id)
        }
        guard case .cast(.int32) = producer.op, let codes = producer.inputs[0], graph.constant(codes) == nil else {
            return nil
        }
        switch graph.type(of: codes).elementType {
        case .int8: codeRange = -128...127
        case .int4: codeRange = -8...7
        default: return nil
        }
        self.inner = inner
        self.codes = codes
        self.offsets = offsets
        self.table = table
    }

    /// The operand of an int32 ADD that is computed and the constant one, where that is one number or one for every index
    /// of the last axis.
    private static func offsets(of sum: Node, in graph: Graph) -> (ValueID, [Int32])? {
        for (index, input) in sum.inputs.enumerated() {
            guard let constant = graph.constant(input), constant.elementType == .int32, sum.inputs.count == 2,
                let operand = sum.inputs[1 - index], graph.constant(operand) == nil
            else { continue }
            let shape = graph.type(of: operand).shape
            guard graph.type(of: sum.outputs[0]).shape == shape else { return nil }
            let values = constant.elements(of: Int32.self)
            guard let first = values.first else { return nil }
            if values.allSatisfy({ $0 == first }) { return (operand, [first]) }
            guard constant.shape.dimensions.last == values.count, shape.dimensions.last == values.count else {
                return nil
            }
            return (operand, values)
        }
        return nil
    }

    /// The step that does the work of all nodes.
    func step(codes: Site, output: Site) -> Step {
        let channels = offsets.count
        let limits = offsets.map { offset in
            let first = max(codeRange.lowerBound, -Int(offset))
            return (first, min(codeRange.upperBound, table.count - 1 - Int(offset)))
        }
        // A code has its own entry in a table of 16 when no channel takes more codes than that.
        let entries = limits.allSatisfy { $0.1 - $0.0 < 16 } ? 16 : 256
        var tables = [UInt8](repeating: 0, count: channels * entries)
        table.withUnsafeBytes { bytes in
            for (channel, (first, last)) in limits.enumerated() where first <= last {
                for code in first...last {
                    tables[channel * entries + code & (entries - 1)] = bytes[code + Int(offsets[channel])]
                }
            }
        }
        let isChecked = limits.contains { $0 > codeRange.lowerBound || $1 < codeRange.upperBound }
        // Where no code is good, every code is outside of these.
        let lowest = limits.map { Int8(clamping: $0 <= $1 ? $0 : 127) }
        let highest = limits.map { Int8(clamping: $0 <= $1 ? $1 : -128) }
        let filled = tables
        return Step.checked(
            units: output.count / channels, grain: max(1, 16384 / channels), cost: output.count,
            body: { range, _ in
                let first = range.lowerBound * channels
                let from = codes.elements(UInt8.self) + first
                let to = output.elements(UInt8.self) + first
                let rows = Int64(range.count)
                if isChecked {
                    let isGood = ck_codes_within(
                        lowest, highest, Int64(channels), UnsafeRawPointer(from).assumingMemoryBound(to: Int8.self),
                        rows)
                    guard isGood != 0 else { return false }
                }
                switch (channels, entries) {
                case (1, 16): ck_lookup16_u8(filled, from, to, rows)
                case (1, _): ck_lookup_u8(filled, from, to, rows)
                default: ck_lookup_channels_u8(filled, Int32(entries), Int64(channels), from, to, rows)
                }
                return true
            })
    }
}

extension FastKernels {
    /// MAXIMUM and MINIMUM of signed codes with a constant number, or of tensors of one shape.
    static func limitedCodes(_ site: KernelSite, _ a: Site, _ b: Site, _ output: Site) -> Step? {
        guard [a, b, output].allSatisfy({ Requantization.isCode($0.type) && !Requantization.isUnsigned($0.type) })
        else {
            return nil
        }
        for (operand, other) in [(a, b), (b, a)] where other.constant != nil && other.count == 1 {
            var (site, number) = (site, other)
            number.constant = other.constant.map { $0.retyped($0.type.with(shape: [])) }
            site.inputs = [operand, number]
            return lookup(site, operand, output)
        }
        guard a.count == output.count, b.count == output.count, case .binary(let op) = site.op else { return nil }
        let isMaximum = op.kind == .maximum
        return Step(units: output.count, grain: 16384, cost: output.count) { range, _ in
            let (x, y, result) = (a.elements(Int8.self), b.elements(Int8.self), output.elements(Int8.self))
            if isMaximum {
                for i in range { result[i] = max(x[i], y[i]) }
            } else {
                for i in range { result[i] = min(x[i], y[i]) }
            }
        }
    }
}
