import Foundation
import Operators
import TensorCore
import Testing

/// One operator as LiteRT computed it: `golden/operators`, made by `tools/golden/make_operator_cases.py`.
struct LiteRTCase: Decodable, Sendable, CustomStringConvertible {
    struct Value: Decodable, Sendable {
        var type: String
        var shape: [Int]
        var bytes: Data
        var scales: [Float]?
        var zeroPoints: [Int32]?
        var axis: Int?

        func tensor() throws -> Tensor {
            var type = TensorType(try #require(ElementType(rawValue: type)), Shape(shape))
            if let scales, let zeroPoints {
                type.quantization =
                    axis.map { QuantizationParameters(scales: scales, zeroPoints: zeroPoints, axis: $0) }
                    ?? QuantizationParameters(scale: scales[0], zeroPoint: zeroPoints[0])
            }
            return try #require(bytes.withUnsafeBytes { Tensor(type, bytes: $0) })
        }
    }

    enum Attribute: Decodable, Sendable {
        case flag(Bool)
        case number(Double)
        case text(String)

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let flag = try? value.decode(Bool.self) {
                self = .flag(flag)
            } else if let number = try? value.decode(Double.self) {
                self = .number(number)
            } else {
                self = .text(try value.decode(String.self))
            }
        }
    }

    var name: String
    var `operator`: String
    var attributes: [String: Attribute]
    var resolver: String
    var inputs: [Value?]
    var outputs: [Value]

    var description: String { name }

    private struct File: Decodable {
        var producer: String
        var cases: [LiteRTCase]
    }

    static let families = [
        "convolution", "pooling", "matrix_multiply", "elementwise", "unary", "normalization", "reduction", "resize",
        "layout", "quantize", "four_bit_weights",
    ]

    /// Every case of every family; those of a file that cannot be read are missing, which the count test tells.
    static let all: [LiteRTCase] = families.flatMap { family -> [LiteRTCase] in
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "golden/operators/\(family).json")
        guard let data = try? Data(contentsOf: file), let file = try? JSONDecoder().decode(File.self, from: data),
            file.producer.hasPrefix("LiteRT")
        else { return [] }
        return file.cases
    }

    private func number(_ key: String) -> Double {
        if case .number(let value) = attributes[key] { value } else { 0 }
    }

    private func flag(_ key: String) -> Bool { if case .flag(let value) = attributes[key] { value } else { false } }

    private func text(_ key: String) -> String { if case .text(let value) = attributes[key] { value } else { "" } }

    private func extent(_ prefix: String) -> Extent2D {
        Extent2D(height: Int(number(prefix + "Height")), width: Int(number(prefix + "Width")))
    }

    private var activation: Activation { Activation(rawValue: text("activation")) ?? .none }

    /// The operator that the case's name and attributes say.
    func makeOperator() throws -> Operator {
        let padding = Padding(rawValue: text("padding")) ?? .valid
        switch self.operator {
        case "CONV_2D":
            return .conv2D(
                Conv2D(
                    stride: extent("stride"), dilation: extent("dilation"), padding: padding, activation: activation))
        case "DEPTHWISE_CONV_2D":
            return .depthwiseConv2D(
                DepthwiseConv2D(
                    stride: extent("stride"), dilation: extent("dilation"), padding: padding,
                    depthMultiplier: Int(number("depthMultiplier")), activation: activation))
        case "TRANSPOSE_CONV":
            return .transposeConv(TransposeConv(stride: extent("stride"), padding: padding, activation: activation))
        case "AVERAGE_POOL_2D", "MAX_POOL_2D":
            let pool = Pool2D(
                window: extent("window"), stride: extent("stride"), padding: padding, activation: activation)
            return self.operator == "MAX_POOL_2D" ? .maxPool2D(pool) : .averagePool2D(pool)
        case "FULLY_CONNECTED":
            return .fullyConnected(
                FullyConnected(
                    keepDimensions: flag("keepDimensions"), activation: activation,
                    asymmetricQuantizeInputs: flag("asymmetricQuantizeInputs")))
        case "BATCH_MATMUL":
            return .batchMatMul(
                BatchMatMul(
                    adjointLeft: flag("adjointLeft"), adjointRight: flag("adjointRight"),
                    asymmetricQuantizeInputs: flag("asymmetricQuantizeInputs")))
        case "LEAKY_RELU": return .leakyRelu(alpha: Float(number("alpha")))
        case "GELU": return .gelu(approximate: flag("approximate"))
        case "PRELU": return .prelu
        case "SOFTMAX": return .softmax(beta: Float(number("beta")))
        case "LOG_SOFTMAX": return .logSoftmax
        case "CONCATENATION": return .concatenation(axis: Int(number("axis")), activation: activation)
        case "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR":
            let options = ResizeOptions(
                alignCorners: flag("alignCorners"), halfPixelCenters: flag("halfPixelCenters"))
            return self.operator == "RESIZE_BILINEAR" ? .resizeBilinear(options) : .resizeNearestNeighbor(options)
        case "QUANTIZE": return .quantize(to: try #require(ElementType(rawValue: text("to"))))
        case "DEQUANTIZE": return .dequantize
        case "CAST": return .cast(to: try #require(ElementType(rawValue: text("to"))))
        case "BITCAST": return .bitcast(to: try #require(ElementType(rawValue: text("to"))))
        default: break
        }
        if let kind = Binary.Kind(rawValue: self.operator) { return .binary(Binary(kind, activation: activation)) }
        if let kind = Comparison(rawValue: self.operator) { return .compare(kind) }
        if let kind = Unary(rawValue: self.operator) { return .unary(kind) }
        if let kind = Reduction.Kind(rawValue: self.operator) {
            return .reduce(Reduction(kind, keepDimensions: flag("keepDimensions")))
        }
        throw Diagnostic(.unsupported, at: name, "no such operator")
    }
}
