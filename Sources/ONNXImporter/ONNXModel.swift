import TensorCore

/// An ONNX model as plain values: what the file says, nothing resolved or checked beyond its encoding.
struct ONNXModel: Sendable {
    struct OperatorSet: Sendable, Hashable {
        var domain: String
        var version: Int
    }

    struct Function: Sendable, Hashable {
        var domain: String
        var name: String
    }

    var irVersion: Int
    var producerName: String
    var producerVersion: String
    var graph: ONNXGraph
    var operatorSets: [OperatorSet]
    var functions: [Function]
    var metadata: [String: String]

    /// Version of the default operator set; nil when the model does not import it.
    var opset: Int? { operatorSets.first { $0.domain.isEmpty || $0.domain == "ai.onnx" }?.version }
}

struct ONNXGraph: Sendable {
    var name: String
    var nodes: [ONNXNode]
    var initializers: [ONNXTensor]
    var inputs: [ONNXValueInfo]
    var outputs: [ONNXValueInfo]
    var valueInfo: [ONNXValueInfo]
    /// Names of initialisers stored as sparse tensors, which are not read.
    var sparseInitializers: [String]
}

struct ONNXNode: Sendable {
    var name: String
    var operatorType: String
    var domain: String
    /// Names of values; an empty name is an operand left out.
    var inputs: [String]
    var outputs: [String]
    var attributes: [String: ONNXAttribute]
}

enum ONNXAttribute: Sendable {
    case float(Float)
    case int(Int)
    case string(String)
    case tensor(ONNXTensor)
    case graph(ONNXGraph)
    case floats([Float])
    case ints([Int])
    case strings([String])
    /// A kind that no operator read here has: its name.
    case other(String)
}

struct ONNXTensor: Sendable {
    enum Payload: Sendable {
        /// The elements, in ``ONNXElementType/storageType``.
        case tensor(Tensor)
        /// Keys and values of the external data record: `location`, `offset`, `length`.
        case external([String: String])
        /// Elements that depthc cannot hold: why.
        case unsupported(String)
    }

    var name: String
    var elementType: ONNXElementType
    var shape: Shape
    var payload: Payload
}

struct ONNXValueInfo: Sendable {
    enum Dimension: Sendable, Hashable {
        case fixed(Int)
        case symbol(String)
        case unknown
    }

    enum Kind: Sendable, Hashable {
        /// A dense tensor; `shape` is nil when not even the rank is declared.
        case tensor(ONNXElementType, shape: [Dimension]?)
        /// A tensor of an element type the format does not define.
        case unknownElementType(Int32)
        /// "sequence", "map", "optional" or "sparse tensor".
        case other(String)
        case undeclared
    }

    var name: String
    var kind: Kind
}
