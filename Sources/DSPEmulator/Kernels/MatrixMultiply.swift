import TensorCore

extension HexagonKernels {
    /// Matrix product and the bias that follows it.
    static func matrixMultiply(
        _ node: HexagonNode, _ inputs: [Tensor], architecture: HexagonArchitecture
    ) throws -> [Tensor] {
        switch node.op {
        case .matMul: try matrixProduct(node, inputs)
        case .biasAdd: try biasAdd(node, inputs)
        default: try fullyConnected(node, inputs)
        }
    }

    /// Matrix product, bias, clamp and requantisation in one: codes `[1, 1, rows, columns]`.
    ///
    /// Source: nnlib hexagon/ops/src/op_superfc_d32.c, `superfc_check`, `superfc_recalculate_strategy`.
    private static func fullyConnected(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        func refused(_ reason: String) -> Diagnostic { Diagnostic(.unsupported, at: node.op.rawValue, reason) }
        let operands = try ConvolutionOperands(node, inputs, hasStrides: false) { $0[3] }
        guard operands.inputLow <= 0, operands.inputHigh >= 0 else { throw refused("invalid input range") }
        let columns = operands.filter.shape[3]
        let length = operands.filter.shape[0] * operands.filter.shape[1] * operands.filter.shape[2]
        guard length >= 32, length % 16 == 0 else {
            throw refused("rows of \(length) instead of a multiple of 16, at least 32")
        }
        guard operands.input.count % length == 0 else {
            throw refused("\(operands.input.count) codes in rows of \(length)")
        }
        let (weightStep, weightZero) = RangeArithmetic.stepAndZero(operands.filterLow, operands.filterHigh)
        let filter = operands.filter.retyped(TensorType(.uint8, Shape([1, 1, length, columns])))
        let requantization = ConvolutionRequantization(
            fullyConnected: operands, weightStep: weightStep, count: columns)
        let rows = operands.input.count / length
        let loops = ConvolutionLoops(
            weights: ConvolutionWeights(unsigned: filter, zero: weightZero, depthMultiple: 32),
            codes: requantization, filterHeight: 1, filterWidth: 1, strideHeight: 1, strideWidth: 1,
            inputZero: RangeArithmetic.stepAndZero(operands.inputLow, operands.inputHigh).zero,
            rows: ConvolutionExtent(input: 1, window: 1, stride: 1, padding: .valid),
            columns: ConvolutionExtent(input: rows, window: 1, stride: 1, padding: .valid))
        return [
            loops.run(operands.input.retyped(TensorType(.uint8, Shape([1, 1, rows, length])))),
            KernelInputs.scalarTensor(requantization.outputLow), KernelInputs.scalarTensor(requantization.outputHigh),
        ]
    }

    /// Rows of as many codes as the weights `[1, 1, length, columns]` have, whatever the operand's shape, times the weights:
    /// exact 32-bit sums that wrap, `[1, 1, rows, columns]`.
    ///
    /// For rows of at most 16 codes, the library packs weights 32 deep but its vector code, which takes one row or rows of
    /// 16, reads them 16 deep: every other block of 32 columns is 0, and the others come from the first half of the
    /// weights. That is kept.
    ///
    /// The same code packs the weights when the graph is prepared, so that of computed ones it uses what their memory held
    /// before the first run (`matmul_check_ref`). That is not kept: the product here is of the weights. The scalar code, for
    /// several rows whose length is no multiple of 16, reads computed weights as they are.
    ///
    /// Source: nnlib hexagon/ops/src/op_matmul.c, `matmul_execute`, `matmul_asm`.
    private static func matrixProduct(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 6...6)
        let left = try operands.tensor(0, .uint8)
        let right = try operands.tensor(1, .uint8)
        let (leftLow, leftHigh) = (try operands.scalar(2), try operands.scalar(3))
        let (rightLow, rightHigh) = (try operands.scalar(4), try operands.scalar(5))
        guard right.shape[0] == 1, right.shape[1] == 1 else {
            throw operands.refused("weights of shape \(right.shape)")
        }
        let (length, columns) = (right.shape[2], right.shape[3])
        guard length > 0, left.count % length == 0 else {
            throw operands.refused("\(left.count) codes in rows of \(length)")
        }
        let leftZero = RangeArithmetic.zeroCode(leftLow, leftHigh)
        let rightZero = RangeArithmetic.zeroCode(rightLow, rightHigh)
        let rows = left.count / length
        var output = Tensor(zeros: TensorType(.int32, Shape([1, 1, rows, columns])))
        output.withMutableElements(of: Int32.self) { output in
            left.withElements(of: UInt8.self) { left in
                right.withElements(of: UInt8.self) { right in
                    for row in 0..<rows {
                        for index in 0..<length {
                            let value = Int32(left[row * length + index]) - leftZero
                            for column in 0..<columns {
                                output[row * columns + column] &+=
                                    value &* (Int32(right[index * columns + column]) &- rightZero)
                            }
                        }
                    }
                }
            }
        }
        if rows == 1 && length <= 16 || length == 16 {
            let sums = output.elements(of: Int32.self)
            output.withMutableElements(of: Int32.self) { output in
                for index in output.indices {
                    let (row, column) = index.quotientAndRemainder(dividingBy: columns)
                    let block = column / 32
                    output[index] = block % 2 == 1 ? 0 : sums[row * columns + block / 2 * 32 + column % 32]
                }
            }
        }
        let step = (leftHigh - leftLow) / 255 * ((rightHigh - rightLow) / 255)
        return [
            output, KernelInputs.scalarTensor(Float(Int32.min) * step),
            KernelInputs.scalarTensor(Float(Int32.max) * step),
        ]
    }

    /// Adds a bias of its own range to each depth, in the steps of the sums; sums wrap.
    ///
    /// Source: nnlib hexagon/ops/src/op_biasadd.c, `biasadd_32p32to32_execute`.
    private static func biasAdd(_ node: HexagonNode, _ inputs: [Tensor]) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 6...6)
        var sums = try operands.tensor(0, .int32)
        let bias = try operands.tensor(1, .int32)
        let depth = sums.shape[3]
        guard bias.shape == Shape([1, 1, 1, depth]) else { throw operands.refused("bias of shape \(bias.shape)") }
        let sumStep = (try operands.scalar(3) - operands.scalar(2)) / 0x1p32
        let biasStep = (try operands.scalar(5) - operands.scalar(4)) / 0x1p32
        let ratio = biasStep / sumStep
        let rescaled = bias.elements(of: Int32.self).map { RangeArithmetic.nearest(Float($0) * ratio) }
        sums.withMutableElements(of: Int32.self) { sums in
            for start in stride(from: 0, to: sums.count, by: max(depth, 1)) {
                for index in 0..<depth { sums[start + index] &+= rescaled[index] }
            }
        }
        return [sums, inputs[2], inputs[3]]
    }
}
