import GraphIR
import Operators
import TensorCore

/// Families of operators with a generator of random cases for each.
enum Family: String, CaseIterable, Sendable {
    case convolution, depthwise, transposedConvolution, fullyConnected, batchMatMul
    case convolutionCodes, depthwiseCodes, transposedConvolutionCodes, fullyConnectedCodes, batchMatMulCodes
    case convolutionFourBit, depthwiseFourBit, transposedConvolutionFourBit, fullyConnectedFourBit, hybridFourBit
    case binary, binaryCodes, unary, unaryCodes, prelu, quantize
    case pool, poolCodes, bilinear, bilinearCodes, nearest
    case cast, binaryIntegers, hybridConvolution
    case softmax, softmaxCodes, reduce, reduceCodes, argument, gather, movement, movementCodes
}

extension Family {
    func make(_ seed: Int) throws -> RandomCase {
        var random = RandomSource(seed: seed &* 31 &+ rawValue.utf8.reduce(7) { $0 &* 131 &+ Int($1) })
        return try make(&random)
    }

    private func make(_ r: inout RandomSource) throws -> RandomCase {
        switch self {
        case .convolution, .depthwise, .transposedConvolution: try slidingWindow(&r, codes: false)
        case .convolutionCodes, .depthwiseCodes, .transposedConvolutionCodes, .convolutionFourBit,
            .depthwiseFourBit, .transposedConvolutionFourBit:
            try slidingWindow(&r, codes: true)
        case .fullyConnected, .fullyConnectedCodes, .fullyConnectedFourBit:
            try fullyConnected(&r, codes: self != .fullyConnected)
        case .batchMatMul, .batchMatMulCodes: try batchMatMul(&r, codes: self == .batchMatMulCodes)
        case .binary, .binaryCodes: try binary(&r, codes: self == .binaryCodes)
        case .unary, .unaryCodes: try unary(&r, codes: self == .unaryCodes)
        case .prelu: try prelu(&r)
        case .cast: try cast(&r)
        case .binaryIntegers: try binaryIntegers(&r)
        case .hybridConvolution, .hybridFourBit: try hybridConvolution(&r)
        case .quantize: try quantize(&r)
        case .pool, .poolCodes: try pool(&r, codes: self == .poolCodes)
        case .bilinear, .bilinearCodes, .nearest: try resize(&r)
        case .softmax, .softmaxCodes: try softmax(&r, codes: self == .softmaxCodes)
        case .reduce, .reduceCodes: try reduce(&r, codes: self == .reduceCodes)
        case .argument: try argument(&r)
        case .gather: try gather(&r)
        case .movement, .movementCodes: try movement(&r, codes: self == .movementCodes)
        }
    }

    private func activation(_ r: inout RandomSource) -> Activation {
        r.pick([.none, .none, .relu, .relu6, .reluN1To1])
    }

    /// True for families whose weights are int4 and whose activations are int8 or float.
    private var hasFourBitWeights: Bool {
        switch self {
        case .convolutionFourBit, .depthwiseFourBit, .transposedConvolutionFourBit, .fullyConnectedFourBit,
            .hybridFourBit:
            true
        default: false
        }
    }

    private func weights(
        _ r: inout RandomSource, _ shape: Shape, axis: Int, _ type: ElementType = .int8
    ) -> Tensor {
        if type == .uint8 { return r.codes(shape, .uint8, r.parameters(.uint8)) }
        let channels = r.chance(3) ? 1 : shape[axis]
        let quantization =
            channels == 1
            ? QuantizationParameters(scale: r.scale(), zeroPoint: 0)
            : QuantizationParameters(
                scales: (0..<channels).map { _ in r.scale() }, zeroPoints: Array(repeating: 0, count: channels),
                axis: axis)
        return r.codes(shape, hasFourBitWeights ? .int4 : .int8, quantization)
    }

    private func bias(_ r: inout RandomSource, _ count: Int) -> Tensor {
        Tensor(
            (0..<count).map { _ in
                Int32(r.chance(12) ? r.pick([Int(Int32.max), Int(Int32.min)]) : r.integer(-20_000...20_000))
            }, shape: [count])
    }

