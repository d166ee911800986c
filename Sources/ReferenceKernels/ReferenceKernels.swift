import Operators
import TensorCore

/// The definition of right: every operator in plain, slow, obvious Swift.
///
/// Float results follow LiteRT's reference kernels in float32; integer results equal them bit for bit.
public enum ReferenceKernels {
    /// Computes `op` on `inputs` (nil where an optional operand is absent). `outputTypes` are the types that inference
    /// gave, with the quantisation parameters of the results. `int4` is computed as ``evaluateFourBit(_:_:)`` says.
    ///
    /// - Throws: `Diagnostic` (.unsupported for a combination of element types without a kernel, .badData for an index
    ///   out of range or an integer division by zero).
    public static func evaluate(_ op: Operator, inputs: [Tensor?], outputTypes: [TensorType]) throws -> [Tensor] {
        let call = Invocation(name: op.name, inputs: inputs, outputs: outputTypes)
        do {
            return try evaluateFourBit(op, call) ?? dispatch(op, call)
        } catch let diagnostic as Diagnostic where diagnostic.location.isEmpty {
            throw diagnostic.located(in: op.name)
        }
    }

    static func dispatch(_ op: Operator, _ call: Invocation) throws -> [Tensor] {
        let quantized = call.isQuantized
        switch op {
        case .conv2D(let op): return [try call.inSinglePrecision { try conv2D(op, $0) }]
        case .depthwiseConv2D(let op): return [try call.inSinglePrecision { try depthwiseConv2D(op, $0) }]
        case .transposeConv(let op): return [try call.inSinglePrecision { try transposeConv(op, $0) }]
        case .fullyConnected(let op): return [try call.inSinglePrecision { try fullyConnected(op, $0) }]
        case .batchMatMul(let op): return [try call.inSinglePrecision { try batchMatMul(op, $0) }]
        case .averagePool2D(let op): return [try call.inSinglePrecision { try averagePool2D(op, $0) }]
        case .maxPool2D(let op): return [try call.inSinglePrecision { try maxPool2D(op, $0) }]
        case .binary(let op): return [try quantized ? quantizedBinary(op, call) : binary(op, call)]
        case .compare(let kind): return [try quantized ? quantizedCompare(kind, call) : compare(kind, call)]
        case .logical(let kind): return [try logical(kind, call)]
        case .unary(let kind): return [try quantized ? quantizedUnary(kind, call) : unary(kind, call)]
        case .leakyRelu(let alpha):
            return [try quantized ? quantizedLeakyRelu(alpha: alpha, call) : leakyRelu(alpha: alpha, call)]
        case .gelu(let approximate):
            return [
                try quantized ? quantizedGelu(approximate: approximate, call) : gelu(approximate: approximate, call)
            ]
        case .prelu: return [try quantized ? quantizedPrelu(call) : prelu(call)]
        case .select: return [try select(call)]
        case .cast(let to): return [try cast(to: to, call)]
        case .bitcast: return [try bitcast(call)]
        case .softmax(let beta): return [try quantized ? quantizedSoftmax(beta: beta, call) : softmax(beta: beta, call)]
        case .logSoftmax: return [try quantized ? quantizedLogSoftmax(call) : logSoftmax(call)]
        case .reduce(let op): return [try quantized ? quantizedReduce(op, call) : reduce(op, call)]
        case .argument(let op): return [try argument(op, call)]
        case .topK: return try topK(call)
        case .cumulativeSum(let exclusive, let reverse):
            return [try cumulativeSum(exclusive: exclusive, reverse: reverse, call)]
        case .reshape, .expandDims, .squeeze: return [try reshape(call)]
        case .transpose: return [try transpose(call)]
        case .concatenation(let axis, let activation):
            return [
                try quantized
                    ? quantizedConcatenation(axis: axis, activation: activation, call)
                    : concatenation(axis: axis, activation: activation, call)
            ]
        case .split(let count): return try split(count: count, call)
        case .splitV(let count): return try splitV(count: count, call)
        case .slice: return [try slice(call)]
        case .stridedSlice(let op): return [try stridedSlice(op, call)]
        case .pad, .padV2: return [try pad(call)]
        case .mirrorPad(let mode): return [try mirrorPad(mode, call)]
        case .pack(let axis, let count): return [try pack(axis: axis, count: count, call)]
        case .unpack(let axis, let count): return try unpack(axis: axis, count: count, call)
        case .tile: return [try tile(call)]
        case .broadcastTo: return [try broadcastTo(call)]
        case .reverse: return [try reverse(call)]
        case .depthToSpace(let block): return [try depthToSpace(blockSize: block, call)]
        case .spaceToDepth(let block): return [try spaceToDepth(blockSize: block, call)]
        case .batchToSpaceND: return [try batchToSpaceND(call)]
        case .spaceToBatchND: return [try spaceToBatchND(call)]
        case .shape: return [try shape(call)]
        case .fill: return [try fill(call)]
        case .range: return [try range(call)]
        case .gather(let axis, let batch): return [try gather(axis: axis, batchDimensions: batch, call)]
        case .gatherND: return [try gatherND(call)]
        case .scatterND: return [try scatterND(call)]
        case .oneHot(let axis): return [try oneHot(axis: axis, call)]
        case .resizeBilinear(let options): return [try call.inSinglePrecision { try resizeBilinear(options, $0) }]
        case .resizeNearestNeighbor(let options): return [try resizeNearestNeighbor(options, call)]
        case .quantize: return [try quantize(call)]
        case .dequantize: return [try dequantize(call)]
        }
    }
}
