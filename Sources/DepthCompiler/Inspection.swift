import GraphIR
import Operators
import Quantization
import TensorCore

/// What a model file holds, for people and for JSON.
public struct Inspection: Sendable, Codable {
    public struct Tensor: Sendable, Codable {
        public var name: String
        public var elementType: String
        public var shape: [Int]
        public var scale: Float?
        public var zeroPoint: Int32?
    }

    public struct Node: Sendable, Codable {
        public var name: String
        public var operatorName: String
        public var inputs: [String]
        public var outputs: [Tensor]
        public var multiplyAccumulates: Int
        public var weightBytes: Int
    }

    public var path: String
    public var format: String
    public var byteCount: Int
    public var inputs: [Tensor]
    public var outputs: [Tensor]
    /// Operators of the graph as depthc runs it, by name, and how often each occurs.
    public var operators: [String: Int]
    /// Operators of the source file; empty where they are those of the graph.
    public var sourceOperators: [String: Int]
    public var multiplyAccumulates: Int
    /// What `LatencyModel` expects of one thread, in depthc and in LiteRT with XNNPACK; for ratios between files.
    public var expectedMilliseconds: [String: Double]
    public var constantBytes: Int
    public var nodes: [Node]
    public var metadata: ExportMetadata?
    public var assumptions: [String]
    public var warnings: [String]

    public init(_ model: Model) {
        let graph = model.graph
        func tensor(_ value: ValueID, _ name: String? = nil) -> Tensor {
            let type = graph.type(of: value)
            let parameters = type.quantization.flatMap { $0.isPerChannel ? nil : $0 }
            return Tensor(
                name: name ?? graph[value].name, elementType: type.elementType.rawValue, shape: type.shape.dimensions,
                scale: parameters?.scale, zeroPoint: parameters?.zeroPoint)
        }
        path = model.path
        format = model.format.rawValue
        byteCount = model.byteCount
        inputs = graph.inputs.map { tensor($0.value, $0.sourceName) }
        outputs = graph.outputs.map { tensor($0.value, $0.sourceName) }
        operators = [:]
        sourceOperators = model.sourceOperators
        nodes = []
        var constants: [ValueID: Int] = [:]
        for node in graph.nodes {
            operators[node.op.name, default: 0] += 1
            var weights = 0
            for case let input? in node.inputs {
                guard let constant = graph.constant(input) else { continue }
                constants[input] = constant.type.byteCount
                weights += constant.type.byteCount
            }
            nodes.append(
                Node(
                    name: node.location, operatorName: node.op.name,
                    inputs: node.inputs.map { $0.map { graph[$0].name } ?? "" },
                    outputs: node.outputs.map { tensor($0) },
                    multiplyAccumulates: Cost.multiplyAccumulates(
                        of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node)),
                    weightBytes: weights))
        }
        multiplyAccumulates = nodes.reduce(0) { $0 + $1.multiplyAccumulates }
        expectedMilliseconds = [
            "depthc": LatencyModel.depthc.cost(of: graph) / 1e6, "LiteRT": LatencyModel.liteRT.cost(of: graph) / 1e6,
        ]
        constantBytes = constants.values.reduce(0, +)
        metadata = model.metadata
        assumptions = model.assumptions
        warnings = model.warnings
    }
}
