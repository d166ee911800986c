import CKernels
import Operators
import ReferenceKernels
import TensorCore

extension FastKernels {
    static func binary(_ op: Binary, _ site: KernelSite) -> Step? {
        guard let a = site.input(0), let b = site.input(1), let output = site.outputs.first,
            let kind = binaryKind(op.kind), var shape = broadcastShape(a.shape, b.shape, output.shape)
        else { return nil }
        let rows = Int(ck_broadcast_rows(&shape))
        let grain = max(1, 8192 * rows / output.count)
        if site.isFloat(a, b, output) {
            let (lowest, highest) = floatBounds(op.activation)
            return rowStep(shape: shape, rows: rows, grain: grain, count: output.count, width: 1) {
                shape, begin, end, offset in
                var shape = shape
                ck_binary_f32(
                    kind, &shape, a.elements(Float.self) + offset.a, b.elements(Float.self) + offset.b,
                    output.elements(Float.self) + offset.out, lowest, highest, begin, end)
            }
        }
        if [a, b, output].allSatisfy({ $0.type.elementType == .int32 && $0.type.quantization == nil }) {
            guard [.add, .sub, .mul, .maximum, .minimum].contains(op.kind), op.activation == .none else { return nil }
            return rowStep(shape: shape, rows: rows, grain: grain, count: output.count, width: 1) {
                shape, begin, end, offset in
                var shape = shape
                ck_binary_i32(
                    kind, &shape, a.elements(Int32.self) + offset.a, b.elements(Int32.self) + offset.b,
                    output.elements(Int32.self) + offset.out, begin, end)
            }
        }
        if op.kind == .maximum || op.kind == .minimum { return limitedCodes(site, a, b, output) }
        guard op.kind == .add || op.kind == .sub || op.kind == .mul,
            Requantization.isUnsigned(a.type) == Requantization.isUnsigned(b.type),
            Requantization.isUnsigned(a.type) == Requantization.isUnsigned(output.type),
            Requantization.isCode(a.type), Requantization.isCode(b.type), Requantization.isCode(output.type),
            let quantization = binaryQuantization(op, a.type, b.type, output.type)
        else { return nil }
        let code = Int32(Requantization.isUnsigned(a.type) ? CK_CODE_UINT8 : CK_CODE_INT8)
        return rowStep(shape: shape, rows: rows, grain: grain, count: output.count, width: 4) {
            shape, begin, end, offset in
            var shape = shape
            var quantization = quantization
            ck_binary_codes(
                kind, code, &shape, a.address + offset.a, b.address + offset.b, output.address + offset.out,
                &quantization, begin, end)
        }
    }

    private static func binaryKind(_ kind: Binary.Kind) -> Int32? {
        switch kind {
        case .add: Int32(CK_ADD)
        case .sub: Int32(CK_SUB)
        case .mul: Int32(CK_MUL)
        case .div: Int32(CK_DIV)
        case .maximum: Int32(CK_MAXIMUM)
        case .minimum: Int32(CK_MINIMUM)
        case .squaredDifference: Int32(CK_SQUARED_DIFFERENCE)
        case .pow, .floorDiv, .floorMod, .atan2: nil
        }
    }

    private typealias Offsets = (a: Int, b: Int, out: Int)

    /// Units are rows, or stretches of the only row when there is one.
    private static func rowStep(
        shape: ck_broadcast, rows: Int, grain: Int, count: Int, width: Int,
        _ body: @escaping (ck_broadcast, Int64, Int64, Offsets) -> Void
    ) -> Step {
        guard rows == 1, shape.rank == 1 else {
            return Step(units: rows, grain: grain, cost: count * width) { range, _ in
                body(shape, Int64(range.lowerBound), Int64(range.upperBound), (0, 0, 0))
            }
        }
        return Step(units: count, grain: 8192, cost: count * width) { range, _ in
            var part = shape
            part.extent.0 = Int64(range.count)
            let first = range.lowerBound
            body(part, 0, 1, (first * Int(shape.stride_a.0), first * Int(shape.stride_b.0), first))
        }
    }

    /// Extents and strides of a broadcast, neighbours joined where both operands run on; nil when too many axes remain.
    static func broadcastShape(_ a: Shape, _ b: Shape, _ output: Shape) -> ck_broadcast? {
        let strideA = broadcastStrides(a, to: output)
        let strideB = broadcastStrides(b, to: output)
        var extents: [Int] = []
        var stridesA: [Int] = []
        var stridesB: [Int] = []
        for axis in 0..<output.rank where output[axis] != 1 {
            if let extent = extents.last, let lastA = stridesA.last, let lastB = stridesB.last,
                lastA == strideA[axis] * output[axis], lastB == strideB[axis] * output[axis]
            {
                extents[extents.count - 1] = extent * output[axis]
                stridesA[stridesA.count - 1] = strideA[axis]
                stridesB[stridesB.count - 1] = strideB[axis]
            } else {
                extents.append(output[axis])
                stridesA.append(strideA[axis])
                stridesB.append(strideB[axis])
            }
        }
        if extents.isEmpty {
            extents = [1]
            stridesA = [1]
            stridesB = [1]
        }
        guard extents.count <= Int(CK_MAX_RANK) else { return nil }
        var shape = ck_broadcast()
        shape.rank = Int32(extents.count)
        withUnsafeMutableBytes(of: &shape.extent) { $0.bindMemory(to: Int64.self).update(from: extents) }
        withUnsafeMutableBytes(of: &shape.stride_a) { $0.bindMemory(to: Int64.self).update(from: stridesA) }
        withUnsafeMutableBytes(of: &shape.stride_b) { $0.bindMemory(to: Int64.self).update(from: stridesB) }
        return shape
    }

