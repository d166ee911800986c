import TensorCore

/// What is known of an operator's operands at compile time.
public struct Operands: Sendable {
    /// Types by position; nil where an optional operand is absent.
    public var types: [TensorType?]
    /// Bytes of the operands that are constant.
    public var constants: [Tensor?]

    public init(types: [TensorType?], constants: [Tensor?]) {
        self.types = types
        self.constants = constants
    }

    func type(_ index: Int, rank: Int? = nil) throws -> TensorType {
        guard index < types.count, let type = types[index] else {
            throw Inference.mismatch("operand \(index) is missing")
        }
        if let rank, type.shape.rank != rank {
            throw Inference.mismatch("operand \(index) has \(type.shape.rank) axes, not \(rank)")
        }
        return type
    }

    func constant(_ index: Int) throws -> Tensor {
        guard index < constants.count, let tensor = constants[index] else {
            throw Diagnostic(
                .unsupported, at: "", "operand \(index) decides a shape or axis and is not constant",
                suggestion: "fix it with --fix NAME=FILE")
        }
        return tensor
    }

    func integers(_ index: Int) throws -> [Int] {
        guard let values = try constant(index).integers() else {
            throw Inference.mismatch("operand \(index) must hold integers")
        }
        return values
    }

    func scalar(_ index: Int) throws -> Int {
        let values = try integers(index)
        guard values.count == 1 else { throw Inference.mismatch("operand \(index) must be one number") }
        return values[0]
    }

    func shapeOperand(_ index: Int) throws -> Shape {
        let shape = Shape(try integers(index))
        guard shape.checkedElementCount() != nil else { throw Inference.mismatch("a shape of \(shape.dimensions)") }
        return shape
    }

    func axes(_ index: Int, rank: Int) throws -> Set<Int> {
        try Set(
            integers(index).map { axis in
                guard axis >= -rank, axis < rank else { throw Inference.mismatch("axis \(axis) of \(rank) axes") }
                return axis < 0 ? axis + rank : axis
            })
    }

    func checkBias(_ index: Int, count: Int) throws {
        guard index < types.count, let bias = types[index] else { return }
        guard bias.shape.elementCount == count else {
            throw Inference.mismatch("a bias of \(bias.shape) for \(count) output channels")
        }
    }
}

/// Type and shape inference of every operator, from operand types and constant operands.
public enum Inference {
    /// Element types and shapes of the results of `op`. Quantisation parameters are carried over only by operators whose
    /// results have their operand's; for the others the caller sets them.
    ///
    /// - Throws: `Diagnostic` (.badModel when operands do not fit, .unsupported when a shape depends on data).
    public static func outputs(of op: Operator, _ operands: Operands) throws -> [TensorType] {
        var results = try infer(op, operands)
        // Parameters that the operator fixes are those of 8 bits.
        if case .fixed = op.quantizationContract.output {
            for i in results.indices where results[i].elementType == .int4 { results[i].elementType = .int8 }
        }
        for result in results where result.shape.checkedElementCount() == nil {
            throw mismatch("the result would have \(result.shape) elements")
        }
        return results
    }

    private static func infer(_ op: Operator, _ operands: Operands) throws -> [TensorType] {
        switch op {
        case .conv2D(let op): try conv2D(op, operands)
        case .depthwiseConv2D(let op): try depthwiseConv2D(op, operands)
        case .transposeConv(let op): try transposeConv(op, operands)
        case .fullyConnected(let op): try fullyConnected(op, operands)
        case .batchMatMul(let op): try batchMatMul(op, operands)
        case .averagePool2D(let op), .maxPool2D(let op): try pool2D(op, operands)
        case .binary, .logical: try broadcast(op, operands)
        case .compare: try broadcast(op, operands, result: .bool)
        case .unary, .leakyRelu, .gelu: [TensorType(try operands.type(0).elementType, try operands.type(0).shape)]
        case .prelu: try prelu(operands)
        case .select: try select(operands)
        case .cast(let to): [TensorType(to, try operands.type(0).shape)]
        case .bitcast(let to): try bitcast(to: to, operands)
        case .softmax, .logSoftmax: try softmax(operands)
        case .reduce(let op): try reduce(op, operands)
        case .argument(let op): try argument(op, operands)
        case .topK: try topK(operands)
        case .cumulativeSum: [TensorType(try operands.type(0).elementType, try operands.type(0).shape)]
        case .reshape: try reshape(operands)
        case .transpose: try transpose(operands)
        case .concatenation(let axis, _): try concatenation(axis: axis, operands)
        case .split(let count): try split(count: count, operands)
        case .splitV(let count): try splitV(count: count, operands)
        case .slice: try slice(operands)
        case .stridedSlice(let op): try stridedSlice(op, operands)
        case .pad, .padV2: try pad(operands)
        case .mirrorPad(let mode): try pad(operands, mirrored: mode)
        case .pack(let axis, _): try pack(axis: axis, operands)
        case .unpack(let axis, let count): try unpack(axis: axis, count: count, operands)
        case .expandDims: try expandDims(operands)
        case .squeeze(let axes): try squeeze(axes: axes, operands)
        case .tile: try tile(operands)
        case .broadcastTo: try broadcastTo(operands)
        case .reverse: try reverse(operands)
        case .depthToSpace(let block): try depthToSpace(block, operands)
        case .spaceToDepth(let block): try spaceToDepth(block, operands)
        case .batchToSpaceND: try spaceBatch(toBatch: false, operands)
        case .spaceToBatchND: try spaceBatch(toBatch: true, operands)
        case .shape(let type): [TensorType(type, [try operands.type(0).shape.rank])]
        case .fill: try fill(operands)
        case .range: try range(operands)
        case .gather(let axis, let batch): try gather(axis: axis, batchDimensions: batch, operands)
        case .gatherND: try gatherND(operands)
        case .scatterND: try scatterND(operands)
        case .oneHot(let axis): try oneHot(axis: axis, operands)
        case .resizeBilinear, .resizeNearestNeighbor: try resize(operands)
        case .quantize(let to): try quantize(to: to, operands)
        case .dequantize: try dequantize(operands)
        }
    }

    static func mismatch(_ message: String) -> Diagnostic { Diagnostic(.badModel, at: "", message) }
}
