import Foundation
import Operators
import TensorCore
import Testing

/// Operands and results of one operator as a foreign program computed them.
struct RecordedCase: Decodable, Sendable, CustomStringConvertible {
    struct Array: Decodable, Sendable {
        var type: String
        var shape: [Int]
        var data: Data

        func tensor() throws -> Tensor {
            let type = TensorType(try #require(ElementType(rawValue: type)), Shape(shape))
            return try #require(data.withUnsafeBytes { Tensor(type, bytes: $0) })
        }
    }

    var op: String
    var inputs: [Array]
    var outputs: [Array]
    var tolerance: String

    var description: String {
        "\(op)(\(inputs.map { "\($0.type)\($0.shape)" }.joined(separator: ", ")))"
    }

    private struct File: Decodable {
        var producer: String
        var cases: [RecordedCase]
    }

    /// Every case of `Recorded/NAME.json`, empty when the file cannot be read.
    static func load(_ name: String) -> [RecordedCase] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Recorded/\(name).json")
        guard let data = try? Data(contentsOf: file), let file = try? JSONDecoder().decode(File.self, from: data) else {
            return []
        }
        return file.cases
    }

    /// The operator that the case's name stands for.
    func makeOperator() -> Operator? {
        let parts = op.split(separator: "_").map(String.init)
        let number = parts.last.flatMap { Int($0) } ?? 0
        if let kind = Binary.Kind(rawValue: op) { return .binary(Binary(kind)) }
        if let kind = Comparison(rawValue: op) { return .compare(kind) }
        if let kind = Logical(rawValue: op) { return .logical(kind) }
        if let kind = Unary(rawValue: op) { return .unary(kind) }
        if op.hasPrefix("CAST_") { return ElementType(rawValue: String(op.dropFirst(5))).map { .cast(to: $0) } }
        let keep = op.hasSuffix("_KEEP")
        if let kind = Reduction.Kind(rawValue: keep ? String(op.dropLast(5)) : op) {
            return .reduce(Reduction(kind, keepDimensions: keep))
        }
        if let kind = ArgumentReduction.Kind(rawValue: op) {
            return .argument(ArgumentReduction(kind, outputType: .int64))
        }
        let fixed: [String: Operator] = [
            "GELU": .gelu(approximate: false), "GELU_APPROXIMATE": .gelu(approximate: true),
            "LEAKY_RELU": .leakyRelu(alpha: 0.1), "PRELU": .prelu, "SELECT_V2": .select,
            "SOFTMAX": .softmax(beta: 1), "LOG_SOFTMAX": .logSoftmax, "TOPK_V2": .topK,
            "CUMSUM": .cumulativeSum(exclusive: false, reverse: false),
            "CUMSUM_EXCLUSIVE": .cumulativeSum(exclusive: true, reverse: false),
            "CUMSUM_REVERSE": .cumulativeSum(exclusive: false, reverse: true),
            "CUMSUM_EXCLUSIVE_REVERSE": .cumulativeSum(exclusive: true, reverse: true),
            "RESHAPE": .reshape, "TRANSPOSE": .transpose, "SLICE": .slice, "TILE": .tile, "REVERSE_V2": .reverse,
            "STRIDED_SLICE": .stridedSlice(StridedSlice()), "PAD": .pad, "PADV2": .padV2,
            "MIRROR_PAD_REFLECT": .mirrorPad(.reflect), "MIRROR_PAD_SYMMETRIC": .mirrorPad(.symmetric),
            "BROADCAST_TO": .broadcastTo, "CONCATENATION_1": .concatenation(axis: 1, activation: .none),
            "SPLIT_2": .split(count: 2), "SPLIT_V_3": .splitV(count: 3), "PACK_1": .pack(axis: 1, count: 3),
            "UNPACK_2_4": .unpack(axis: 2, count: 4), "DEPTH_TO_SPACE_2": .depthToSpace(blockSize: number),
            "SPACE_TO_DEPTH_2": .spaceToDepth(blockSize: number), "SPACE_TO_BATCH_ND": .spaceToBatchND,
            "BATCH_TO_SPACE_ND": .batchToSpaceND, "FILL": .fill, "SHAPE": .shape(.int32), "RANGE": .range,
            "GATHER_1": .gather(axis: 1, batchDimensions: 0), "GATHER_2_BATCH_1": .gather(axis: 2, batchDimensions: 1),
            "GATHER_ND": .gatherND, "SCATTER_ND": .scatterND, "ONE_HOT_-1": .oneHot(axis: -1),
            "ONE_HOT_0": .oneHot(axis: 0),
        ]
        return fixed[op]
    }
}