    private func slidingWindow(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        let depthwise = [.depthwise, .depthwiseCodes, .depthwiseFourBit].contains(self)
        let transposed = [.transposedConvolution, .transposedConvolutionCodes, .transposedConvolutionFourBit]
            .contains(self)
        let window = Extent2D(height: r.integer(1...5), width: r.integer(1...5))
        let stride = Extent2D(height: r.integer(1...3), width: r.integer(1...3))
        let dilation = transposed ? Extent2D(1) : Extent2D(height: r.integer(1...2), width: r.integer(1...2))
        let padding: Padding = r.chance(2) ? .same : .valid
        let reach = (window.height - 1) * dilation.height + 1
        let reachW = (window.width - 1) * dilation.width + 1
        let groups = depthwise || transposed || !r.chance(4) ? 1 : r.integer(2...3)
        let inChannels = depthwise ? r.integer(1...37) : groups * r.integer(1...(r.chance(6) ? 300 : 19))
        let outChannels = depthwise ? inChannels : groups * r.integer(1...33)
        let type: ElementType = codes && !hasFourBitWeights && r.chance(4) ? .uint8 : .int8
        let inShape: Shape = [r.integer(1...2), reach + r.integer(0...9), reachW + r.integer(0...9), inChannels]
        let input = codes ? r.codes(inShape, type, r.parameters(type)) : r.floats(inShape)
        let weightShape: Shape =
            depthwise
            ? [1, window.height, window.width, inChannels]
            : [outChannels, window.height, window.width, inChannels / groups]
        let kernel = codes ? weights(&r, weightShape, axis: depthwise ? 3 : 0, type) : r.floats(weightShape)
        let biasTensor = r.chance(4) ? nil : codes ? bias(&r, outChannels) : r.floats([outChannels])
        let fused = codes ? activation(&r) : .none
        let quantization = codes ? r.parameters(type) : nil
        if transposed {
            // The output's extent is one of those that give back the input's.
            func extent(_ input: Int, _ window: Int, _ stride: Int) -> Int {
                padding == .same
                    ? (input - 1) * stride + r.integer(1...stride)
                    : (input - 1) * stride + window + r.integer(0...stride - 1)
            }
            let output = [
                inShape[0], extent(inShape[1], window.height, stride.height),
                extent(inShape[2], window.width, stride.width), outChannels,
            ].map(Int32.init)
            let op = Operator.transposeConv(TransposeConv(stride: stride, padding: padding, activation: fused))
            let operands = [Tensor(output, shape: [4]), kernel, input, biasTensor]
            return codes
                ? try .make(op, operands, constants: [0, 1, 3], quantization: quantization)
                : try .product(op, operands, constants: [0, 1, 3])
        }
        let op: Operator =
            depthwise
            ? .depthwiseConv2D(
                DepthwiseConv2D(stride: stride, dilation: dilation, padding: padding, activation: fused))
            : .conv2D(Conv2D(stride: stride, dilation: dilation, padding: padding, activation: fused))
        return codes
            ? try .make(op, [input, kernel, biasTensor], constants: [1, 2], quantization: quantization)
            : try .product(op, [input, kernel, biasTensor], constants: [1, 2])
    }

    private func fullyConnected(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        let (rows, depth, columns) = (r.integer(1...20), r.integer(1...(r.chance(4) ? 1500 : 40)), r.integer(1...50))
        let type: ElementType = codes && !hasFourBitWeights && r.chance(4) ? .uint8 : .int8
        let input = codes ? r.codes([rows, depth], type, r.parameters(type)) : r.floats([rows, depth])
        let kernel = codes ? weights(&r, [columns, depth], axis: 0, type) : r.floats([columns, depth])
        let biasTensor = r.chance(4) ? nil : codes ? bias(&r, columns) : r.floats([columns])
        let op = Operator.fullyConnected(
            FullyConnected(keepDimensions: r.chance(2), activation: codes ? activation(&r) : .none))
        return codes
            ? try .make(op, [input, kernel, biasTensor], constants: [1, 2], quantization: r.parameters(type))
            : try .product(op, [input, kernel, biasTensor], constants: [1, 2])
    }

