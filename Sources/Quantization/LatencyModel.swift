import GraphIR
import Operators
import TensorCore

/// Predicts how long operators take on one thread, from their types alone, so that searches over mixed precision need
/// no stopwatch and end the same way everywhere.
///
/// Costs are nanoseconds on the machine whose times the prices were fitted to (an AVX2 server core); what they are for is
/// ratios. An operator pays for the call, for every multiply-accumulate, and for every element read and written, at
/// prices of its class and of its element type. `tools/measure/latency_model.py` measures single operators in depthc and
/// in LiteRT with XNNPACK, fits the prices and prints them beside these.
package struct LatencyModel: Sendable {
    /// Operators that share prices.
    package enum OperatorClass: Sendable, Hashable, CaseIterable {
        case convolution, depthwise, transposed, matrix, batchedMatrix
        case binary, leakyRelu, function, softmax, reduction, pool, resize, nearest
        case concatenation, movement, view, quantize, dequantize
    }

    /// Prices of a class by element type, each for a call, a multiply-accumulate, an element read and an element written.
    struct Prices: Sendable {
        let float, int8, int16: SIMD4<Double>

        init(_ float: SIMD4<Double>, _ int8: SIMD4<Double>, _ int16: SIMD4<Double>) {
            (self.float, self.int8, self.int16) = (float, int8, int16)
        }
    }

    let prices: [OperatorClass: Prices]

    /// depthc's fast engine.
    package static let depthc = LatencyModel(prices: depthcPrices)
    /// LiteRT 2.3 with XNNPACK, its default.
    package static let liteRT = LatencyModel(prices: liteRTPrices)
    /// The engines that a latency budget has to hold in.
    package static let engines = [depthc, liteRT]

    /// Nanoseconds of one operator. Whether it computes in float or on codes follows from its types; bridges
    /// (QUANTIZE, DEQUANTIZE) have prices of their own.
    package func cost(of op: Operator, inputs: [TensorType?], outputs: [TensorType]) -> Double {
        guard let prices = prices[Self.operatorClass(op, inputs: inputs)] else { return 0 }
        let isFloat = outputs.contains { $0.elementType == .float32 } || inputs.first??.elementType == .float32
        let isWide = (inputs + outputs).contains { $0?.elementType == .int16 }
        let price = isFloat ? prices.float : isWide ? prices.int16 : prices.int8
        let read = inputs.indices.reduce(0) { sum, index in
            op.quantizationContract.role(of: index) == .activation
                ? sum + (inputs[index]?.shape.elementCount ?? 0) : sum
        }
        let written = outputs.reduce(0) { $0 + $1.shape.elementCount }
        let multiplies = Cost.multiplyAccumulates(of: op, inputs: inputs, outputs: outputs)
        return (price * SIMD4(1, Double(multiplies), Double(read), Double(written))).sum()
    }

    /// Nanoseconds of all operators of a graph, one after the other.
    package func cost(of graph: Graph) -> Double {
        graph.nodes.reduce(0) {
            $0 + cost(of: $1.op, inputs: graph.inputTypes(of: $1), outputs: graph.outputTypes(of: $1))
        }
    }

    /// Latency of `graph` over that of `base`, in the engine where it is larger.
    package static func ratio(of graph: Graph, to base: Graph) -> Double {
        engines.map { $0.cost(of: graph) / max($0.cost(of: base), 1) }.max() ?? 1
    }

    static func operatorClass(_ op: Operator, inputs: [TensorType?]) -> OperatorClass {
        switch op {
        case .conv2D:
            // One input channel for every group.
            if let input = inputs.first.flatMap({ $0 }), inputs.count > 1, let weights = inputs[1],
                input.shape.dimensions.last != 1, weights.shape.dimensions.last == 1
            {
                return .depthwise
            }
            return .convolution
        case .depthwiseConv2D: return .depthwise
        case .transposeConv: return .transposed
        case .fullyConnected: return .matrix
        case .batchMatMul: return inputs.count > 1 && inputs[1]?.shape.rank == 2 ? .matrix : .batchedMatrix
        case .averagePool2D, .maxPool2D: return .pool
        case .unary(let kind):
            switch kind {
            case .relu, .relu6, .reluN1To1, .abs, .neg, .square, .floor, .ceil, .round: return .leakyRelu
            default: return .function
            }
        case .leakyRelu, .prelu: return .leakyRelu
        case .gelu: return .function
        case .softmax, .logSoftmax: return .softmax
        case .reduce, .argument, .cumulativeSum, .topK: return .reduction
        case .binary, .compare, .logical, .select, .cast: return .binary
        case .resizeBilinear: return .resize
        case .resizeNearestNeighbor: return .nearest
        case .reshape, .squeeze, .expandDims, .bitcast, .shape: return .view
        case .concatenation, .split, .splitV, .slice, .stridedSlice, .pad, .padV2, .pack, .unpack, .tile, .broadcastTo:
            return .concatenation
        case .quantize: return .quantize
        case .dequantize: return .dequantize
        default: return .movement
        }
    }
}

