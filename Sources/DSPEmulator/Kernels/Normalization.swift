import TensorCore

extension HexagonKernels {
    /// `L2Normalize_8`: each row of the depth divided by its length, -1...1.
    ///
    /// The length is a whole number, and its reciprocal has 15 bits in 16: for a length that is a power of two it wraps,
    /// and the row changes its sign, as in the library.
    ///
    /// Source: nnlib hexagon/ops/src/op_l2normalize_8.c, `hvx_l2norm_in_rows`.
    static func l2Normalize(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 3...4)
        let codes = try operands.codes(0)
        let zero = HexagonArithmetic.quantized(0, try operands.range(1))
        if inputs.count == 4, try ![3, -1].contains(operands.integer(3)) {
            throw operands.refused("along another axis than the depth is not built")
        }
        let depth = codes.shape[3]
        var result = Tensor(zeros: TensorType(.uint8, codes.shape))
        codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                for start in stride(from: 0, to: source.count, by: depth) {
                    var sum: Int32 = 0
                    for i in start..<start + depth {
                        let difference = Int32(source[i]) - zero
                        sum = sum.addingReportingOverflow(difference * difference).partialValue
                    }
                    let length = Int32(Float(sum).squareRoot())
                    if length == 0 {
                        for i in start..<start + depth { target[i] = 127 }
                        continue
                    }
                    let bits = 31 - Int32(length.leadingZeroBitCount)
                    let reciprocal = HexagonArithmetic.wrapI16((32768 / length) << bits)
                    for i in start..<start + depth {
                        let quotient = ((Int32(source[i]) - zero) * reciprocal) >> (bits + 8)
                        target[i] = UInt8(truncatingIfNeeded: Swift.min(Swift.max(quotient, -128), 127) + 128)
                    }
                }
            }
        }
        return results(result, HexagonRange(min: -1, max: 1))
    }
}