    private func batchMatMul(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        let (rows, depth, columns) = (r.integer(1...20), r.integer(1...70), r.integer(1...50))
        let adjoint = r.chance(2)
        let outer = r.pick([[], [1], [3], [2, 3], [2, 1]])
        let outerRight = r.chance(2) ? outer : outer.map { r.chance(2) ? $0 : 1 }
        let adjointLeft = r.chance(3)
        let left = Shape(outer + (adjointLeft ? [depth, rows] : [rows, depth]))
        let right = Shape(outerRight + (adjoint ? [columns, depth] : [depth, columns]))
        let op = Operator.batchMatMul(BatchMatMul(adjointLeft: adjointLeft, adjointRight: adjoint))
        if codes {
            return try .make(
                op, [r.codes(left, .int8, r.parameters(.int8)), r.codes(right, .int8, r.parameters(.int8))],
                constants: [], quantization: r.parameters(.int8))
        }
        return try .product(op, [r.floats(left), r.floats(right)], constants: [])
    }

    private func shape(_ r: inout RandomSource, rank: ClosedRange<Int> = 1...5) -> Shape {
        Shape((0..<r.integer(rank)).map { _ in r.chance(5) ? 1 : r.integer(1...7) })
    }

    private func binary(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        var whole = shape(&r)
        if r.chance(4) { whole = Shape([r.integer(1...3), r.integer(100...3000)]) }
        var left = whole
        var right = whole
        for axis in 0..<whole.rank {
            if r.chance(4) { left[axis] = 1 } else if r.chance(4) { right[axis] = 1 }
        }
        if r.chance(4) { right = Shape(Array(right.dimensions.suffix(r.integer(0...right.rank)))) }
        if codes {
            let type: ElementType = r.chance(3) ? .uint8 : .int8
            let (a, b) = (r.parameters(type), r.parameters(type))
            let op = Operator.binary(Binary(r.pick([.add, .sub, .mul]), activation: activation(&r)))
            return try .make(
                op, [r.codes(left, type, a), r.codes(right, type, b)], constants: r.chance(2) ? [1] : [],
                quantization: QuantizationParameters(
                    scale: max(a.scale, b.scale) * Float(r.integer(3...40)) / 16,
                    zeroPoint: r.parameters(type).zeroPoint))
        }
        let kind = r.pick([Binary.Kind.add, .sub, .mul, .div, .maximum, .minimum, .squaredDifference])
        let fused = [.add, .sub, .mul, .div].contains(kind) ? activation(&r) : .none
        return try .make(
            .binary(Binary(kind, activation: fused)), [r.floats(left), r.floats(right)],
            constants: r.chance(2) ? [1] : [])
    }

    private static let unaries: [Operator] =
        [
            Unary.abs, .neg, .square, .sqrt, .rsqrt, .floor, .ceil, .round, .exp, .logistic, .tanh, .relu, .relu6,
            .reluN1To1,
            .relu0To1, .elu, .hardSwish,
        ].map { .unary($0) } + [.leakyRelu(alpha: 0.2), .gelu(approximate: false), .gelu(approximate: true)]

    private func unary(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        let shape: Shape = [r.integer(1...5), r.integer(1...400)]
        if codes {
            let type: ElementType = r.chance(3) ? .uint8 : .int8
            let op = r.pick([Operator.unary(.relu), .unary(.relu6), .leakyRelu(alpha: 0.1), .leakyRelu(alpha: -0.5)])
            return try .make(
                op, [r.codes(shape, type, r.parameters(type))], constants: [], quantization: r.parameters(type))
        }
        let op = r.pick(Family.unaries)
        var values = r.floats(shape).elements(of: Float.self)
        if r.chance(3) { values[0] = r.pick([.nan, .infinity, -.infinity, 100, -100, 0, -0.0, 1e-20]) }
        if op == .unary(.sqrt) || op == .unary(.rsqrt) { values = values.map { abs($0) } }
        return try .make(op, [Tensor(values, shape: shape)], constants: [])
    }

    private func prelu(_ r: inout RandomSource) throws -> RandomCase {
        let shape: Shape = [1, r.integer(1...6), r.integer(1...6), r.integer(1...20)]
        return try .make(.prelu, [r.floats(shape), r.floats([1, 1, shape[3]])], constants: [1])
    }