extension LatencyModel {
    // Medians of tools/measure/latency_model.py on one thread of an AMD EPYC with AVX2 and without AVX-512.
    static let depthcPrices: [OperatorClass: Prices] = [
        .view: Prices([0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]),
        .convolution: Prices([1315, 0.0225, 0.523, 0], [881, 0.0134, 0.591, 0.332], [2000, 1.2, 0, 0]),
        .depthwise: Prices([25712, 0.114, 0, 0], [2300, 0.118, 0, 0], [2000, 1.2, 0, 0]),
        .transposed: Prices([20915, 0.02, 0, 0.477], [61551, 0, 0, 1.32], [2000, 1.2, 0, 0]),
        .matrix: Prices([14320, 0.0214, 0, 0.219], [8806, 0.0145, 0, 1.04], [2000, 1.2, 0, 0]),
        .batchedMatrix: Prices([0, 0.0222, 0.0764, 0.36], [0, 0.013, 0.207, 0.89], [2000, 1.2, 0, 0]),
        .binary: Prices([0, 0, 0, 0.219], [0, 0, 0, 0.222], [0, 0, 0, 0.222]),
        .concatenation: Prices([0, 0, 0, 0.155], [0, 0, 0, 0.167], [0, 0, 0, 0.167]),
        .leakyRelu: Prices([0, 0, 0.134, 0], [139, 0, 0.122, 0], [139, 0, 0.122, 0]),
        .function: Prices([0, 0, 1.04, 0], [69, 0, 0.123, 0], [69, 0, 0.123, 0]),
        .resize: Prices([0, 0, 0, 0.245], [0, 0, 0, 0.597], [0, 0, 0, 0.597]),
        .nearest: Prices([0, 0, 0, 0.147], [7869, 0, 0, 0.0434], [7869, 0, 0, 0.0434]),
        .pool: Prices([0, 0, 0.158, 0], [12506, 0, 0.0406, 0], [12506, 0, 0.0406, 0]),
        .quantize: Prices([0, 0, 0.323, 0], [0, 0, 0.323, 0], [0, 0, 0.323, 0]),
        .dequantize: Prices([500, 0, 0.12, 0], [500, 0, 0.12, 0], [500, 0, 0.12, 0]),
        .softmax: Prices([0, 0, 1.62, 0], [0, 0, 2.67, 0], [0, 0, 2.67, 0]),
        .reduction: Prices([940, 0, 0.172, 0], [0, 0, 0.26, 0], [0, 0, 0.26, 0]),
        .movement: Prices([0, 0, 0.716, 0], [0, 0, 0.67, 0], [0, 0, 0.67, 0]),
    ]

    static let liteRTPrices: [OperatorClass: Prices] = [
        .view: Prices([1000, 0, 0.1, 0], [1000, 0, 0.025, 0], [1000, 0, 0.05, 0]),
        .convolution: Prices([1139, 0.02, 0.156, 0], [1430, 0.0205, 0.546, 0], [2000, 1.6, 0, 0]),
        .depthwise: Prices([5645, 0.058, 0, 0], [4830, 0.0711, 0, 0], [2000, 1.6, 0, 0]),
        .transposed: Prices([0, 0.0483, 0, 0.575], [0, 0.0188, 0, 1.31], [2000, 1.6, 0, 0]),
        .matrix: Prices([16484, 0.0187, 0, 0.00555], [1545, 0.0184, 0, 0.446], [2000, 1.6, 0, 0]),
        .batchedMatrix: Prices([0, 0.0202, 0.0543, 0.135], [254558, 0, 0.568, 0], [2000, 1.6, 0, 0]),
        .binary: Prices([957, 0, 0, 0.197], [2001, 0, 0, 0.2], [2001, 0, 0, 0.2]),
        .concatenation: Prices([3601, 0, 0, 0.123], [1005, 0, 0, 0.0727], [1005, 0, 0, 0.0727]),
        .leakyRelu: Prices([0, 0, 0.144, 0], [687, 0, 0.0549, 0], [687, 0, 0.0549, 0]),
        .function: Prices([1638, 0, 0.285, 0], [680, 0, 0.131, 0], [680, 0, 0.131, 0]),
        .resize: Prices([1758, 0, 0, 0.338], [1992, 0, 0, 0.33], [1992, 0, 0, 0.33]),
        .nearest: Prices([41065, 0, 0, 0.134], [59457, 0, 0, 0.0941], [59457, 0, 0, 0.0941]),
        .pool: Prices([735, 0, 0.125, 0], [1443, 0, 0.0462, 0], [1443, 0, 0.0462, 0]),
        .quantize: Prices([54, 0, 0.0812, 0], [54, 0, 0.0812, 0], [54, 0, 0.0812, 0]),
        .dequantize: Prices([500, 0, 0.15, 0], [500, 0, 0.15, 0], [500, 0, 0.15, 0]),
        .softmax: Prices([0, 0, 0.66, 0], [0, 0, 2.48, 0], [0, 0, 2.48, 0]),
        .reduction: Prices([0, 0, 0.0734, 0], [0, 0, 0.0556, 0], [0, 0, 0.0556, 0]),
        .movement: Prices([0, 0, 0.222, 0], [0, 0, 0.0758, 0], [0, 0, 0.0758, 0]),
    ]
}