    /// Source: LiteRT `PrepareGeneralSubOp`, add.cc `Prepare` and mul.cc `Prepare` for 8-bit types.
    private static func binaryQuantization(
        _ op: Binary, _ a: TensorType, _ b: TensorType, _ output: TensorType
    ) -> ck_binary_quantization? {
        guard let qa = a.quantization, let qb = b.quantization, let qo = output.quantization, qo.scale > 0,
            let range = Requantization.range(op.activation, output)
        else { return nil }
        var q = ck_binary_quantization()
        q.a_zero = qa.zeroPoint
        q.b_zero = qb.zeroPoint
        q.out_zero = qo.zeroPoint
        q.lowest = range.lowerBound
        q.highest = range.upperBound
        if op.kind == .mul {
            let factor = QuantizedMultiplier(Double(qa.scale * qb.scale / qo.scale))
            q.out_multiplier = factor.multiplier
            q.out_shift = factor.shift
            return q
        }
        let twice = 2 * max(Double(qa.scale), Double(qb.scale))
        guard twice > 0 else { return nil }
        q.left = 20
        let factorA = QuantizedMultiplier(Double(qa.scale) / twice)
        let factorB = QuantizedMultiplier(Double(qb.scale) / twice)
        let factorOut = QuantizedMultiplier(twice / (Double(1 << 20) * Double(qo.scale)))
        guard factorA.shift <= 0, factorB.shift <= 0, factorOut.shift <= 0 else { return nil }
        q.a_multiplier = factorA.multiplier
        q.a_shift = factorA.shift
        q.b_multiplier = factorB.multiplier
        q.b_shift = factorB.shift
        q.out_multiplier = factorOut.multiplier
        q.out_shift = factorOut.shift
        return q
    }

    static func unary(_ site: KernelSite) -> Step? {
        guard let input = site.input(0), let output = site.outputs.first else { return nil }
        if input.type.elementType == .float32 {
            guard let (kind, slope, cost) = unaryKind(site.op), output.type.elementType == .float32 else { return nil }
            return Step(units: input.count, grain: 8192, cost: input.count * cost) { range, _ in
                ck_unary_f32(
                    kind, slope, input.elements(Float.self) + range.lowerBound,
                    output.elements(Float.self) + range.lowerBound, Int64(range.count))
            }
        }
        guard Requantization.isCode(input.type), output.type.elementType.byteCount == 1 else { return nil }
        return lookup(site, input, output)
    }

    /// The kernel's number, the slope and the rough cost of one element.
    private static func unaryKind(_ op: Operator) -> (Int32, Float, Int)? {
        switch op {
        case .leakyRelu(let alpha): return (Int32(CK_LEAKY_RELU), alpha, 1)
        case .gelu(let approximate): return (Int32(approximate ? CK_GELU_TANH : CK_GELU), 0, 8)
        case .unary(let unary):
            switch unary {
            case .abs: return (Int32(CK_ABS), 0, 1)
            case .neg: return (Int32(CK_NEG), 0, 1)
            case .square: return (Int32(CK_SQUARE), 0, 1)
            case .sqrt: return (Int32(CK_SQRT), 0, 2)
            case .rsqrt: return (Int32(CK_RSQRT), 0, 3)
            case .floor: return (Int32(CK_FLOOR), 0, 1)
            case .ceil: return (Int32(CK_CEIL), 0, 1)
            case .round: return (Int32(CK_ROUND), 0, 1)
            case .exp: return (Int32(CK_EXP), 0, 4)
            case .logistic: return (Int32(CK_LOGISTIC), 0, 6)
            case .tanh: return (Int32(CK_TANH), 0, 8)
            case .relu: return (Int32(CK_RELU), 0, 1)
            case .relu6: return (Int32(CK_RELU6), 0, 1)
            case .reluN1To1: return (Int32(CK_RELU_N1_TO_1), 0, 1)
            case .relu0To1: return (Int32(CK_RELU_0_TO_1), 0, 1)
            case .elu: return (Int32(CK_ELU), 0, 8)
            case .hardSwish: return (Int32(CK_HARD_SWISH), 0, 1)
            case .log, .sin, .cos, .sign, .logicalNot: return nil
            }
        default: return nil
        }
    }