    private func cast(_ r: inout RandomSource) throws -> RandomCase {
        let shape: Shape = [r.integer(1...200)]
        let integers = (0..<shape.elementCount).map { _ in
            r.chance(4) ? r.pick([Int(Int32.max), Int(Int32.min), 0, 16_777_217]) : r.integer(-90_000...90_000)
        }
        switch r.integer(0...5) {
        case 5:
            return try .make(
                .cast(to: .int32), [Tensor(integers.map { UInt16(truncatingIfNeeded: $0) }, shape: shape)],
                constants: [])
        case 0:
            let special: [Float] = [.nan, .infinity, -.infinity, 3e9, -3e9, 2_147_483_648, 2_147_483_520, -0.9]
            let values = integers.map { r.chance(4) ? r.pick(special) : Float($0) / 7 }
            return try .make(.cast(to: .int32), [Tensor(values, shape: shape)], constants: [])
        case 1: return try .make(.cast(to: .float32), [Tensor(integers.map { Int32($0) }, shape: shape)], constants: [])
        case 2: return try .make(.cast(to: .int64), [Tensor(integers.map { Int32($0) }, shape: shape)], constants: [])
        case 3:
            return try .make(
                .cast(to: .int32), [Tensor(integers.map { Int64($0) &* 3_000_001 }, shape: shape)], constants: [])
        default:
            return try .make(
                .cast(to: .float32), [Tensor(integers.map { Int64($0) &* 3_000_001 }, shape: shape)], constants: [])
        }
    }

    private func binaryIntegers(_ r: inout RandomSource) throws -> RandomCase {
        let shape = shape(&r)
        func tensor(_ shape: Shape) -> Tensor {
            Tensor(
                (0..<shape.elementCount).map { _ in
                    Int32(r.chance(5) ? r.pick([Int(Int32.max), Int(Int32.min)]) : r.integer(-70_000...70_000))
                }, shape: shape)
        }
        let kind = r.pick([Binary.Kind.add, .sub, .mul, .maximum, .minimum])
        return try .make(.binary(Binary(kind)), [tensor(shape), tensor(r.chance(2) ? [] : shape)], constants: [1])
    }

    private func hybridConvolution(_ r: inout RandomSource) throws -> RandomCase {
        let window = Extent2D(height: r.integer(1...3), width: r.integer(1...3))
        let stride = Extent2D(r.integer(1...2))
        let (channels, results) = (r.integer(1...20), r.integer(1...20))
        let input = r.floats([r.integer(1...2), 3 + r.integer(0...6), 3 + r.integer(0...6), channels])
        let kernel = weights(&r, [results, window.height, window.width, channels], axis: 0)
        let bias = r.floats([results])
        guard r.chance(3) else {
            let op = Conv2D(stride: stride, padding: r.chance(2) ? .same : .valid)
            return try .make(.conv2D(op), [input, kernel, bias], constants: [1, 2])
        }
        let output = [
            input.shape[0], input.shape[1] * stride.height, input.shape[2] * stride.width, results,
        ].map { Int32($0) }
        return try .make(
            .transposeConv(TransposeConv(stride: stride, padding: .same)),
            [Tensor(output, shape: [4]), kernel, input, bias], constants: [0, 1, 3])
    }

    private func quantize(_ r: inout RandomSource) throws -> RandomCase {
        let type: ElementType = r.chance(3) ? .uint8 : .int8
        let shape: Shape = [r.integer(1...500)]
        if r.chance(3) {
            return try .make(.dequantize, [r.codes(shape, type, r.parameters(type))], constants: [])
        }
        if r.chance(2) {
            return try .make(
                .quantize(to: type), [r.codes(shape, type, r.parameters(type))], constants: [],
                quantization: r.parameters(type))
        }
        var values = r.floats(shape).elements(of: Float.self)
        if r.chance(2) { values[0] = r.pick([.infinity, -.infinity, 1e30, -1e30, 0, 0.5, -0.5]) }
        return try .make(
            .quantize(to: type), [Tensor(values, shape: shape)], constants: [], quantization: r.parameters(type))
    }

