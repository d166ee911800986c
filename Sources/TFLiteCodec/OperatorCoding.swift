import CTFLite
import Operators
import TensorCore

/// What an operator's options mean depends on its operands: their types, and the result types that the file declares.
struct CodedTypes {
    var inputs: [TensorType?]
    var outputs: [TensorType]

    func input(_ index: Int) -> TensorType? { index < inputs.count ? inputs[index] : nil }

    /// The element types of the results where some are codes of 4 bits, which operators take and give beside int8.
    var resultTypesAskedFor: [ElementType]? {
        let types = inputs.compactMap(\.?.elementType) + outputs.map(\.elementType)
        return types.contains(.int4) ? outputs.map(\.elementType) : nil
    }
}

/// Options tables to operators and back. Every family is one file with both directions.
enum OperatorCoding {
    /// The operator that a builtin with these options is, or nil when depthc does not have it.
    ///
    /// - Throws: `Diagnostic` for options that depthc does not support.
    static func decode(_ builtin: String, _ options: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        for family in [
            decodeConvolution, decodeMatrixMultiply, decodePooling, decodeElementwise, decodeNormalization,
            decodeReduction, decodeLayout, decodeGather, decodeResize, decodeQuantize,
        ] {
            if let op = try family(builtin, options, types) { return op }
        }
        return nil
    }

    /// True when ``decode(_:_:_:)`` knows the builtin at all.
    static func supports(_ builtin: String) -> Bool { supportedBuiltins.contains(builtin) }

    /// Fills in the options of `op`; the type is set by the caller.
    static func encode(_ op: Operator, _ types: CodedTypes, into options: inout CTFLOptions) throws {
        switch op {
        case .conv2D, .depthwiseConv2D, .transposeConv: try encodeConvolution(op, types, &options)
        case .fullyConnected, .batchMatMul: try encodeMatrixMultiply(op, types, &options)
        case .averagePool2D, .maxPool2D: try encodePooling(op, &options)
        case .binary, .compare, .logical, .unary, .leakyRelu, .gelu, .prelu, .select, .cast, .bitcast:
            encodeElementwise(op, types, &options)
        case .softmax, .logSoftmax: encodeNormalization(op, &options)
        case .reduce, .argument, .topK, .cumulativeSum: encodeReduction(op, &options)
        case .reshape, .transpose, .concatenation, .split, .splitV, .slice, .stridedSlice, .pad, .padV2, .mirrorPad,
            .pack, .unpack, .expandDims, .squeeze, .tile, .broadcastTo, .reverse, .depthToSpace, .spaceToDepth,
            .batchToSpaceND, .spaceToBatchND, .shape, .fill, .range:
            try encodeLayout(op, &options)
        case .gather, .gatherND, .scatterND, .oneHot: try encodeGather(op, &options)
        case .resizeBilinear, .resizeNearestNeighbor: encodeResize(op, &options)
        case .quantize, .dequantize: break
        }
    }

    private static let supportedBuiltins: Set<String> = Set(
        Builtin.codes.keys.filter { builtin in
            // A probe with operands of every kind: what matters is whether some family answers.
            let any = TensorType(.float32, [1, 1, 1, 1])
            let types = CodedTypes(inputs: [any, any, any, any], outputs: [any])
            do {
                return try decode(builtin, ctfl_default_options(), types) != nil
            } catch {
                return true
            }
        })

    static func unsupported(_ message: String) -> Diagnostic { Diagnostic(.unsupported, at: "", message) }

    static func int32(_ value: Int) throws -> Int32 {
        guard let narrow = Int32(exactly: value) else { throw unsupported("\(value) does not fit into 32 bits") }
        return narrow
    }
}

extension Activation {
    init(tflite value: Int32) throws {
        switch value {
        case 0: self = .none
        case 1: self = .relu
        case 2: self = .reluN1To1
        case 3: self = .relu6
        case 4: throw OperatorCoding.unsupported("a fused TANH")
        case 5: throw OperatorCoding.unsupported("a fused SIGN_BIT")
        default: throw Diagnostic(.badModel, at: "", "there is no fused activation \(value)")
        }
    }

    var tflite: Int32 {
        switch self {
        case .none: 0
        case .relu: 1
        case .reluN1To1: 2
        case .relu6: 3
        }
    }
}

extension Padding {
    init(tflite value: Int32) throws {
        switch value {
        case 0: self = .same
        case 1: self = .valid
        default: throw Diagnostic(.badModel, at: "", "there is no padding \(value)")
        }
    }

    var tflite: Int32 { self == .same ? 0 : 1 }
}
