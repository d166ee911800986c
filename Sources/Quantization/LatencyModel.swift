import GraphIR
import Operators
import TensorCore

/// Predicts how long operators take on one thread, from their types alone, so that searches over mixed precision need
/// no stopwatch and end the same way everywhere.
///
/// Costs are nanoseconds on the machine whose times the prices were fitted to (an AVX2 server core); what they are for is
/// ratios. An operator pays for the call, for every multiply-accumulate, for every element read or written, and for every
/// pixel (row of the innermost axis) written, at prices of its class and of its element type. `tools/measure/latency_model.py` measures single operators in depthc and
/// in LiteRT with XNNPACK, fits the prices and prints them beside these.
package struct LatencyModel: Sendable {
    /// Operators that share prices.
    package enum OperatorClass: Sendable, Hashable, CaseIterable {
        case convolution, depthwise, transposed, matrix, batchedMatrix
        case binary, leakyRelu, function, softmax, reduction, maxPool, averagePool, resize, nearest
        case concatenation, movement, view, quantize, dequantize
    }

    /// Prices of a class by element type, each for a call, a multiply-accumulate, an element and a pixel.
    struct Prices: Sendable {
        let float, int8, int16: SIMD4<Double>

        init(_ float: SIMD4<Double>, _ int8: SIMD4<Double>, _ int16: SIMD4<Double>) {
            (self.float, self.int8, self.int16) = (float, int8, int16)
        }
    }

    let prices: [OperatorClass: Prices]
    /// Integer convolutions pad the input channels of every tap to a multiple of this.
    let codesPadding: Int
    /// What every byte read and written costs besides where they are more than `cacheBytes`: in convolutions, and in
    /// everything else.
    let spill: (convolution: Double, other: Double)

    private static let cacheBytes = 4 << 20

    /// depthc's fast engine.
    package static let depthc = LatencyModel(prices: depthcPrices, codesPadding: 1, spill: (0.15, 0.03))
    /// LiteRT 2.3 with XNNPACK, its default.
    package static let liteRT = LatencyModel(prices: liteRTPrices, codesPadding: 8, spill: (0, 0.015))
    /// The engines that a latency budget has to hold in.
    package static let engines = [depthc, liteRT]

    /// Nanoseconds of one operator. Whether it computes in float or on codes follows from its types; bridges
    /// (QUANTIZE, DEQUANTIZE) have prices of their own.
    package func cost(of op: Operator, inputs: [TensorType?], outputs: [TensorType]) -> Double {
        let operatorClass = Self.operatorClass(op, inputs: inputs)
        guard let prices = prices[operatorClass] else { return 0 }
        let isFloat = outputs.contains { $0.elementType == .float32 } || inputs.first??.elementType == .float32
        let isWide = (inputs + outputs).contains { $0?.elementType == .int16 }
        let price = isFloat ? prices.float : isWide ? prices.int16 : prices.int8
        let operands = inputs.indices.compactMap { index in
            op.quantizationContract.role(of: index) == .activation ? inputs[index] : nil
        }
        let read = operands.reduce(0) { $0 + $1.shape.elementCount }
        let written = outputs.reduce(0) { $0 + $1.shape.elementCount }
        let bytes = (operands + outputs).reduce(0) { $0 + $1.byteCount }
        let pixels = written / max(outputs.first?.shape.dimensions.last ?? 1, 1)
        let multiplies = paddedMultiplies(operatorClass, isFloat: isFloat, op: op, inputs: inputs, outputs: outputs)
        let moved = Double(bytes) * (operatorClass == .convolution ? spill.convolution : spill.other)
        return (price * SIMD4(1, multiplies, Double(read + written), Double(pixels))).sum()
            + (bytes > Self.cacheBytes && operatorClass != .view ? moved : 0)
    }

    /// Multiply-accumulates with the channels that kernels compute besides: results in groups of 8, and an integer
    /// convolution's operands in groups of `codesPadding`.
    private func paddedMultiplies(
        _ operatorClass: OperatorClass, isFloat: Bool, op: Operator, inputs: [TensorType?], outputs: [TensorType]
    ) -> Double {
        func padded(_ channels: Int?, _ group: Int) -> Double {
            guard let channels, channels > 0 else { return 1 }
            return Double((channels + group - 1) / group * group) / Double(channels)
        }
        var result = Double(Cost.multiplyAccumulates(of: op, inputs: inputs, outputs: outputs))
        if operatorClass != .depthwise { result *= padded(outputs.first?.shape.dimensions.last, 8) }
        if operatorClass == .convolution, !isFloat, inputs.count > 1 {
            result *= padded(inputs[1]?.shape.dimensions.last, codesPadding)
        }
        return result
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
        case .averagePool2D: return .averagePool
        case .maxPool2D: return .maxPool
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

// Fitted by tools/measure/latency_model.py to the fastest of 16 interleaved rounds on one thread of an AMD EPYC with AVX2
// and without AVX-512; most classes are met within 10 % over the sizes measured.
extension LatencyModel {
    static let depthcPrices: [OperatorClass: Prices] = [
        .convolution: Prices([0, 0.0222, 0.115, 3.9], [0, 0.0135, 0.35, 2.75], [0, 0.649, 0, 100]),
        .depthwise: Prices([0, 0, 0.332, 20.7], [578, 0, 0.434, 3.07], [0, 0, 6.38, 58.5]),
        .transposed: Prices([42002, 0.022, 0, 5.56], [93578, 0.0134, 0, 8.62], [0, 0.54, 0, 88.6]),
        .matrix: Prices([14538, 0.0204, 0.171, 0], [8883, 0.013, 0.803, 0], [0, 0.4, 2.5, 0]),
        .batchedMatrix: Prices([19894, 0.0234, 0, 0], [43090, 0.0198, 0, 0], [0, 0.405, 1.97, 0]),
        .binary: Prices([4936, 0, 0.0537, 0], [370, 0, 0.0683, 0], [4273, 0, 0.061, 0.199]),
        .concatenation: Prices([0, 0, 0.0719, 0], [0, 0, 0.0136, 0.129], [0, 0, 0.0492, 0]),
        .leakyRelu: Prices([1692, 0, 0.0577, 0.0663], [125, 0, 0.0609, 0], [0, 0, 3.92, 0]),
        .function: Prices([0, 0, 0.513, 0], [104, 0, 0.061, 0], [0, 0, 4.18, 1.74]),
        .resize: Prices([0, 0, 0.104, 3.46], [3161, 0, 0.204, 11.9], [25367, 0, 3.55, 37.4]),
        .nearest: Prices([0, 0, 0.0546, 2.26], [0, 0, 0.00591, 3.18], [0, 0, 0.0396, 2.42]),
        .maxPool: Prices([0, 0, 0.0517, 17.5], [4314, 0, 0.00445, 19.8], [0, 0, 4.52, 93.9]),
        .averagePool: Prices([0, 0, 0.059, 22.3], [0, 0, 0.894, 37.3], [0, 0, 2.23, 76.5]),
        .softmax: Prices([14529, 0, 0.464, 28.2], [0, 0, 0.95, 121], [5222, 0, 3.75, 36.6]),
        .reduction: Prices([15736, 0, 0, 8.52], [9947, 0, 0, 23.9], [15358, 0, 0, 25.8]),
        .movement: Prices([0, 0, 0.367, 0.206], [0, 0, 0.296, 1.97], [0, 0, 0.33, 0.466]),
        .quantize: Prices([146, 0, 0.16, 0], [146, 0, 0.16, 0], [146, 0, 0.16, 0]),
        .view: Prices([71, 0, 5.03e-05, 0], [68, 0, 1.38e-05, 0.000291], [63, 0, 1.47e-05, 0.000316]),
        .dequantize: Prices([0, 0, 0.0474, 0], [0, 0, 0.0474, 0], [0, 0, 0.0474, 0]),
    ]

    static let liteRTPrices: [OperatorClass: Prices] = [
        .convolution: Prices([654, 0.0208, 0, 1.64], [768, 0.0215, 0.168, 2.16], [0, 0.634, 6, 0]),
        .depthwise: Prices([649, 0, 0.226, 3.43], [844, 0, 0.285, 2.84], [0, 0, 10.1, 5.15]),
        .transposed: Prices([46355, 0.0498, 0, 6.84], [130530, 0.0215, 0, 14.7], [0, 0.731, 0, 147]),
        .matrix: Prices([16478, 0.0188, 0, 0], [1559, 0.0178, 0.365, 0], [30240, 0.0571, 0, 0]),
        .batchedMatrix: Prices([0, 0.0215, 0, 12.3], [294415, 0, 0, 0], [128647, 0.591, 0, 0]),
        .binary: Prices([883, 0, 0.0592, 0], [4306, 0, 0.0576, 0.213], [4870, 0, 0.0601, 0.192]),
        .concatenation: Prices([6374, 0, 0.0537, 0.192], [568, 0, 0.0345, 0.175], [4341, 0, 0.195, 0]),
        .leakyRelu: Prices([2917, 0, 0.0557, 0.145], [765, 0, 0.0269, 0.00638], [0, 0, 4.09, 0]),
        .function: Prices([1521, 0, 0.142, 0.00399], [656, 0, 0.065, 0.00461], [1410, 0, 1.38, 0]),
        .resize: Prices([0, 0, 0.239, 1.1], [981, 0, 0.238, 0.914], [0, 0, 2.92, 4.91]),
        .nearest: Prices([0, 0, 0.0246, 11.9], [0, 0, 0, 13.4], [0, 0, 0.196, 11.6]),
        .maxPool: Prices([666, 0, 0.103, 2.6], [567, 0, 0.024, 3.59], [372, 0, 2.25, 2.4]),
        .averagePool: Prices([0, 0, 0.0683, 4.37], [224, 0, 0.808, 8.2], [532, 0, 2.52, 2.13]),
        .softmax: Prices([755, 0, 0.211, 19.1], [5569, 0, 1.12, 9.16], [0, 0, 3.35, 21.2]),
        .reduction: Prices([4863, 0, 0, 4.49], [2135, 0, 0, 5.47], [412411, 0, 0, 274]),
        .movement: Prices([0, 0, 0.111, 0], [0, 0, 0.0269, 0.899], [0, 0, 0.745, 0]),
        .quantize: Prices([0, 0, 0.0466, 0.141], [0, 0, 0.0466, 0.141], [0, 0, 0.0466, 0.141]),
        .view: Prices([1295, 0, 0.0753, 0.0713], [0, 0, 0.0152, 0], [2280, 0, 0.157, 0]),
        .dequantize: Prices([6212, 0, 0.0247, 0.134], [6212, 0, 0.0247, 0.134], [6212, 0, 0.0247, 0.134]),
    ]
}