    private func pool(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        let window = Extent2D(height: r.integer(1...4), width: r.integer(1...4))
        let shape: Shape = [
            r.integer(1...2), window.height + r.integer(0...8), window.width + r.integer(0...8), r.integer(1...40),
        ]
        let pool = Pool2D(
            window: window, stride: Extent2D(height: r.integer(1...3), width: r.integer(1...3)),
            padding: r.chance(2) ? .same : .valid, activation: activation(&r))
        let op: Operator = r.chance(2) ? .maxPool2D(pool) : .averagePool2D(pool)
        guard codes else { return try .make(op, [r.floats(shape)], constants: []) }
        let type: ElementType = r.chance(3) ? .uint8 : .int8
        let parameters = r.parameters(type)
        return try .make(op, [r.codes(shape, type, parameters)], constants: [], quantization: parameters)
    }

    private func resize(_ r: inout RandomSource) throws -> RandomCase {
        let shape: Shape = [r.integer(1...2), r.integer(1...9), r.integer(1...9), r.integer(1...20)]
        let size = Tensor([Int32(r.integer(1...20)), Int32(r.integer(1...20))], shape: [2])
        let align = r.chance(3)
        let options = ResizeOptions(alignCorners: align, halfPixelCenters: !align && r.chance(2))
        let codes = self == .bilinearCodes || (self == .nearest && r.chance(2))
        let type: ElementType = r.chance(3) ? .uint8 : .int8
        let parameters = codes ? r.parameters(type) : nil
        let input = parameters.map { r.codes(shape, type, $0) } ?? r.floats(shape)
        return try .make(
            self == .nearest ? .resizeNearestNeighbor(options) : .resizeBilinear(options), [input, size],
            constants: [1], quantization: parameters)
    }

    private func softmax(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        let shape: Shape = [r.integer(1...6), r.integer(1...300)]
        if codes {
            let scale = Float(r.integer(1...3000)) / 10_000
            let input = r.codes(shape, .int8, QuantizationParameters(scale: scale, zeroPoint: Int32(r.integer(-9...9))))
            return try .make(
                .softmax(beta: 1), [input], constants: [],
                quantization: QuantizationParameters(scale: 1.0 / 256, zeroPoint: -128))
        }
        return try .make(.softmax(beta: r.pick([1, 0.5, 3])), [r.floats(shape)], constants: [])
    }

    private func reduce(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        let shape = shape(&r, rank: 2...4)
        let axes = (0..<shape.rank).filter { _ in r.chance(2) }
        let chosen = axes.isEmpty ? [shape.rank - 1] : axes
        let axesTensor = Tensor(chosen.map { Int32($0) }, shape: [chosen.count])
        let keep = r.chance(2)
        if codes {
            let op = Operator.reduce(Reduction(.mean, keepDimensions: keep))
            return try .make(
                op, [r.codes(shape, .int8, r.parameters(.int8)), axesTensor], constants: [1],
                quantization: r.parameters(.int8))
        }
        let kind = r.pick([Reduction.Kind.sum, .mean, .max, .min])
        let op = Operator.reduce(Reduction(kind, keepDimensions: keep))
        return try .product(op, [r.floats(shape), axesTensor], constants: [1])
    }

    private func argument(_ r: inout RandomSource) throws -> RandomCase {
        let shape = shape(&r, rank: 2...4)
        let axis = Tensor([Int32(r.integer(0...shape.rank - 1))], shape: [])
        let op = Operator.argument(ArgumentReduction(r.chance(2) ? .max : .min, outputType: r.pick([.int32, .int64])))
        let input = r.chance(2) ? r.floats(shape) : r.codes(shape, .int8, r.parameters(.int8))
        return try .make(op, [input, axis], constants: [1])
    }