    /// A function of one 8-bit operand: the reference kernel's results for all 256 codes, looked up.
    static func lookup(_ site: KernelSite, _ input: Site, _ output: Site) -> Step? {
        let codes = Tensor(
            (0...255).map { UInt8($0) }, shape: [256], as: input.type.elementType,
            quantization: input.type.quantization)
        guard input.type.quantization?.isPerChannel != true, output.type.quantization?.isPerChannel != true,
            let table = try? ReferenceKernels.evaluate(
                site.op, inputs: [codes] + site.inputs.dropFirst().map { $0?.constant },
                outputTypes: [output.type.with(shape: [256])]
            ).first
        else { return nil }
        if output.type.elementType == .float32 {
            return Step(units: input.count, grain: 8192, cost: input.count) { range, _ in
                table.withElements(of: Float.self) { table in
                    ck_lookup_f32(
                        table.baseAddress, input.elements(UInt8.self) + range.lowerBound,
                        output.elements(Float.self) + range.lowerBound, Int64(range.count))
                }
            }
        }
        guard output.type.elementType.byteCount == 1 else { return nil }
        return Step(units: input.count, grain: 16384, cost: input.count) { range, _ in
            table.withUnsafeBytes { table in
                ck_lookup_u8(
                    table.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    input.elements(UInt8.self) + range.lowerBound, output.elements(UInt8.self) + range.lowerBound,
                    Int64(range.count))
            }
        }
    }

    static func cast(_ site: KernelSite) -> Step? {
        guard let input = site.input(0), let output = site.outputs.first, input.type.quantization == nil,
            output.type.quantization == nil
        else { return nil }
        let kind: Int
        switch (input.type.elementType, output.type.elementType) {
        case (.float32, .int32): kind = CK_F32_TO_I32
        case (.int32, .float32): kind = CK_I32_TO_F32
        case (.int32, .int64): kind = CK_I32_TO_I64
        case (.int64, .int32): kind = CK_I64_TO_I32
        case (.int64, .float32): kind = CK_I64_TO_F32
        case (.uint16, .int32): kind = CK_U16_TO_I32
        default: return nil
        }
        let (sizeIn, sizeOut) = (input.type.elementType.byteCount, output.type.elementType.byteCount)
        return Step(units: input.count, grain: 8192, cost: input.count) { range, _ in
            ck_cast(
                Int32(kind), input.address + range.lowerBound * sizeIn, output.address + range.lowerBound * sizeOut,
                Int64(range.count))
        }
    }

    static func prelu(_ site: KernelSite) -> Step? {
        guard let input = site.input(0), let slopes = site.input(1), let output = site.outputs.first,
            site.isFloat(input, slopes, output), input.shape.rank > 0, slopes.count == input.shape[-1],
            slopes.shape.dimensions.last == slopes.count
        else { return nil }
        let channels = slopes.count
        return Step(units: input.count / channels, grain: max(1, 8192 / channels), cost: input.count) { range, _ in
            ck_prelu_f32(
                slopes.elements(Float.self), Int64(channels), input.elements(Float.self) + range.lowerBound * channels,
                output.elements(Float.self) + range.lowerBound * channels, Int64(range.count * channels))
        }
    }

    static func quantize(_ site: KernelSite) -> Step? {
        guard let input = site.input(0), let output = site.outputs.first else { return nil }
        if Requantization.isCode(input.type), output.type.elementType == .float32, let q = input.type.quantization,
            !q.isPerChannel
        {
            let isUnsigned: Int32 = input.type.elementType == .uint8 ? 1 : 0
            return Step(units: input.count, grain: 8192, cost: input.count) { range, _ in
                ck_dequantize_u8(
                    q.scale, q.zeroPoint, isUnsigned, input.elements(UInt8.self) + range.lowerBound,
                    output.elements(Float.self) + range.lowerBound, Int64(range.count))
            }
        }
        if Requantization.isCode(input.type) { return lookup(site, input, output) }
        guard input.type.elementType == .float32, Requantization.isCode(output.type),
            let q = output.type.quantization, !q.isPerChannel, q.scale > 0
        else { return nil }
        let isUnsigned: Int32 = output.type.elementType == .uint8 ? 1 : 0
        let isFourBit = output.type.elementType == .int4
        return Step(units: input.count, grain: 8192, cost: input.count) { range, _ in
            ck_quantize_u8(
                q.scale, q.zeroPoint, isUnsigned, input.elements(Float.self) + range.lowerBound,
                output.elements(UInt8.self) + range.lowerBound, Int64(range.count))
            guard isFourBit else { return }
            let codes = output.elements(Int8.self)
            for i in range { codes[i] = min(7, max(-8, codes[i])) }
        }
    }
}

extension UnsafeMutableBufferPointer<Int64> {
    fileprivate func update(from values: [Int]) {
        for (index, value) in values.enumerated() where index < count { self[index] = Int64(value) }
    }
}
