import DSPEmulator
import Foundation
import GraphIR
import Operators
import TensorCore
import Testing

/// A graph with what the Python oracle of admission and partitioning says of it.
struct RecordedPlacement: Decodable, Sendable, CustomTestStringConvertible {
    struct RecordedTensor: Decodable, Sendable {
        var type: String
        var shape: [Int]
        var constant: Bool?
        /// Number of scales.
        var scales: Int?
    }

    struct Options: Decodable, Sendable {
        var strides: [Int]?
        var dilations: [Int]?
        var filter: [Int]?
        var padding: String?
        var activation: String?
        var multiplier: Int?
        var keepDims: Bool?
        var ellipsisMask: Int?
        var newAxisMask: Int?
    }

    struct RecordedOperator: Decodable, Sendable {
        var builtin: String
        var version: Int
        /// -1 where an optional operand is marked absent.
        var inputs: [Int]
        var outputs: [Int]
        var options: Options?
        var sideEffect: Bool?
    }

    private struct File: Decodable {
        var admission: [RecordedPlacement]
        var partitions: [RecordedPlacement]
    }

    var name: String
    var partitionLimit: Int
    var nodeMinimum: Int
    var tensors: [RecordedTensor]
    var inputs: [Int]
    var outputs: [Int]
    var operators: [RecordedOperator]
    /// By operator; null where the delegate takes it.
    var reasons: [String?]
    var candidates: [[Int]]
    var chosen: [Int]
    var delegated: [[Int]]

    var testDescription: String { name }

    private static let file: File = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/partitions.json")
        guard let data = try? Data(contentsOf: path), let file = try? JSONDecoder().decode(File.self, from: data)
        else { fatalError("\(path.path) cannot be read") }
        return file
    }()

    /// One operator each, without those that the reader of files refuses, so that ``Operator`` cannot hold them.
    static let admission = file.admission.filter { !$0.isUnreadable }
    /// Without operators that have side effects, which the reader of files refuses.
    static let partitions = file.partitions.filter { graph in !graph.operators.contains { $0.sideEffect == true } }

    private var isUnreadable: Bool {
        let builtin = operators[0].builtin
        switch reasons[0] {
        case "E_BLOCKWISE", "E_WEIGHT_FORMAT": return true
        case "E_ACTIVATION": if !builtin.hasSuffix("POOL_2D") { return true }
        case "E_ATTRIBUTE": if builtin == "RESIZE_BILINEAR" { return true }
        default: break
        }
        return builtin == "L2_NORMALIZATION"
    }

    func listing() throws -> OperatorListing {
        var listed: [Int: ListedTensor] = [:]
        for (index, tensor) in tensors.enumerated() {
            let count = tensor.scales ?? 0
            let quantization =
                count == 0
                ? nil
                : QuantizationParameters(
                    scales: [Float](repeating: 0.0625, count: count), zeroPoints: [Int32](repeating: 0, count: count),
                    axis: 0)
            let element = try #require(ElementType(rawValue: tensor.type))
            let type = TensorType(element, Shape(tensor.shape), quantization: quantization)
            listed[index] = ListedTensor(
                name: "t\(index)", type: type, constant: tensor.constant == true ? Tensor(zeros: type) : nil)
        }
        let entries = operators.map {
            ListedOperator(
                builtin: $0.builtin, version: $0.version, op: $0.op, inputs: $0.inputs.map { $0 < 0 ? nil : $0 },
                outputs: $0.outputs)
        }
        return OperatorListing(operators: entries, tensors: listed, inputs: inputs, outputs: outputs)
    }
}

extension RecordedPlacement.RecordedOperator {
    private func extent(_ pair: [Int]?) -> Extent2D {
        pair.map { Extent2D(height: $0[0], width: $0[1]) } ?? Extent2D(1)
    }

    /// The operator where the rules look at its options; for all others any, for they look at its name.
    var op: Operator {
        let stride = extent(options?.strides)
        let dilation = extent(options?.dilations)
        let padding: Padding = options?.padding == "VALID" ? .valid : .same
        let pool = Pool2D(
            window: extent(options?.filter), stride: stride, padding: padding,
            activation: options?.activation == "RELU" ? .relu : .none)
        switch builtin {
        case "CONV_2D": return .conv2D(Conv2D(stride: stride, dilation: dilation, padding: padding))
        case "DEPTHWISE_CONV_2D":
            return .depthwiseConv2D(
                DepthwiseConv2D(
                    stride: stride, dilation: dilation, padding: padding, depthMultiplier: options?.multiplier ?? 1))
        case "TRANSPOSE_CONV": return .transposeConv(TransposeConv(stride: stride, padding: padding))
        case "FULLY_CONNECTED": return .fullyConnected(FullyConnected(keepDimensions: options?.keepDims ?? false))
        case "AVERAGE_POOL_2D": return .averagePool2D(pool)
        case "MAX_POOL_2D": return .maxPool2D(pool)
        case "STRIDED_SLICE":
            return .stridedSlice(
                StridedSlice(ellipsisMask: options?.ellipsisMask ?? 0, newAxisMask: options?.newAxisMask ?? 0))
        default: return .unary(.relu)
        }
    }
}

@Suite("Admission and partitions as recorded")
struct RecordedPartitionTests {
    @Test("codes", arguments: RecordedPlacement.admission)
    func codes(recorded: RecordedPlacement) throws {
        let listing = try recorded.listing()
        let code = DSPProfile.hexagonDelegate.refusals(of: listing.operators[0], in: listing).first?.code
        #expect(code?.rawValue == recorded.reasons[0])
    }

    @Test("partitions", arguments: RecordedPlacement.partitions)
    func partitions(recorded: RecordedPlacement) throws {
        let listing = try recorded.listing()
        var profile = DSPProfile.hexagonDelegate
        profile.limits = PartitionLimits(partitions: recorded.partitionLimit, nodes: recorded.nodeMinimum)
        let placement = DSPPlacement(listing, profile: profile)
        #expect(placement.candidates.map(\.operators) == recorded.candidates)
        #expect(placement.chosen == recorded.chosen)
        #expect(placement.delegated.map(\.operators) == recorded.delegated)
    }
}