    private func gather(_ r: inout RandomSource) throws -> RandomCase {
        let shape = shape(&r, rank: 2...4)
        if r.chance(2) {
            let axis = r.integer(0...shape.rank - 1)
            let batch = r.chance(2) ? 0 : r.integer(0...axis)
            let places = Shape(
                Array(shape.dimensions[..<batch]) + (0..<r.integer(0...2)).map { _ in r.integer(1...5) })
            let chosen = (0..<places.elementCount).map { _ in r.integer(0...shape[axis] - 1) }
            let indices =
                r.chance(2)
                ? Tensor(chosen.map(Int32.init), shape: places) : Tensor(chosen.map(Int64.init), shape: places)
            return try .make(
                .gather(axis: axis, batchDimensions: batch - (r.chance(3) && batch > 0 ? places.rank : 0)),
                [r.floats(shape), indices], constants: r.chance(2) ? [1] : [])
        }
        let depth = r.integer(1...shape.rank)
        let count = r.integer(1...9)
        let indices = Tensor(
            (0..<count * depth).map { Int32(r.integer(0...shape[$0 % depth] - 1)) }, shape: [count, depth])
        return try .make(.gatherND, [r.floats(shape), indices], constants: [])
    }

    private func movement(_ r: inout RandomSource, codes: Bool) throws -> RandomCase {
        let parameters = codes ? r.parameters(.int8) : nil
        func tensor(_ shape: Shape) -> Tensor { parameters.map { r.codes(shape, .int8, $0) } ?? r.floats(shape) }
        func vector(_ values: [Int]) -> Tensor { Tensor(values.map { Int32($0) }, shape: [values.count]) }
        let shape = shape(&r, rank: 2...5)
        let axis = r.integer(0...shape.rank - 1)
        switch r.integer(0...9) {
        case 0:
            var order = Array(0..<shape.rank)
            for i in order.indices { order.swapAt(i, r.integer(0...shape.rank - 1)) }
            return try .make(.transpose, [tensor(shape), vector(order)], constants: [1], quantization: parameters)
        case 1:
            var second = shape
            second[axis] = r.integer(1...5)
            return try .make(
                .concatenation(axis: axis - (r.chance(2) ? shape.rank : 0), activation: .none),
                [tensor(shape), tensor(second)], constants: r.chance(3) ? [1] : [], quantization: parameters)
        case 2:
            var wide = shape
            wide[axis] *= 3
            return try .make(
                .split(count: 3), [Tensor(scalar: Int32(axis)), tensor(wide)], constants: [0], quantization: parameters,
                results: 3)
        case 3:
            let begin = shape.dimensions.map { r.integer(0...$0 - 1) }
            let size = zip(shape.dimensions, begin).map { r.chance(4) ? -1 : r.integer(1...$0 - $1) }
            return try .make(
                .slice, [tensor(shape), vector(begin), vector(size)], constants: [1, 2], quantization: parameters)
        case 4:
            let strides = shape.dimensions.map { _ in r.pick([1, 1, 2, -1, -2]) }
            let op = StridedSlice(beginMask: (1 << shape.rank) - 1, endMask: (1 << shape.rank) - 1)
            let zeros = shape.dimensions.map { _ in 0 }
            return try .make(
                .stridedSlice(op), [tensor(shape), vector(zeros), vector(zeros), vector(strides)],
                constants: [1, 2, 3], quantization: parameters)
        case 5:
            let paddings = shape.dimensions.flatMap { _ in [r.integer(0...3), r.integer(0...3)] }
            return try .make(
                .pad, [tensor(shape), Tensor(paddings.map { Int32($0) }, shape: [shape.rank, 2])], constants: [1],
                quantization: parameters)
        case 6:
            return try .make(
                .pack(axis: axis, count: 2), [tensor(shape), tensor(shape)], constants: [], quantization: parameters)
        case 7:
            return try .make(
                .unpack(axis: axis, count: shape[axis]), [tensor(shape)], constants: [], quantization: parameters,
                results: shape[axis])
        case 8:
            let multiples = shape.dimensions.map { _ in r.integer(1...3) }
            return try .make(.tile, [tensor(shape), vector(multiples)], constants: [1], quantization: parameters)
        default:
            let block = r.integer(2...3)
            let (h, w, c) = (r.integer(1...4), r.integer(1...4), r.integer(1...5))
            return r.chance(2)
                ? try .make(
                    .depthToSpace(blockSize: block), [tensor([1, h, w, c * block * block])], constants: [],
                    quantization: parameters)
                : try .make(
                    .spaceToDepth(blockSize: block), [tensor([1, h * block, w * block, c])], constants: [],
                    quantization: parameters)
        }
    }
}
